"""What a preset is trained on: its corpora as token sets, and the encoders that the tokens come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from core.errors import ConfigError
from core.labels import MODALITIES, Modality
from core.spec import CalibrationSpec, EncoderSpec, ModelSpec, pattern
from core.stages.baseline import BaselineConfig
from train.calibration.stage import PATTERNS
from train.calibration.teacher import identity_calibration
from train.config import CorpusConfig, TrainingConfig
from train.corpora.base import Example, bucket
from train.corpora.label_space import LabelSpace
from train.corpora.registry import ReadOptions, read_corpus, split_note
from train.data.token_set import TokenSet
from train.encoder_plan import cutting_checkpoint, encoder_specs
from train.encoding.corpus import EncodingContext, RecordingWork, tokens_of
from train.encoding.features import Locate
from train.encoding.history import with_drawn_history
from train.raw.corpus import raw_set
from train.raw.vocabulary import raw_specs, vocabulary_of


@dataclass(frozen=True, slots=True)
class Paths:
    """Where things are.

    Attributes:
        data: folder with the corpora.
        encoders: what the first stage wrote: encoder files and `peer_*.safetensors`.
        out: the new checkpoint; the state of an unfinished run lies in `out/run`.
        cache: for tokens.
        locate: finds third-party weights.
        recordings: how recordings are worked off; the recogniser is the preset's.
    """

    data: Path
    encoders: Path
    out: Path
    cache: Path
    locate: Locate
    recordings: RecordingWork = field(default_factory=RecordingWork)


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Everything that goes into a training.

    Attributes:
        sets: token sets of all corpora, training and validation parts.
        spec: of the new checkpoint before anything of it was fitted.
        files: folder with the files that the spec's encoders name.
        notes: sentences on what was left out and on what the splits share.
    """

    sets: list[TokenSet]
    spec: ModelSpec
    files: Path
    notes: tuple[str, ...]


def read_training_data(config: TrainingConfig, paths: Paths, *, quiet: bool = True) -> TrainingData:
    """Tokens of every corpus of the preset, out of the cache where they are there.

    Args:
        config: the preset.
        paths: folders.
        quiet: no progress bars.

    Raises:
        ConfigError: nothing is left for training or for validation.
        SourceError: a corpus, or a recording of one, is absent or damaged.
    """
    parts, notes = _read(config, paths)
    if config.inputs == "raw":
        found = _raw(config, paths, parts, quiet=quiet)
    else:
        found = _encoded(config, paths, parts, quiet=quiet)
    for split in ("train", "validation"):
        if not any(split in tokens.splits for tokens in found.sets):
            raise ConfigError(
                f"no example is left for {split}.", where="corpora", fix="Fill in the parts otherwise."
            )
    return replace(found, notes=(*notes, *found.notes))


def limited(examples: Sequence[Example], use: CorpusConfig) -> list[Example]:
    """Training and validation part, each cut to its limit by a hash of the examples' names; no test part."""
    kept: list[Example] = []
    for split, limit in (("train", use.limit), ("validation", use.validation_limit)):
        rows = sorted((e for e in examples if e.split == split), key=lambda e: bucket(e.id))
        kept += rows[: limit or None]
    return kept


def _read(config: TrainingConfig, paths: Paths) -> tuple[dict[str, list[Example]], list[str]]:
    """Corpus -> its examples, and what is to be told of their splits."""
    parts: dict[str, list[Example]] = {}
    notes = []
    for name, use in config.corpora.items():
        reading = ReadOptions(
            split_rule=use.split_rule,
            shared_speakers=use.shared_speakers,
            lenient=paths.recordings.skip_unreadable,
            space=LabelSpace(config.labels),
        )
        everything = read_corpus(name, use.folder or paths.data, reading)
        parts[name] = limited(everything, use)
        notes += [note for note in (split_note(name, everything, reading),) if note]
    return parts, notes


def _encoded(
    config: TrainingConfig, paths: Paths, parts: Mapping[str, list[Example]], *, quiet: bool
) -> TrainingData:
    heard = config.recogniser
    context = EncodingContext(
        paths.encoders,
        paths.cache,
        paths.locate,
        lambda: cutting_checkpoint(paths.encoders, paths.cache, lambda: _spec(config, paths, ())),
        config.views,
        replace(paths.recordings, whisper=heard.whisper, language=heard.language),
    )
    sets, notes = [], []
    for name, examples in parts.items():
        tokens, told = tokens_of(name, examples, context, quiet=quiet)
        sets.append(tokens)
        notes += told
    spec = _spec(config, paths, sets)
    baseline = BaselineConfig.of(spec.encoders["audio"].options)
    compared = [with_drawn_history(tokens, baseline) for tokens in sets]
    return TrainingData(compared, spec, paths.encoders, tuple(notes))


def _raw(
    config: TrainingConfig, paths: Paths, parts: Mapping[str, list[Example]], *, quiet: bool
) -> TrainingData:
    everything = [example for examples in parts.values() for example in examples]
    vocabulary = vocabulary_of(everything, config.vocabulary, paths.cache)
    opened = paths.recordings.stages.open_recording
    sets = [
        raw_set(name, examples, vocabulary, paths.cache, opened, quiet=quiet)
        for name, examples in parts.items()
    ]
    spec = _unfitted(config, raw_specs(config.max_tokens.of(), vocabulary))
    return TrainingData(sets, spec, vocabulary, ())


def _spec(config: TrainingConfig, paths: Paths, sets: Sequence[TokenSet]) -> ModelSpec:
    return _unfitted(config, encoder_specs(sets, config.max_tokens.of(), paths.encoders))


def _unfitted(config: TrainingConfig, encoders: dict[Modality, EncoderSpec]) -> ModelSpec:
    """The spec of a checkpoint of which nothing was fitted yet."""
    count = len(config.labels)
    unfitted = CalibrationSpec(
        fusion=dict.fromkeys(map(pattern, PATTERNS), identity_calibration(count)),
        peers=dict.fromkeys(MODALITIES, identity_calibration(count)),
        thresholds=(0.5,) * count,
    )
    return ModelSpec(
        name=config.name,
        labels=config.labels,
        encoders=encoders,
        fusion=config.sizes.spec(),
        calibration=unfitted,
        license=config.license,
        summary=config.summary,
    )
