"""The second stage: from the encoders of the first stage and labelled corpora to a checkpoint."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch

from core.encoders.weight_files import read_tensors
from core.errors import ConfigError
from core.labels import EMOTIONS, MODALITIES, Modality
from core.models.fusion import EmotionNet
from core.models.peers import Peer
from core.models.storage import load_network, save_network
from core.spec import CalibrationSpec, ModelSpec, pattern, read_spec, write_spec
from core.window import TokenShape
from train.calibration_run import PATTERNS, calibrate
from train.catalogue import Reading, read_corpus, split_note
from train.config import CorpusConfig, TrainingConfig
from train.corpora.base import Example, bucket
from train.encoder_plan import cutting_checkpoint, encoder_specs, wants_encoders
from train.features import Locate
from train.first_stage import first_stage
from train.fit import Fitted, fit
from train.inference import evaluation_windows, outputs_of
from train.knowledge import FLAT, calibrated_peers, knowledge_of
from train.learner import Figures, Validate
from train.metrics import presence, ranking
from train.pairing import BatchMaker
from train.parallel import World, join_world, leave_world
from train.progress import RunLog
from train.token_sets import Means, RecordingWork, tokens_of
from train.tokens import TokenSet

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Places:
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


def build(config: TrainingConfig, places: Places, *, resume: bool = False, quiet: bool = True) -> ModelSpec:
    """Train fusion (and peers) on frozen encoders, calibrate, and write the checkpoint.

    Args:
        config: the preset.
        places: folders.
        resume: take up the unfinished run in `places.out`.
        quiet: no progress bars.

    Raises:
        ConfigError: a corpus is unknown, a file of the first stage is absent, or the run cannot be resumed.
        SourceError: a corpus, or a recording of one, is absent or damaged.
    """
    world = join_world(config.optimisation.device)
    notes: list[str] = []
    if world.leads:
        if config.peers != "checkpoint" and wants_encoders(config.corpora):
            first_stage(config, places.data, places.encoders, places.locate)
        token_sets(config, places, quiet=quiet, notes=notes)  # the other processes find them in the cache
    world.wait()
    run = places.out / "run"
    log = RunLog(run if world.leads else None, quiet=quiet or not world.leads)
    if world.leads:
        (run / "config.json").write_text(config.model_dump_json(indent=1) + "\n", encoding="utf-8")
    sets = token_sets(config, places, quiet=quiet)
    fitted = train_network(config, places, sets, world, log, run / "state.pt", resume=resume)
    leave_world(world)
    for note in notes:
        logger.warning("%s", note)
    return finish(config, places, sets, fitted) if world.leads else unfinished_spec(config, places, sets)


def token_sets(
    config: TrainingConfig, places: Places, *, quiet: bool = True, notes: list[str] | None = None
) -> list[TokenSet]:
    """Tokens of every corpus of the preset, out of the cache where they are there.

    Args:
        config: the preset.
        places: folders.
        quiet: no progress bars.
        notes: gets sentences on what was left out and on what the splits share.

    Raises:
        ConfigError: nothing is left for training or for validation.
        SourceError: a corpus, or a recording of one, is absent or damaged.
    """
    heard = config.recogniser
    work = replace(places.recordings, whisper=heard.whisper, language=heard.language)
    means = Means(
        places.encoders,
        places.cache,
        places.locate,
        lambda: cutting_checkpoint(places.encoders, places.cache, lambda: unfinished_spec(config, places)),
        config.views,
        work,
    )
    result = []
    for name, use in config.corpora.items():
        reading = Reading(
            split_rule=use.split_rule, shared_speakers=use.shared_speakers, lenient=work.skip_unreadable
        )
        everything = read_corpus(name, use.folder or places.data, reading)
        tokens, told = tokens_of(name, limited(everything, use), means, quiet=quiet)
        result.append(tokens)
        if notes is not None:
            notes += [note for note in (split_note(name, everything, reading), *told) if note]
    for split in ("train", "validation"):
        if not any(split in tokens.splits for tokens in result):
            raise ConfigError(
                f"no example is left for {split}.", where="corpora", fix="Fill in the parts otherwise."
            )
    return result


def limited(examples: Sequence[Example], use: CorpusConfig) -> list[Example]:
    """Training and validation part, each cut to its limit by a hash of the examples' names; no test part."""
    kept: list[Example] = []
    for split, limit in (("train", use.limit), ("validation", use.validation_limit)):
        rows = sorted((e for e in examples if e.split == split), key=lambda e: bucket(e.id))
        kept += rows[: limit or None]
    return kept


def train_network(
    config: TrainingConfig,
    places: Places,
    sets: Sequence[TokenSet],
    world: World,
    log: RunLog,
    state_path: Path,
    *,
    resume: bool,
) -> Fitted:
    """Fit fusion and peers on the training parts."""
    torch.manual_seed(config.optimisation.seed)
    sizes = config.sizes
    encoders = unfinished_spec(config, places, sets).encoders
    net = EmotionNet(
        {m: encoder.width for m, encoder in encoders.items()},
        len(EMOTIONS),
        sizes.spec(),
        dropout=sizes.dropout,
        peer_gradient=sizes.peer_gradient,
    )
    if config.peers == "first_stage":
        load_peers(net, places.encoders)
    if config.peers == "checkpoint":
        load_all(net, places.encoders)
    train = [s.part("train") for s in sets]
    validation = [s.part("validation") for s in sets]
    if config.peers == "fresh":
        set_input_statistics(net, train)
    shapes = shapes_of(config, places, sets)
    insight = calibrated_peers(net.eval(), validation, shapes, calibration_weights(config))
    return fit(
        net,
        BatchMaker(train, shapes, config.pairing, config.placement, config.optimisation.seed),
        knowledge_of(train, insight),
        config.optimisation,
        config.losses,
        world,
        validate=validator(validation, shapes),
        log=log,
        state_path=state_path,
        resume=resume,
    )


def load_peers(net: EmotionNet, folder: Path) -> None:
    """Start from the peers that were trained together with the encoders.

    Raises:
        ConfigError: a file is absent.
        ModelError: it has other sizes.
    """
    for modality in MODALITIES:
        path = folder / f"peer_{modality}.safetensors"
        if not path.is_file():
            raise ConfigError(
                "is not there: the first stage writes it.", where=str(path), fix="Or set peers=fresh."
            )
        peer = net.peers[modality]
        peer.load_state_dict(read_tensors(path, expected=peer.state_dict()))


def load_all(net: EmotionNet, folder: Path) -> None:
    """Start from a whole checkpoint: what it knows is the beginning.

    Raises:
        SpecMismatch: the folder holds no checkpoint.
        ConfigError: its network has other sizes than the preset's.
    """
    spec = read_spec(folder)
    try:
        net.load_state_dict(load_network(spec, folder).state_dict())
    except RuntimeError as error:
        raise ConfigError(
            "the checkpoint's network has other sizes than those of the preset.",
            where=str(folder),
            fix=f"Set sizes to {spec.fusion.model_dump(exclude={'file', 'file_sha256'})}.",
        ) from error


def set_input_statistics(net: EmotionNet, train: Sequence[TokenSet]) -> None:
    """Standardise the tokens of each modality, by training parts alone."""
    for modality in MODALITIES:
        parts = [s.tokens[modality].values for s in train if modality in s.tokens]
        if parts:
            values = torch.from_numpy(np.concatenate(parts)).float()
            peer = net.peers[modality]
            assert isinstance(peer, Peer)
            peer.set_input_statistics(values.mean(dim=0), values.std(dim=0))


def validator(validation: Sequence[TokenSet], shapes: dict[Modality, TokenShape]) -> Validate:
    """Judge a network by the mean over corpora of the fusion's average precision."""
    windows = [evaluation_windows(s) for s in validation]

    def validate(net: EmotionNet) -> Figures:
        figures: Figures = {}
        for tokens, cut in zip(validation, windows, strict=True):
            z = outputs_of(net, cut, shapes).logits
            figures[f"{tokens.corpus}_map"] = ranking(z, presence(tokens.targets), tokens.known)["map"]
        return figures | {"score": sum(figures.values()) / len(figures)}

    return validate


def finish(config: TrainingConfig, places: Places, sets: Sequence[TokenSet], fitted: Fitted) -> ModelSpec:
    """Store the weights, calibrate what was stored, and write the spec."""
    spec = unfinished_spec(config, places, sets)
    for encoder in spec.encoders.values():
        for name in encoder.files:
            if (places.encoders / name).resolve() != (places.out / name).resolve():
                shutil.copyfile(places.encoders / name, places.out / name)
    digest = save_network(fitted.net, places.out / spec.fusion.file)
    spec = spec.model_copy(update={"fusion": spec.fusion.model_copy(update={"file_sha256": digest})})
    stored = load_network(spec, places.out)  # half precision: calibrate what will run
    validation = [s.part("validation") for s in sets]
    calibration = calibrate(
        stored,
        validation,
        spec.token_shapes,
        calibration_weights(config),
        config.placement,
        config.joint_calibration,
    )
    if config.peers == "checkpoint":
        calibration = with_old(calibration, read_spec(places.encoders).calibration, sets)
    spec = spec.model_copy(update={"calibration": calibration})
    write_spec(spec, places.out)
    history = json.dumps(fitted.history, indent=1)
    (places.out / "run" / "history.json").write_text(history + "\n", encoding="utf-8")
    return spec


def with_old(new: CalibrationSpec, old: CalibrationSpec, sets: Sequence[TokenSet]) -> CalibrationSpec:
    """The new calibration; the old one's where a modality is in none of the validation parts."""
    present = np.concatenate([s.part("validation").present for s in sets])
    unseen = [m for i, m in enumerate(MODALITIES) if not present[:, i].any()]
    kept = {p: branch for p, branch in old.fusion.items() if set(p.split("+")) & set(unseen)}
    peers = {m: branch for m, branch in old.peers.items() if m in unseen}
    return new.model_copy(update={"fusion": new.fusion | kept, "peers": new.peers | peers})


def unfinished_spec(config: TrainingConfig, places: Places, sets: Sequence[TokenSet] = ()) -> ModelSpec:
    """The spec of the new checkpoint before anything of it was fitted; see `encoder_specs` for `sets`."""
    flat = CalibrationSpec(
        fusion={pattern(p): FLAT for p in PATTERNS},
        peers=dict.fromkeys(MODALITIES, FLAT),
        thresholds=(0.5,) * len(EMOTIONS),
    )
    return ModelSpec(
        name=config.name,
        labels=EMOTIONS,
        encoders=encoder_specs(sets, config.max_tokens.of(), places.encoders),
        fusion=config.sizes.spec(),
        calibration=flat,
        license=config.license,
        summary=config.summary,
    )


def shapes_of(config: TrainingConfig, places: Places, sets: Sequence[TokenSet]) -> dict[Modality, TokenShape]:
    """Static sizes of the preset's batches."""
    return unfinished_spec(config, places, sets).token_shapes


def calibration_weights(config: TrainingConfig) -> dict[str, float]:
    """Corpus -> weight of one of its validation examples."""
    return {name: use.calibration for name, use in config.corpora.items()}
