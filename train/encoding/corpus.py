"""From a corpus' examples to its token set, whatever form the examples have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Final, cast

from core.errors import ConfigError, Interrupted, SourceError, SpecMismatch
from core.labels import MODALITIES, Modality
from core.models.embeddings import is_raw
from core.spec import ModelSpec, read_spec
from train.corpora.base import Example
from train.corpora.numeric import FeatureExample, VoicedExample, feature_tokens
from train.corpora.recordings import RecordingExample
from train.corpora.registry import corpus
from train.data.token_set import TokenSet
from train.encoding.features import Locate, encode_examples, encoder_for
from train.encoding.sound_only import encode_sound
from train.encoding.voice_tokens import add_voice_tokens
from train.raw.corpus import raw_set
from train.recordings.cutting import Recipe, Runner
from train.recordings.encoding import encode_recordings
from train.recordings.processes import in_processes
from train.recordings.stages import StageLoader

FEATURES: Final = "features/"
"""Beginning of the kind of an encoder that is none: tokens are what a corpus' authors computed."""

NO_ENCODER: Final = "none"
"""Kind of the encoder of a modality that a checkpoint never sees."""


@dataclass(frozen=True, slots=True)
class RecordingWork:
    """How recordings are worked off.

    Attributes:
        stages: opens recordings and loads what cuts them.
        whisper, language: of the recogniser; language None = recognise it.
        workers: processes, or actors on Ray; 0 = as many as there are processors.
        ray: address of a Ray cluster, or None to stay on this machine.
        skip_unreadable: missing and damaged recordings are left out and told.
    """

    stages: StageLoader = field(default_factory=StageLoader)
    whisper: str = "base"
    language: str | None = None
    workers: int = 0
    ray: str | None = None
    skip_unreadable: bool = False

    def runner(self) -> Runner:
        """Where the work is done."""
        if self.ray is None:
            return in_processes(self.workers)
        from train.recordings.on_ray import on_ray

        return on_ray(self.ray, self.workers)


@dataclass(frozen=True, slots=True)
class EncodingContext:
    """What turns examples into tokens.

    Attributes:
        encoders: folder with the files of the encoders.
        cache: for tokens.
        locate: finds third-party weights.
        checkpoint: folder of a whole checkpoint with these encoders; asked for recordings only.
        views: looks at each training face.
        recordings: how they are worked off.
        modalities: of the tokens that are wanted; with audio alone, only the sound of recordings is read.
    """

    encoders: Path
    cache: Path
    locate: Locate
    checkpoint: Callable[[], Path]
    views: int = 3
    recordings: RecordingWork = field(default_factory=RecordingWork)
    modalities: tuple[Modality, ...] = MODALITIES


def modalities_of(text: str) -> tuple[Modality, ...]:
    """What somebody wrote, separated by commas, in the canonical order.

    Raises:
        ConfigError: one of them is none.
    """
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in MODALITIES:
            raise ConfigError(
                f"{name!r} is no modality.", where="--modalities", fix=f"Known: {', '.join(MODALITIES)}."
            )
    return tuple(m for m in MODALITIES if m in names)


def tokens_of(
    name: str, examples: Sequence[Example], context: EncodingContext, *, quiet: bool = True
) -> tuple[TokenSet, list[str]]:
    """Encode the examples of one corpus, or take them from the cache.

    Args:
        name: of the corpus.
        examples: at least one.
        context: with what.
        quiet: no progress bars.

    Returns:
        The tokens, and sentences for the report: what was left out.

    Raises:
        SourceError: recordings are missing or damaged, or nothing of the examples is left.
        ConfigError: recordings need the stages of the live loop, and nobody handed them in; or the corpus has
            none of the modalities.
        Interrupted: Ctrl-C; what is finished is in the cache.
    """
    try:
        found, notes = _everything_of(name, examples, context, quiet=quiet)
    except KeyboardInterrupt as stop:
        raise Interrupted(
            f"interrupted while {name} was encoded; what is finished is in the cache.",
            where=str(context.cache),
            fix="The same command goes on from there.",
        ) from stop
    kept = {m: rows for m, rows in found.tokens.items() if m in context.modalities}
    if not kept:
        raise ConfigError(f"{name} has no {' and no '.join(context.modalities)}.", where="--modalities")
    return replace(found, tokens=kept), notes


def _everything_of(
    name: str, examples: Sequence[Example], context: EncodingContext, *, quiet: bool
) -> tuple[TokenSet, list[str]]:
    known = corpus(name)
    if known.form != "features" and takes_raw_input(context.encoders):
        opened = context.recordings.stages.open_recording
        return raw_set(name, examples, context.encoders, context.cache, opened, quiet=quiet), []
    if known.form == "features":
        rows = cast("Sequence[FeatureExample]", examples)
        if any(isinstance(example, VoicedExample) for example in rows):
            return add_voice_tokens(name, rows, context.cache, context.locate, quiet=quiet), []
        return replace(feature_tokens(rows, known.timing), corpus=name), []
    if known.form == "recordings":
        return _recorded(name, cast("Sequence[RecordingExample]", examples), context, quiet=quiet)
    modality = known.modality
    assert modality is not None
    make = partial(encoder_for, modality, context.encoders, context.locate, views=context.views)
    found = encode_examples(name, modality, examples, context.encoders, context.cache, make, quiet=quiet)
    return found, []


def takes_raw_input(folder: Path) -> bool:
    """Whether the folder is a checkpoint that was trained on raw input; then it holds its own vocabulary."""
    return (folder / "spec.json").is_file() and is_raw(read_spec(folder).encoders)


def check_fit(
    spec: ModelSpec,
    name: str,
    tokens: TokenSet | None = None,
    modalities: Sequence[Modality] = MODALITIES,
) -> None:
    """Make sure that a checkpoint understands the tokens of a corpus, also before they are computed.

    Raises:
        SpecMismatch: it was trained on tokens of another kind.
    """
    known = corpus(name)
    if known.form == "features":
        wrong = [
            m
            for m in (tokens.tokens if tokens is not None else ())
            if spec.encoders[m].kind != FEATURES + name
            or (tokens is not None and spec.encoders[m].width != tokens.tokens[m].width)
        ]
        what = f"takes no {' and no '.join(wrong)} tokens as {name} has them: its authors computed them."
    else:
        needed = [known.modality] if known.modality else list(modalities)
        wrong = [m for m in needed if m and spec.encoders[m].kind.startswith((FEATURES, NO_ENCODER))]
        what = f"has no encoder for {' and '.join(wrong)}: it was trained on features of a corpus' authors."
    if wrong:
        fix = f"Train a checkpoint on {name}, or name another corpus."
        raise SpecMismatch(what, where=spec.name, fix=fix)


def _recorded(
    name: str, examples: Sequence[RecordingExample], context: EncodingContext, *, quiet: bool
) -> tuple[TokenSet, list[str]]:
    work = context.recordings
    if context.modalities == ("audio",):
        opened = work.stages.open_recording
        return encode_sound(
            name, examples, context.encoders, context.cache, context.locate, opened, quiet=quiet
        ), []
    recipe = Recipe(work.stages, context.checkpoint(), work.whisper, work.language)
    found, findings = encode_recordings(
        examples, recipe, work.runner(), context.cache, lenient=work.skip_unreadable, quiet=quiet
    )
    if not found:
        sentences = " ".join(findings.sentences())
        raise SourceError(f"gives no example that can be used. {sentences}", where=name)
    return replace(feature_tokens(found, "timed"), corpus=name), findings.sentences()
