"""From logits to what is said: calibrated probabilities, confidence, abstention. numpy only.

Legend: B batch, C labels, M = 3 modalities in the order of `core.labels.MODALITIES`.

Evaluation and the live loop both call these functions, so that a published figure is a figure of what runs.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.labels import MODALITIES, Modality
from core.spec import BranchCalibration, CalibrationSpec, ModelSpec, pattern
from core.work import FusionOutput

Floats = NDArray[np.float32]

ENOUGH_TOKENS: Final[dict[Modality, float]] = {"text": 2.0, "audio": 8.0, "visual": 1.5}
"""Tokens of a modality at which 63 % of its evidence is in: two words, 0.8 s of voice, 0.3 s of a face."""


def probabilities(logits: NDArray[np.floating], calibration: BranchCalibration) -> Floats:
    """sigmoid(logit / temperature + bias), label by label.

    Args:
        logits: (..., C) finite.
        calibration: of the branch that the logits come from.

    Returns:
        (..., C) float32 in [0, 1].
    """
    temperature = np.asarray(calibration.temperature, np.float64)
    bias = np.asarray(calibration.bias, np.float64)
    z = np.clip(np.asarray(logits, np.float64) / temperature + bias, -60.0, 60.0)
    return (1.0 / (1.0 + np.exp(-z))).astype(np.float32)


def present(available: NDArray[np.bool_]) -> tuple[Modality, ...]:
    """(M,) bool -> the modalities that are there, in canonical order."""
    return tuple(m for m, there in zip(MODALITIES, available, strict=True) if there)


def fusion_probabilities(
    logits: NDArray[np.floating], available: NDArray[np.bool_], calibration: CalibrationSpec
) -> Floats:
    """Calibrate the fusion's logits, each row by the calibration of its availability pattern.

    Args:
        logits: (B, C).
        available: (B, M) bool, at least one True in each row.
        calibration: of the checkpoint.

    Raises:
        ValueError: a row has no modality: there is nothing to estimate from.
    """
    result = np.empty(logits.shape, np.float32)
    codes = available.astype(np.int64) @ np.array([1, 2, 4])
    for code in np.unique(codes):
        rows = codes == code
        names = present(available[rows][0])
        if not names:
            raise ValueError("a window without any modality has no estimate")
        result[rows] = probabilities(logits[rows], calibration.fusion[pattern(names)])
    return result


def thresholds_of(branch: BranchCalibration, calibration: CalibrationSpec) -> Floats:
    """(C,) float32 probabilities from which labels count as present: the branch's own, or the common ones."""
    own = calibration.thresholds if branch.thresholds is None else branch.thresholds
    return np.asarray(own, np.float32)


def fusion_thresholds(available: NDArray[np.bool_], calibration: CalibrationSpec) -> Floats:
    """(B, M) bool -> (B, C) float32 thresholds, each row by its availability pattern."""
    codes = available.astype(np.int64) @ np.array([1, 2, 4])
    result = np.empty((len(available), len(calibration.thresholds)), np.float32)
    for code in np.unique(codes):
        rows = codes == code
        branch = calibration.fusion[pattern(present(available[rows][0]))]
        result[rows] = thresholds_of(branch, calibration)
    return result


def evidence(tokens: NDArray[np.integer]) -> Floats:
    """How much there was to judge from: 1 - the product over modalities of exp(-tokens / enough).

    Args:
        tokens: (..., M) number of tokens of each modality, 0 where absent.

    Returns:
        (...) float32 in [0, 1): one word alone gives .39, three words and a second of voice .94.
    """
    enough = np.array([ENOUGH_TOKENS[m] for m in MODALITIES])
    missing = np.exp(-(np.asarray(tokens) / enough).sum(axis=-1))
    return np.asarray(1.0 - missing, np.float32)


def confidence(estimate: NDArray[np.floating], tokens: NDArray[np.integer] | None = None) -> Floats:
    """Calibrated probability of the most probable label, times the evidence.

    The number of modalities enters through the calibration, which is fitted for each availability pattern.

    Args:
        estimate: (..., C) calibrated probabilities of the fusion.
        tokens: (..., M) number of tokens, or None to count the evidence as full.

    Returns:
        (...) float32 in [0, 1].
    """
    top = np.asarray(estimate).max(axis=-1)
    return np.asarray(top if tokens is None else top * evidence(tokens), np.float32)


def fusion_output(
    logits: NDArray[np.floating],
    peer_logits: NDArray[np.floating],
    attribution: NDArray[np.floating],
    available: NDArray[np.bool_],
    spec: ModelSpec,
    *,
    tokens: NDArray[np.integer] | None = None,
    affect: NDArray[np.floating] | None = None,
) -> FusionOutput:
    """Turn the networks' numbers for one window into an output.

    The estimate abstains when its `confidence` is below the checkpoint's `abstain_below`.

    Args:
        logits: (C,) of the fusion.
        peer_logits: (M, C); rows of absent modalities are ignored.
        attribution: (M,) shares of what decided the estimate, see `core.models.fusion.NetDetails`.
        available: (M,) bool.
        spec: of the checkpoint.
        tokens: (M,) number of tokens of each modality; None counts the evidence as full.
        affect: (2,) valence and arousal, or None.

    Raises:
        ValueError: no modality is available.
    """
    estimate = fusion_probabilities(logits[None], available[None], spec.calibration)[0]
    names = present(available)
    index = [MODALITIES.index(m) for m in names]
    shares = np.maximum(np.asarray(attribution, np.float64)[index], 0.0)
    shares = shares / shares.sum() if shares.sum() > 0 else np.full(len(names), 1.0 / len(names))
    sure = float(confidence(estimate, tokens))
    return FusionOutput(
        probabilities=estimate,
        peers={
            m: probabilities(peer_logits[i], spec.calibration.peers[m])
            for m, i in zip(names, index, strict=True)
        },
        attribution={m: float(share) for m, share in zip(names, shares, strict=True)},
        valence=None if affect is None else float(affect[0]),
        arousal=None if affect is None else float(affect[1]),
        confidence=sure,
        abstained=sure < spec.calibration.abstain_below,
        thresholds=thresholds_of(spec.calibration.fusion[pattern(names)], spec.calibration),
    )
