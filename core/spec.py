"""The specification that a checkpoint carries, so that live inference cannot disagree with training.

`checkpoints/NAME/` holds `spec.json` (this), safetensors files, and `MODEL_CARD.md`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

from pydantic import Field, model_validator

from core.config_base import Strict
from core.errors import ConfigError, SpecMismatch
from core.labels import MODALITIES, Modality
from core.window import TokenShape

SPEC_VERSION = 1

LIVE_KINDS: Final[Mapping[Modality, str]] = {
    "text": "minilm",
    "audio": "whisper_truncated",
    "visual": "expression",
}
"""Kind of encoder of each modality that the live loop runs. Others are for reference and research."""

DEFAULT_POINT: Final = "default"
"""The operating point for data of any kind: what runs live unless another one is chosen."""


class EncoderSpec(Strict):
    """One encoder.

    Attributes:
        kind: name in `core.encoders` ("minilm", "whisper_truncated", "expression").
        weight: name of the third-party weight in the weights manifest, or None when all of it is ours.
        weight_sha256: hash of that file; a different file is refused.
        files: our own files beside the spec (name -> sha256): adapters or a whole network.
        width: D of its tokens.
        max_tokens: tokens of this modality in a window, the static length of a batch.
        options: numbers that the encoder needs (crop size, block and context in seconds, layer, ...).
    """

    kind: str
    weight: str | None
    weight_sha256: str | None
    files: dict[str, str] = Field(default_factory=dict)
    width: int = Field(gt=0)
    max_tokens: int = Field(gt=0)
    options: dict[str, float] = Field(default_factory=dict)


class FusionSpec(Strict):
    """Sizes of the peers and the fusion network (`core.models`).

    Attributes:
        width, heads, feedforward: of every block.
        peer_layers, fusion_layers: number of blocks.
        queries: "labels" = one query per label; "token" = the paper's single fusion token.
        valence_arousal: whether there is a head for the two.
        statistics: modalities whose peers add a linear reading of their tokens' mean and deviation.
        alone: who answers where only one modality is present and there is nothing to fuse.
        file, file_sha256: the weights beside the spec.
    """

    width: int = Field(gt=0)
    heads: int = Field(gt=0)
    peer_layers: int = Field(gt=0)
    fusion_layers: int = Field(gt=0)
    feedforward: int = Field(gt=0)
    queries: Literal["labels", "token"] = "labels"
    valence_arousal: bool = False
    statistics: tuple[Modality, ...] = Field((), exclude_if=lambda value: not value)
    alone: Literal["fusion", "peer"] = Field("fusion", exclude_if=lambda value: value == "fusion")
    file: str = "model.safetensors"
    file_sha256: str = ""


class BranchCalibration(Strict):
    """Per label: logit' = logit / temperature + bias. Lists have one number per label.

    Attributes:
        temperature, bias: see above.
        thresholds: probability from which a label counts as present in this branch; None = the common ones.
    """

    temperature: tuple[float, ...]
    bias: tuple[float, ...]
    thresholds: tuple[float, ...] | None = Field(None, exclude_if=lambda value: value is None)


class OperatingPoint(Strict):
    """What is different of the calibration on data of one kind, such as one corpus.

    How often a label is present differs between kinds of data, as does the doubt at which annotators still
    said so: fear is in 2 % of one corpus' texts and in 58 % of another's. A network cannot see that.

    Attributes:
        fusion, peers: as in `CalibrationSpec`, only the branches that such data have.
        abstain_below: as in `CalibrationSpec`.
        examples, sources: validation examples that it was fitted on, and their speakers or recordings.
    """

    fusion: dict[str, BranchCalibration]
    peers: dict[Modality, BranchCalibration]
    abstain_below: float = Field(0.0, ge=0, le=1)
    examples: int = Field(ge=1)
    sources: int = Field(ge=1)


class CalibrationSpec(Strict):
    """Fitted on validation data only, applied identically in evaluation and live.

    Attributes:
        fusion: availability pattern -> calibration; a pattern is its modalities joined by "+" in canonical
            order ("text", "audio+visual", "text+audio+visual", ...): seven of them.
        peers: modality -> calibration.
        thresholds: one per label, for branches without their own.
        abstain_below: confidence under which an estimate abstains.
        operating_points: name -> what is different there. All of the above is the point "default".
    """

    fusion: dict[str, BranchCalibration]
    peers: dict[Modality, BranchCalibration]
    thresholds: tuple[float, ...]
    abstain_below: float = Field(0.0, ge=0, le=1)
    operating_points: dict[str, OperatingPoint] = Field(
        default_factory=dict, exclude_if=lambda value: not value
    )

    def at(self, name: str) -> CalibrationSpec:
        """The calibration of an operating point.

        Raises:
            ConfigError: there is no such point.
        """
        if name == DEFAULT_POINT:
            return self
        if name not in self.operating_points:
            known = ", ".join([DEFAULT_POINT, *sorted(self.operating_points)])
            raise ConfigError(f"The checkpoint has no operating point {name!r}.", fix=f"It has: {known}.")
        point = self.operating_points[name]
        return CalibrationSpec(
            fusion=self.fusion | point.fusion,
            peers=self.peers | point.peers,
            thresholds=self.thresholds,
            abstain_below=point.abstain_below,
        )

    def branches(self) -> list[BranchCalibration]:
        """Every calibration of a branch, those of operating points included."""
        parts: list[CalibrationSpec | OperatingPoint] = [self, *self.operating_points.values()]
        return [branch for part in parts for branch in (*part.fusion.values(), *part.peers.values())]


class ModelSpec(Strict):
    """Everything that must match between training and live inference."""

    version: int = SPEC_VERSION
    name: str
    labels: tuple[str, ...]
    sample_rate: int = 16_000
    encoders: dict[Modality, EncoderSpec]
    fusion: FusionSpec
    calibration: CalibrationSpec
    license: str
    summary: str

    @model_validator(mode="after")
    def _sizes_agree(self) -> ModelSpec:
        count = len(self.labels)
        if set(self.encoders) != set(MODALITIES):
            raise ValueError(f"encoders must name exactly {', '.join(MODALITIES)}")
        branches = self.calibration.branches()
        if any(len(b.temperature) != count or len(b.bias) != count for b in branches):
            raise ValueError(f"every calibration needs {count} temperatures and biases, one per label")
        own = [b.thresholds for b in branches if b.thresholds is not None]
        if any(len(thresholds) != count for thresholds in (self.calibration.thresholds, *own)):
            raise ValueError(f"there must be {count} thresholds, one per label")
        if DEFAULT_POINT in self.calibration.operating_points:
            raise ValueError(
                f"no operating point may be called {DEFAULT_POINT!r}: that is the calibration itself"
            )
        return self

    def at(self, operating_point: str) -> ModelSpec:
        """The same with the calibration of an operating point; the hash is another one too.

        Raises:
            ConfigError: there is no such point.
        """
        if operating_point == DEFAULT_POINT:
            return self
        return self.model_copy(update={"calibration": self.calibration.at(operating_point)})

    @property
    def token_shapes(self) -> dict[Modality, TokenShape]:
        """Static batch sizes for `core.window.collate`."""
        return {m: TokenShape(e.max_tokens, e.width) for m, e in self.encoders.items()}

    @property
    def sha256(self) -> str:
        """Hash of the canonical JSON form."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def read_spec(checkpoint: Path) -> ModelSpec:
    """Read `checkpoint/spec.json`.

    Raises:
        SpecMismatch: the folder has no spec, or one that this version cannot read.
    """
    path = checkpoint / "spec.json"
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SpecMismatch(
            "is not a checkpoint: its spec.json cannot be read.",
            where=str(checkpoint),
            fix="Name a folder that `emotrack train` wrote, or leave --checkpoint away.",
        ) from error
    found = values.get("version") if isinstance(values, dict) else None
    if found != SPEC_VERSION:
        raise SpecMismatch(
            f"was written for spec version {found}; this emotrack reads version {SPEC_VERSION}.",
            where=str(path),
            fix="Train it again, or use the emotrack that wrote it.",
        )
    return ModelSpec.from_mapping(values, where=str(path))


def insist_on_live(spec: ModelSpec, checkpoint: Path) -> None:
    """Make sure that the live loop can make the tokens that a checkpoint takes.

    Raises:
        SpecMismatch: it takes others, such as raw input or a corpus' own features.
    """
    other = [e.kind for m, e in spec.encoders.items() if e.kind != LIVE_KINDS[m]]
    if other:
        raise SpecMismatch(
            f"takes tokens that the live loop does not make ({', '.join(other)}).",
            where=str(checkpoint),
            fix="It can be evaluated: emotrack train eval. Live, use a checkpoint with emotrack's encoders.",
        )


def write_spec(spec: ModelSpec, checkpoint: Path) -> None:
    """Write `checkpoint/spec.json`, creating the folder."""
    checkpoint.mkdir(parents=True, exist_ok=True)
    text = json.dumps(spec.model_dump(mode="json"), indent=1, sort_keys=True)
    (checkpoint / "spec.json").write_text(text + "\n", encoding="utf-8")


def pattern(modalities: tuple[Modality, ...]) -> str:
    """Key of an availability pattern: modalities in canonical order joined by "+"."""
    return "+".join(m for m in MODALITIES if m in modalities)
