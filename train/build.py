"""The second stage: from the encoders of the first stage and labelled corpora to a checkpoint."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import torch

from core.encoders import audio, text, visual
from core.encoders.crop_scaling import CROP_SIZE
from core.encoders.log_mel import BLOCK_SAMPLES, INPUT_SAMPLES
from core.encoders.weight_files import read_tensors
from core.errors import ConfigError
from core.inputs import SAMPLE_RATE
from core.labels import EMOTIONS, MODALITIES, Modality
from core.models.fusion import EmotionNet
from core.models.peers import Peer
from core.models.storage import load_network, save_network
from core.spec import CalibrationSpec, EncoderSpec, ModelSpec, pattern, write_spec
from core.weights import file_sha256, find
from core.window import TokenShape
from train.calibration_run import PATTERNS, calibrate
from train.catalogue import corpus, read_corpus
from train.config import CorpusConfig, TrainingConfig
from train.corpora.base import Example, bucket
from train.features import ENCODER_FILES, Locate, encode_examples, encoder_for
from train.first_stage import first_stage
from train.fit import Figures, Fitted, Validate, fit
from train.inference import evaluation_windows, outputs_of
from train.knowledge import FLAT, calibrated_peers, knowledge_of
from train.metrics import presence, ranking
from train.pairing import BatchMaker
from train.parallel import World, join_world, leave_world
from train.progress import RunLog
from train.tokens import TokenSet

WIDTHS: Final[dict[Modality, int]] = {"text": text.WIDTH, "audio": audio.WIDTH, "visual": visual.WIDTH}

KINDS: Final[dict[Modality, tuple[str, str | None]]] = {
    "text": ("minilm", "minilm"),
    "audio": ("whisper_truncated", "whisper-base"),
    "visual": ("expression", None),
}
"""Modality -> kind of its encoder, and the third-party weight that it adapts (its first file is hashed)."""

OPTIONS: Final[dict[Modality, dict[str, float]]] = {
    "text": {},
    "audio": {
        "block_s": BLOCK_SAMPLES / SAMPLE_RATE,
        "context_s": (INPUT_SAMPLES - BLOCK_SAMPLES) / SAMPLE_RATE,
    },
    "visual": {"crop_size": float(CROP_SIZE)},
}
"""What the live loop must know of each encoder."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where things are.

    Attributes:
        data: folder with the corpora.
        encoders: what the first stage wrote: encoder files and `peer_*.safetensors`.
        out: the new checkpoint; the state of an unfinished run lies in `out/run`.
        cache: for tokens.
        locate: finds third-party weights.
    """

    data: Path
    encoders: Path
    out: Path
    cache: Path
    locate: Locate


def build(config: TrainingConfig, places: Places, *, resume: bool = False, quiet: bool = True) -> ModelSpec:
    """Train fusion (and peers) on frozen encoders, calibrate, and write the checkpoint.

    Args:
        config: the preset.
        places: folders.
        resume: take up the unfinished run in `places.out`.
        quiet: no progress bars.

    Raises:
        ConfigError: a corpus is unknown, a file of the first stage is absent, or the run cannot be resumed.
    """
    world = join_world(config.optimisation.device)
    if world.leads:
        first_stage(config, places.data, places.encoders, places.locate)
        token_sets(config, places, quiet=quiet)  # the other processes find them in the cache
    world.wait()
    run = places.out / "run"
    log = RunLog(run if world.leads else None, quiet=quiet or not world.leads, tensorboard=config.tensorboard)
    if world.leads:
        (run / "config.json").write_text(config.model_dump_json(indent=1) + "\n", encoding="utf-8")
    sets = token_sets(config, places, quiet=quiet)
    fitted = train_network(config, places, sets, world, log, run / "state.pt", resume=resume)
    leave_world(world)
    return finish(config, places, sets, fitted) if world.leads else unfinished_spec(config, places)


def token_sets(config: TrainingConfig, places: Places, *, quiet: bool = True) -> list[TokenSet]:
    """Tokens of every corpus of the preset, out of the cache where they are there."""
    result = []
    for name, use in config.corpora.items():
        modality = corpus(name).modality
        examples = limited(read_corpus(name, places.data), use)
        result.append(
            encode_examples(
                name,
                modality,
                examples,
                places.encoders,
                places.cache,
                partial(encoder_for, modality, places.encoders, places.locate, views=config.views),
                quiet=quiet,
            )
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
    net = EmotionNet(
        WIDTHS, len(EMOTIONS), sizes.spec(), dropout=sizes.dropout, peer_gradient=sizes.peer_gradient
    )
    if config.peers == "first_stage":
        load_peers(net, places.encoders)
    train = [s.part("train") for s in sets]
    validation = [s.part("validation") for s in sets]
    if config.peers == "fresh":
        set_input_statistics(net, train)
    shapes = shapes_of(config)
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
    spec = unfinished_spec(config, places)
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
    spec = spec.model_copy(update={"calibration": calibration})
    write_spec(spec, places.out)
    history = json.dumps(fitted.history, indent=1)
    (places.out / "run" / "history.json").write_text(history + "\n", encoding="utf-8")
    return spec


def unfinished_spec(config: TrainingConfig, places: Places) -> ModelSpec:
    """The spec of the new checkpoint before anything of it was fitted."""
    flat = CalibrationSpec(
        fusion={pattern(p): FLAT for p in PATTERNS},
        peers=dict.fromkeys(MODALITIES, FLAT),
        thresholds=(0.5,) * len(EMOTIONS),
    )
    lengths = config.max_tokens.model_dump()
    return ModelSpec(
        name=config.name,
        labels=EMOTIONS,
        encoders={m: _encoder_spec(m, lengths[m], places) for m in MODALITIES},
        fusion=config.sizes.spec(),
        calibration=flat,
        license=config.license,
        summary=config.summary,
    )


def shapes_of(config: TrainingConfig) -> dict[Modality, TokenShape]:
    """Static sizes of the preset's batches."""
    lengths = config.max_tokens.model_dump()
    return {m: TokenShape(lengths[m], WIDTHS[m]) for m in MODALITIES}


def calibration_weights(config: TrainingConfig) -> dict[str, float]:
    """Corpus -> weight of one of its validation examples."""
    return {name: use.calibration for name, use in config.corpora.items()}


def _encoder_spec(modality: Modality, length: int, places: Places) -> EncoderSpec:
    kind, weight = KINDS[modality]
    name = ENCODER_FILES[modality]
    return EncoderSpec(
        kind=kind,
        weight=weight,
        weight_sha256=None if weight is None else find(weight).files[0].sha256,
        files={name: file_sha256(places.encoders / name)},
        width=WIDTHS[modality],
        max_tokens=length,
        options=OPTIONS[modality],
    )
