"""One encoder with its peer, from corpora to weights: the verb, and going on with an interrupted run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

from core.config_base import Strict, read_mapping, with_overrides
from core.errors import ConfigError
from core.labels import Modality
from core.weights import fetch
from train.encoders.audio import AudioTraining, train_audio
from train.encoders.text import TextTraining, train_text
from train.encoders.visual import VisualTraining, train_visual
from train.run_folder import check_folder, remove

Recipe = TextTraining | AudioTraining | VisualTraining


def train_one(
    modality: Modality, recipe: Recipe, data: Path, out: Path, locate: Callable[[str], Path]
) -> dict[str, float]:
    """Train the encoder of one modality.

    Args:
        modality: which.
        recipe: how; of that modality.
        data: folder of the corpora.
        out: gets the weights and a log; made if absent. Holds the state of an interrupted run.
        locate: finds third-party weights.

    Returns:
        Figures on validation and test parts.

    Raises:
        ConfigError: an interrupted run in `out` had another recipe.
        SourceError: a corpus is not there.
    """
    out.mkdir(parents=True, exist_ok=True)
    _check_same_recipe(modality, recipe, out)
    if isinstance(recipe, TextTraining):
        return train_text(recipe, data, locate("minilm"), out)
    if isinstance(recipe, AudioTraining):
        voice = locate("silero-vad") / "silero_vad_16k_op15.onnx"
        return train_audio(recipe, data, locate("whisper-base"), voice, out)
    return train_visual(recipe, data, out)


def _check_same_recipe(modality: Modality, recipe: Recipe, out: Path) -> None:
    """Write the recipe down, or compare it with that of the run that is gone on with."""
    path = out / f"{modality}_recipe.json"
    mine = recipe.model_dump(mode="json")
    if path.is_file() and (out / f"{modality}_state.pt").is_file():
        theirs = json.loads(path.read_text(encoding="utf-8"))
        differing = sorted(k for k in mine.keys() | theirs.keys() if mine.get(k) != theirs.get(k))
        if differing:
            raise ConfigError(
                f"an interrupted training had another recipe (differing: {', '.join(differing)}).",
                where=str(path),
                fix="Go on with the same recipe, or begin anew with --fresh.",
            )
    path.write_text(json.dumps(mine, indent=1) + "\n", encoding="utf-8")


_PLAIN: Final[dict[Modality, type[Recipe]]] = {
    "text": TextTraining,
    "audio": AudioTraining,
    "visual": VisualTraining,
}


class EncoderTraining(Strict):
    """The file `configs/train/{text,audio,visual}.yaml`: a modality, and how it is trained."""

    modality: Modality
    text: TextTraining | None = None
    audio: AudioTraining | None = None
    visual: VisualTraining | None = None


def train_encoder(
    config_file: Path,
    data: Path,
    out: Path,
    overrides: list[str],
    *,
    resume: bool = False,
    fresh: bool = False,
) -> dict[str, float]:
    """Train one modality's encoder and peer.

    Third-party weights are fetched where needed.

    Args:
        config_file: YAML of `EncoderTraining`.
        data: folder of the corpora.
        out: gets the weights and a log; made if absent.
        overrides: assignments such as "visual.epochs=3".
        resume: go on with the interrupted training in `out`.
        fresh: begin anew where an earlier training left something.

    Returns:
        Figures on validation and test parts.

    Raises:
        ConfigError: the configuration is not valid, or not that of the run that was interrupted; or `out`
            holds a training of this encoder and neither `resume` nor `fresh` was given.
        SourceError: a corpus is not there.
        Interrupted: Ctrl-C; finished epochs are kept.
    """
    values = with_overrides(read_mapping(config_file), overrides)
    config = EncoderTraining.from_mapping(values, where=str(config_file))
    modality = config.modality
    recipe, state = out / f"{modality}_recipe.json", out / f"{modality}_state.pt"
    finished = (out / f"peer_{modality}.safetensors").is_file() and not state.is_file()
    check_folder(
        out,
        begun=recipe.is_file(),
        unfinished=state.is_file(),
        finished=finished,
        resume=resume,
        fresh=fresh,
    )
    if fresh:
        remove([recipe, state, out / f"{modality}_log.jsonl"])
    given = {"text": config.text, "audio": config.audio, "visual": config.visual}[modality]
    return train_one(modality, given or _PLAIN[modality](), data, out, fetch)


def read_voice_recipe(config_file: Path, overrides: list[str]) -> AudioTraining:
    """The recipe for voices that a file of `train encoder`, or a preset of `train fit`, holds or names.

    Raises:
        ConfigError: the configuration is not valid, or it is a recipe for another modality.
    """
    values = with_overrides(read_mapping(config_file), overrides)
    if "modality" not in values:
        named = values.get("audio", {})
        inner = config_file.parent / named if isinstance(named, str) else None
        values = {"modality": "audio", "audio": named} if inner is None else read_mapping(inner)
    config = EncoderTraining.from_mapping(values, where=str(config_file))
    if config.modality != "audio":
        raise ConfigError(
            f"is a recipe for {config.modality}, not for voices.",
            where=str(config_file),
            fix="Name configs/train/audio.yaml, or a preset.",
        )
    return config.audio or AudioTraining()
