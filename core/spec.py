"""The specification that a checkpoint carries, so that live inference cannot disagree with training.

`checkpoints/NAME/` holds `spec.json` (this), safetensors files, and `MODEL_CARD.md`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal, cast, get_args

from pydantic import Field, model_validator

from core.config_base import Strict
from core.errors import ConfigError, SpecMismatch
from core.inputs import SAMPLE_RATE
from core.labels import MODALITIES, Modality
from core.terminal_text import clean
from core.untrusted import FileName, Line, Name, Sha256
from core.window import TokenShape

SPEC_VERSION = 1

LIVE_KINDS: Final[Mapping[Modality, str]] = {
    "text": "minilm",
    "audio": "whisper_truncated",
    "visual": "expression",
}
"""Kind of encoder of each modality that the live loop runs. Others are for reference and research."""

MOST_WIDTH: Final = 16_384
MOST_TOKENS: Final = 16_384
MOST_LAYERS: Final = 128
"""Bounds of every size in a specification; the shipped ones need 1,536, 120 and 2."""

LIVE_WEIGHTS: Final[Mapping[Modality, str | None]] = {
    "text": "minilm",
    "audio": "whisper-base",
    "visual": None,
}
"""The third-party weight that each of these encoders stands on."""

LIVE_OPTIONS: Final[Mapping[Modality, Mapping[str, tuple[float, float]]]] = {
    "audio": {"block_s": (0.1, 2.0), "context_s": (0.0, 2.0)},
    "visual": {"crop_size": (8, 512)},
}
"""Options that they need, with the least and the most."""

DEFAULT_POINT: Final = "default"
"""The operating point for data of any kind: what runs live unless another one is chosen."""


LanguageCode = Annotated[str, Field(pattern=r"^[a-z]{2,3}$")]
ENGLISH: Final[tuple[str, ...]] = ("en",)


class EncoderSpec(Strict):
    """One encoder. Everything in a specification that becomes part of a path is a `Name` or a `FileName`.

    Attributes:
        kind: name in `core.encoders` ("minilm", "whisper_truncated", "expression").
        weight: name of the third-party weight in the weights manifest, or None when all of it is ours.
        weight_sha256: hash of that file; a different file is refused.
        files: our own files beside the spec (name -> sha256): adapters or a whole network.
        width: D of its tokens.
        max_tokens: tokens of this modality in a window, the static length of a batch.
        options: numbers that the encoder needs (crop size, block and context in seconds, layer, ...).
        languages: of a text encoder, the languages that the checkpoint was trained on: words in any other
            are left out. BCP 47 primary subtags; checkpoints that do not say know English.
    """

    kind: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}(/[a-z0-9][a-z0-9._-]{0,63})?$")]
    weight: Name | None
    weight_sha256: Sha256 | None
    files: dict[FileName, Sha256] = Field(default_factory=dict)
    width: int = Field(gt=0, le=MOST_WIDTH)
    max_tokens: int = Field(gt=0, le=MOST_TOKENS)
    options: dict[Name, float] = Field(default_factory=dict)
    languages: tuple[LanguageCode, ...] = Field(
        ENGLISH, min_length=1, max_length=256, exclude_if=lambda value: value == ENGLISH
    )


class FusionSpec(Strict):
    """Sizes of the peers and the fusion network (`core.models`).

    Attributes:
        width, heads, feedforward: of every block.
        peer_layers, fusion_layers: number of blocks.
        queries: "labels" = one query per label; "token" = the paper's single fusion token.
        valence_arousal: whether there is a head for the two.
        statistics: modalities whose peers add a linear reading of their tokens' mean and deviation.
        alone: who answers where only one modality is present and there is nothing to fuse.
        combination: "attention" = the label queries alone; "evidence" = the peers' evidence, weighed and
            summed (`core.models.evidence`), which the label queries may correct within a bound.
        file, file_sha256: the weights beside the spec.
    """

    width: int = Field(gt=0, le=MOST_WIDTH)
    heads: int = Field(gt=0, le=MOST_WIDTH)
    peer_layers: int = Field(gt=0, le=MOST_LAYERS)
    fusion_layers: int = Field(gt=0, le=MOST_LAYERS)
    feedforward: int = Field(gt=0, le=MOST_WIDTH)
    queries: Literal["labels", "token"] = "labels"
    valence_arousal: bool = False
    statistics: tuple[Modality, ...] = Field((), exclude_if=lambda value: not value)
    alone: Literal["fusion", "peer"] = Field("fusion", exclude_if=lambda value: value == "fusion")
    combination: Literal["attention", "evidence"] = Field(
        "attention", exclude_if=lambda value: value == "attention"
    )
    file: FileName = "model.safetensors"
    file_sha256: Sha256 | Literal[""] = ""

    @model_validator(mode="after")
    def _heads_divide_the_width(self) -> FusionSpec:
        if self.width % self.heads:
            raise ValueError(f"a width of {self.width} cannot be divided among {self.heads} heads")
        return self


Probability = Annotated[float, Field(ge=0, le=1)]


class BranchCalibration(Strict):
    """Per label: logit' = logit / temperature + bias. Lists have one number per label.

    Attributes:
        temperature: > 0.
        bias: see above.
        thresholds: probability from which a label counts as present in this branch; None = the common ones.
    """

    temperature: tuple[Annotated[float, Field(gt=0)], ...]
    bias: tuple[float, ...]
    thresholds: tuple[Probability, ...] | None = Field(None, exclude_if=lambda value: value is None)


Pattern = Literal["text", "audio", "visual", "text+audio", "text+visual", "audio+visual", "text+audio+visual"]
"""Which modalities are there, in canonical order."""

PATTERNS: Final[tuple[Pattern, ...]] = get_args(Pattern)


class OperatingPoint(Strict):
    """What is different of the calibration on data of one kind, such as one corpus.

    How often a label is present differs between kinds of data, as does the doubt at which annotators still
    said so: fear is in 2 % of one corpus' texts and in 58 % of another's. A network cannot see that.

    Attributes:
        fusion, peers: as in `CalibrationSpec`, only the branches that such data have.
        abstain_below: as in `CalibrationSpec`.
        examples, sources: validation examples that it was fitted on, and their speakers or recordings.
    """

    fusion: dict[Pattern, BranchCalibration]
    peers: dict[Modality, BranchCalibration]
    abstain_below: Probability = 0.0
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

    fusion: dict[Pattern, BranchCalibration]
    peers: dict[Modality, BranchCalibration]
    thresholds: tuple[Probability, ...]
    abstain_below: Probability = 0.0
    operating_points: dict[Name, OperatingPoint] = Field(
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
    name: Name
    labels: tuple[Annotated[Line, Field(min_length=1, max_length=64)], ...] = Field(min_length=1)
    sample_rate: int = SAMPLE_RATE
    encoders: dict[Modality, EncoderSpec]
    fusion: FusionSpec
    calibration: CalibrationSpec
    license: Line
    summary: Line

    @model_validator(mode="after")
    def _sizes_agree(self) -> ModelSpec:
        count = len(self.labels)
        if set(self.encoders) != set(MODALITIES):
            raise ValueError(f"encoders must name exactly {', '.join(MODALITIES)}")
        if len(set(self.labels)) != count:
            raise ValueError("every label may be there once only")
        for what, have, want in (
            ("fusion", set(self.calibration.fusion), PATTERNS),
            ("peers", set(self.calibration.peers), MODALITIES),
        ):
            missing = [name for name in want if name not in have]
            if missing:
                raise ValueError(f"calibration.{what} lacks {', '.join(missing)}")
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


_MOST_BYTES: Final = 4_000_000


def read_spec(checkpoint: Path) -> ModelSpec:
    """Read `checkpoint/spec.json`.

    Raises:
        SpecMismatch: the folder has no spec, or one that this version cannot read, or that is impossible.
    """
    path = checkpoint / "spec.json"
    try:
        values = json.loads(_text(path))
    except (OSError, ValueError, RecursionError) as error:
        raise SpecMismatch(
            "is not a checkpoint: its spec.json cannot be read.",
            where=str(checkpoint),
            fix="Name a folder that `emotrack train` wrote, or leave --checkpoint away.",
        ) from error
    found = values.get("version") if isinstance(values, dict) else None
    if found != SPEC_VERSION:
        raise SpecMismatch(
            f"was written for spec version {clean(str(found)[:40])}; this emotrack reads version "
            f"{SPEC_VERSION}.",
            where=str(path),
            fix="Train it again, or use the emotrack that wrote it.",
        )
    try:
        return ModelSpec.from_mapping(values, where=str(path))
    except ConfigError as error:
        raise SpecMismatch(
            clean(error.what), where=error.where, fix="Nothing was computed; train it again or correct it."
        ) from error


def _text(path: Path) -> str:
    with path.open("rb") as stream:
        content = stream.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise ValueError("too large for a specification")
    return content.decode("utf-8")


def insist_on_live(spec: ModelSpec, checkpoint: Path) -> None:
    """Make sure that the live loop can make the tokens that a checkpoint takes.

    Raises:
        SpecMismatch: it takes others, such as raw input or a corpus' own features, or its encoders' options
            are not those that the live loop can use.
    """
    other = [e.kind for m, e in spec.encoders.items() if e.kind != LIVE_KINDS[m]]
    if other:
        raise SpecMismatch(
            f"takes tokens that the live loop does not make ({', '.join(other)}).",
            where=str(checkpoint),
            fix="It can be evaluated: emotrack train eval. Live, use a checkpoint with emotrack's encoders.",
        )
    wrong = [
        f"encoders.{m}.weight is {spec.encoders[m].weight}, not {weight}"
        for m, weight in LIVE_WEIGHTS.items()
        if spec.encoders[m].weight != weight
    ]
    for modality, options in LIVE_OPTIONS.items():
        for name, (least, most) in options.items():
            value = spec.encoders[modality].options.get(name)
            if value is None or not least <= value <= most:
                wrong.append(f"encoders.{modality}.options.{name} is {value}, not {least} to {most}")
    if sum(spec.encoders["audio"].options.get(name, 0.0) for name in LIVE_OPTIONS["audio"]) > 2.0:
        wrong.append("encoders.audio.options: block_s and context_s together are more than 2 s")
    if spec.sample_rate != SAMPLE_RATE:
        wrong.append(f"sample_rate is {spec.sample_rate}, not {SAMPLE_RATE}")
    if wrong:
        raise SpecMismatch(
            f"cannot be run live: {'; '.join(wrong)}.",
            where=str(checkpoint),
            fix="Restore its spec.json, or train it again.",
        )


def write_spec(spec: ModelSpec, checkpoint: Path) -> None:
    """Write `checkpoint/spec.json`, creating the folder."""
    checkpoint.mkdir(parents=True, exist_ok=True)
    text = json.dumps(spec.model_dump(mode="json"), indent=1, sort_keys=True)
    (checkpoint / "spec.json").write_text(text + "\n", encoding="utf-8")


def pattern(modalities: tuple[Modality, ...]) -> Pattern:
    """Key of an availability pattern, at least one modality: in canonical order, joined by "+"."""
    return cast(Pattern, "+".join(m for m in MODALITIES if m in modalities))
