"""The configuration of a whole training: from corpora to a checkpoint."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from core.config_base import Strict, read_mapping, with_overrides
from core.errors import ConfigError
from core.labels import EMOTIONS, MODALITIES, Modality
from core.spec import FusionSpec
from train.corpora.recordings import SplitRule
from train.corpora.registry import CORPORA
from train.data.window_augmentation import WindowAugmentation
from train.encoders.audio import AudioTraining
from train.encoders.text import TextTraining
from train.encoders.visual import VisualTraining
from train.fusion.batches import BatchConfig
from train.fusion.learner import OptimisationConfig
from train.fusion.objective import LossConfig


class CorpusConfig(Strict):
    """One corpus.

    Attributes:
        limit: use at most so many training examples, chosen by a hash of their names (0 = all).
        validation_limit: the same of the validation part.
        calibration: weight of one of its validation examples in the calibration.
        thresholds: the same in the thresholds from which labels count as present; null = as there.
            Probabilities should be true in the use that is meant; thresholds should find rare labels, too.
        folder: where it lies, if not below --data.
        split_rule: "official", the authors' parts, or "disjoint", ours without a shared source; null = the
            authors' where there are any.
        shared_speakers: a speaker of one's own recordings may be in several parts; a recording never may.
    """

    limit: int = Field(0, ge=0)
    validation_limit: int = Field(0, ge=0)
    calibration: float = Field(1.0, ge=0)
    thresholds: float | None = Field(None, ge=0)
    folder: Path | None = None
    split_rule: SplitRule | None = None
    shared_speakers: bool = False


class RecogniserConfig(Strict):
    """The recogniser that recordings are heard with: a size of Whisper, and a language, several, or null."""

    whisper: str = Field("base", pattern=r"^[A-Za-z0-9~./\\][^\x00-\x1f]*$")
    language: str | None = Field(None, pattern=r"^[a-z]{2,3}(,[a-z]{2,3})*$")


class SizesConfig(Strict):
    """Sizes of peers and fusion; the peers' must be those of the first stage where peers come from there."""

    width: int = Field(160, gt=0)
    heads: int = Field(4, gt=0)
    peer_layers: int = Field(2, gt=0)
    fusion_layers: int = Field(2, gt=0)
    feedforward: int = Field(320, gt=0)
    queries: Literal["labels", "token"] = "labels"
    valence_arousal: bool = False
    statistics: tuple[Modality, ...] = ()
    alone: Literal["fusion", "peer"] = "fusion"
    combination: Literal["attention", "evidence"] = "attention"
    dropout: float = Field(0.1, ge=0, lt=1)
    peer_gradient: float = Field(0.1, ge=0, le=1)

    def spec(self) -> FusionSpec:
        """Without what only training needs."""
        return FusionSpec(**self.model_dump(exclude={"dropout", "peer_gradient"}))


class MaxTokensConfig(Strict):
    """Tokens of each modality in a window: 64 word pieces, 12 s of speech at 10 Hz, 12 s of face at 5 Hz."""

    text: int = Field(64, gt=0)
    audio: int = Field(120, gt=0)
    visual: int = Field(60, gt=0)

    def of(self) -> dict[Modality, int]:
        """By modality."""
        return {"text": self.text, "audio": self.audio, "visual": self.visual}


class TrainingConfig(Strict):
    """A preset.

    Attributes:
        name, summary, license: of the checkpoint; the summary names its limits in one sentence.
        labels: of the checkpoint; every corpus is read in them.
        corpora: name -> how it is used.
        inputs: "encoders" = tokens of the encoders; "raw" = pictures, wave forms and word pieces, as in the
            paper, with fresh peers.
        vocabulary: number of word pieces that are learned for raw input.
        text, audio, visual: the first stage, run for every encoder whose files are not there yet; in a
            file, each may be the name of a recipe of `train encoder`.
        peers: "first_stage" starts from the peers that were trained with the encoders; "checkpoint" from
            peers and fusion of the checkpoint that the encoders belong to; "fresh" from nothing.
        recogniser: for corpora of recordings.
        views: looks at each training face.
        linear_start: modality -> inverse penalty of the logistic regression that its fresh peer begins with;
            it needs `sizes.statistics`.
        folds: of small corpora, see `train.cross_fitting`; 0 = the corpora's own validation parts.
        joint_calibration: label-blind joined windows on which each pattern of several modalities is
            calibrated.
        max_tokens, sizes, pairing, placement, optimisation, losses: see there.
    """

    name: str = "default"
    summary: str
    license: str
    labels: tuple[str, ...] = Field(EMOTIONS, min_length=1)
    corpora: dict[str, CorpusConfig]
    inputs: Literal["encoders", "raw"] = "encoders"
    vocabulary: int = Field(8000, ge=100)
    text: TextTraining = TextTraining()
    audio: AudioTraining = AudioTraining()
    visual: VisualTraining = VisualTraining()
    peers: Literal["first_stage", "checkpoint", "fresh"] = "first_stage"
    recogniser: RecogniserConfig = RecogniserConfig()
    views: int = Field(3, ge=1)
    linear_start: dict[Modality, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
    folds: int = Field(0, ge=0, le=20)
    joint_calibration: int = Field(2000, ge=100)
    max_tokens: MaxTokensConfig = MaxTokensConfig()
    sizes: SizesConfig = SizesConfig()
    pairing: BatchConfig = BatchConfig()
    placement: WindowAugmentation = WindowAugmentation()
    optimisation: OptimisationConfig = OptimisationConfig()
    losses: LossConfig = LossConfig()

    @model_validator(mode="after")
    def _known_and_fitting(self) -> TrainingConfig:
        for name in self.corpora:
            if name not in CORPORA:
                raise ValueError(f"there is no corpus {name!r}; known: {', '.join(CORPORA)}")
        unknown = [name for name in self.pairing.corpora if name not in self.corpora]
        if unknown:
            near = difflib.get_close_matches(unknown[0], self.corpora, n=1)
            hint = f": did you mean {near[0]}?" if near else f"; it uses {', '.join(self.corpora)}"
            raise ValueError(f"pairing.corpora weighs {unknown[0]!r}, which is no corpus of the preset{hint}")
        if self.folds and (self.peers != "fresh" or self.optimisation.patience):
            raise ValueError("folds train from nothing to the end: set peers to fresh and patience to 0")
        beside = set(self.linear_start) - set(self.sizes.statistics)
        if beside or (self.linear_start and self.peers != "fresh"):
            raise ValueError("linear_start needs fresh peers with sizes.statistics")
        if self.folds == 1:
            raise ValueError("one fold leaves nothing to train on: set folds to 2 or more, or to 0")
        if self.inputs == "raw" and self.peers != "fresh":
            raise ValueError("peers are fresh where inputs are raw: set peers to fresh")
        if self.inputs == "raw" and any(CORPORA[name].form == "features" for name in self.corpora):
            raise ValueError("corpora of features hold no raw input: leave them out or set inputs=encoders")
        if self.peers != "fresh" and not any(CORPORA[name].form != "features" for name in self.corpora):
            raise ValueError("peers are fresh where all corpora are features: set peers to fresh")
        own = (self.sizes.width, self.sizes.heads, self.sizes.peer_layers, self.sizes.feedforward)
        recipes: dict[Modality, TextTraining | AudioTraining | VisualTraining] = {
            "text": self.text,
            "audio": self.audio,
            "visual": self.visual,
        }
        read = tuple(m for m in MODALITIES if recipes[m].peer.statistics)
        if self.peers == "first_stage" and set(read) != set(self.sizes.statistics):
            raise ValueError(f"sizes.statistics is {self.sizes.statistics}, but {read} in the first stage")
        for stage in recipes.values():
            peer = (stage.peer.width, stage.peer.heads, stage.peer.layers, stage.peer.feedforward)
            if self.peers == "first_stage" and peer != own:
                raise ValueError(
                    f"the peers' width, heads, layers and feedforward are {peer} in the first stage and "
                    f"{own} in sizes; they must agree"
                )
        return self


def read_config(path: Path, overrides: list[str]) -> TrainingConfig:
    """Read a preset and apply `a.b=c` assignments.

    `text`, `audio` and `visual` may name files, relative to the preset: the recipes of `train encoder`.

    Raises:
        ConfigError: a file cannot be read, or something in it or in an assignment is wrong.
    """
    values = read_mapping(path)
    for modality in MODALITIES:
        named = values.get(modality)
        if isinstance(named, str):
            values[modality] = _recipe(path.parent / named, modality)
    return TrainingConfig.from_mapping(with_overrides(values, overrides), where=str(path))


def _recipe(path: Path, modality: Modality) -> dict[str, Any]:
    """The part of a file of `train encoder` that says how the encoder is trained."""
    values = read_mapping(path)
    if values.get("modality") != modality or not isinstance(values.get(modality), dict):
        raise ConfigError(f"is no recipe of the {modality} encoder.", where=str(path))
    found: dict[str, Any] = values[modality]
    return found
