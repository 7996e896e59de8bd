"""Which encoder gives the tokens of each modality, and the checkpoint that recordings are cut with."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

import torch

from core.encoders import audio, text, visual
from core.encoders.crop_scaling import CROP_SIZE
from core.encoders.log_mel import BLOCK_SAMPLES, INPUT_SAMPLES
from core.errors import ConfigError
from core.inputs import SAMPLE_RATE
from core.labels import MODALITIES, Modality
from core.models.fusion import EmotionNet
from core.models.storage import save_network
from core.spec import EncoderSpec, ModelSpec, read_spec, write_spec
from core.stages.baseline import BaselineConfig
from core.weights import file_sha256, find
from train.corpora.registry import corpus
from train.data.token_set import TokenSet
from train.encoding.corpus import FEATURES, NO_ENCODER
from train.encoding.features import ENCODER_FILES

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


def wants_encoders(names: Iterable[str]) -> bool:
    """Whether any of these corpora has to be encoded: features of a corpus' authors are tokens already."""
    return any(corpus(name).form != "features" for name in names)


def encoder_specs(
    sets: Sequence[TokenSet], lengths: Mapping[Modality, int], folder: Path
) -> dict[Modality, EncoderSpec]:
    """One entry for each modality.

    Args:
        sets: token sets of all corpora of a preset; none stands for corpora that are encoded.
        lengths: tokens in a window.
        folder: holds the files of the encoders.

    Raises:
        ConfigError: tokens of one modality come from different places.
    """
    return {m: _encoder_spec(m, sets, lengths[m], folder) for m in MODALITIES}


def own_encoder(modality: Modality, length: int, folder: Path) -> EncoderSpec:
    """The entry of one of our encoders."""
    kind, weight = KINDS[modality]
    name = ENCODER_FILES[modality]
    return EncoderSpec(
        kind=kind,
        weight=weight,
        weight_sha256=None if weight is None else find(weight).files[0].sha256,
        files={name: file_sha256(folder / name)},
        width=WIDTHS[modality],
        max_tokens=length,
        options=OPTIONS[modality] | (_baseline_options(folder) if modality == "audio" else {}),
    )


def _baseline_options(folder: Path) -> dict[str, float]:
    """What a checkpoint's spec, or else the recipe of the first stage, says of the person's own baseline."""
    if (folder / "spec.json").is_file():
        found = BaselineConfig.of(read_spec(folder).encoders["audio"].options)
        return {} if found is None else found.options()
    recipe = folder / "audio_recipe.json"
    values = json.loads(recipe.read_text(encoding="utf-8")).get("baseline") if recipe.is_file() else None
    return {} if values is None else BaselineConfig(**values).options()


def cutting_checkpoint(folder: Path, cache: Path, describe: Callable[[], ModelSpec]) -> Path:
    """A whole checkpoint with the encoders of a folder: the live stages want one.

    Args:
        folder: of encoders. If it is a checkpoint, it is the answer; else one with a fusion of random
            numbers, which nobody asks anything, is written into the cache.
        cache: folder.
        describe: the spec of a checkpoint with these encoders, before its fusion has a file.
    """
    if (folder / "spec.json").is_file():
        return folder
    hashes = [file_sha256(folder / name) for name in ENCODER_FILES.values()]
    draft = cache / "encoders" / hashlib.sha256("".join(hashes).encode()).hexdigest()[:24]
    if (draft / "spec.json").is_file():
        return draft
    draft.mkdir(parents=True, exist_ok=True)
    for name in ENCODER_FILES.values():
        shutil.copyfile(folder / name, draft / name)
    spec = describe()
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        digest = save_network(EmotionNet.from_spec(spec), draft / spec.fusion.file)
    fusion = spec.fusion.model_copy(update={"file_sha256": digest})
    write_spec(spec.model_copy(update={"fusion": fusion, "name": "encoders"}), draft)
    return draft


def _encoder_spec(modality: Modality, sets: Sequence[TokenSet], length: int, folder: Path) -> EncoderSpec:
    having = [s for s in sets if modality in s.tokens]
    given = [s for s in having if corpus(s.corpus).form == "features"]
    if not given and (not sets or wants_encoders(s.corpus for s in sets)):
        return own_encoder(modality, length, folder)
    if not given:
        return EncoderSpec(kind=NO_ENCODER, weight=None, weight_sha256=None, width=1, max_tokens=1)
    if len(having) > 1:
        names = " and ".join(s.corpus for s in having)
        raise ConfigError(
            f"{modality} tokens of {names} cannot be mixed: those of {given[0].corpus} are its authors'.",
            where="corpora",
            fix="Leave one of them out.",
        )
    width = given[0].tokens[modality].width
    kind = FEATURES + given[0].corpus
    return EncoderSpec(kind=kind, weight=None, weight_sha256=None, width=width, max_tokens=length)
