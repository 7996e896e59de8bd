"""Calibration as it is applied in evaluation and live."""

from __future__ import annotations

import itertools
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from core.labels import EMOTIONS, MODALITIES
from core.models.calibration import confidence, evidence, fusion_output, fusion_probabilities, probabilities
from core.spec import (
    BranchCalibration,
    CalibrationSpec,
    EncoderSpec,
    FusionSpec,
    ModelSpec,
    OperatingPoint,
    pattern,
)

PATTERNS = [p for n in (1, 2, 3) for p in itertools.combinations(MODALITIES, n)]


def branch(temperature: float, bias: float) -> BranchCalibration:
    return BranchCalibration(temperature=(temperature,) * 7, bias=(bias,) * 7)


def spec(abstain_below: float = 0.3) -> ModelSpec:
    encoder = EncoderSpec(kind="none", weight=None, weight_sha256=None, width=4, max_tokens=4)
    return ModelSpec(
        name="test",
        labels=EMOTIONS,
        encoders=dict.fromkeys(MODALITIES, encoder),
        fusion=FusionSpec(width=8, heads=2, peer_layers=1, fusion_layers=1, feedforward=8),
        calibration=CalibrationSpec(
            fusion={pattern(p): branch(1.0 + i, 0.1 * i) for i, p in enumerate(PATTERNS)},
            peers={m: branch(2.0, float(i)) for i, m in enumerate(MODALITIES)},
            thresholds=(0.5,) * 7,
            abstain_below=abstain_below,
        ),
        license="none",
        summary="test",
    )


def test_temperature_divides_and_bias_is_added():
    got = probabilities(np.full(7, 4.0), branch(2.0, -1.0))
    assert got == pytest.approx(1 / (1 + np.exp(-1.0)))
    assert got.dtype == np.float32


@settings(max_examples=50, deadline=None)
@given(
    logits=arrays(np.float32, 7, elements=st.floats(-1e4, 1e4, width=32)),
    peers=arrays(np.float32, (3, 7), elements=st.floats(-1e4, 1e4, width=32)),
    shares=arrays(np.float32, 3, elements=st.floats(0, 1, width=32)),
    there=st.sampled_from(PATTERNS),
    tokens=arrays(np.int64, 3, elements=st.integers(0, 120)),
)
def test_every_output_is_in_range_for_every_pattern(logits, peers, shares, there, tokens):
    available = np.array([m in there for m in MODALITIES])
    out = fusion_output(logits, peers, shares, available, spec(), tokens=tokens)
    assert ((out.probabilities >= 0) & (out.probabilities <= 1)).all()
    assert tuple(out.peers) == there == tuple(out.attribution)
    assert sum(out.attribution.values()) == pytest.approx(1.0, abs=1e-6)
    assert 0 <= out.confidence <= 1
    assert out.abstained == (out.confidence < 0.3)
    assert out.valence is None


@pytest.mark.parametrize("there", PATTERNS, ids=pattern)
def test_each_pattern_uses_its_own_calibration(there):
    available = np.array([m in there for m in MODALITIES])
    got = fusion_probabilities(np.ones((1, 7)), available[None], spec().calibration)
    expected = probabilities(np.ones(7), spec().calibration.fusion[pattern(there)])
    np.testing.assert_array_equal(got[0], expected)


def test_a_batch_of_mixed_patterns_equals_its_rows_alone():
    logits = np.random.default_rng(0).normal(size=(7, 7)).astype(np.float32)
    available = np.array([[m in there for m in MODALITIES] for there in PATTERNS])
    together = fusion_probabilities(logits, available, spec().calibration)
    for i in range(7):
        alone = fusion_probabilities(logits[i : i + 1], available[i : i + 1], spec().calibration)
        np.testing.assert_array_equal(together[i : i + 1], alone)


def test_without_any_modality_there_is_no_estimate():
    with pytest.raises(ValueError, match="without any modality"):
        fusion_output(np.zeros(7), np.zeros((3, 7)), np.zeros(3), np.zeros(3, bool), spec())


def test_evidence_grows_with_tokens_and_with_modalities():
    word, words, more = evidence(np.array([[1, 0, 0], [4, 0, 0], [4, 10, 5]]))
    assert 0.35 < word < 0.45 < words < more < 1
    assert evidence(np.zeros(3, int)) == 0


def test_thin_evidence_abstains_where_the_same_estimate_on_more_would_not():
    logits = np.full(7, -3.0)
    logits[0] = 1.0
    available = np.array([True, False, False])
    arguments = (logits, np.zeros((3, 7)), np.ones(3), available, spec(0.5))
    assert fusion_output(*arguments, tokens=np.array([1, 0, 0])).abstained
    assert not fusion_output(*arguments, tokens=np.array([12, 0, 0])).abstained
    assert confidence(np.array([0.2, 0.7])) == pytest.approx(0.7)


def test_valence_and_arousal_are_passed_on():
    out = fusion_output(
        np.zeros(7),
        np.zeros((3, 7)),
        np.ones(3),
        np.ones(3, bool),
        spec(),
        affect=np.array([0.25, -0.5]),
    )
    assert (out.valence, out.arousal) == (0.25, -0.5)


def test_live_output_and_evaluation_agree_at_every_operating_point():
    point = OperatingPoint(
        fusion={"audio": branch(0.5, 1.0).model_copy(update={"thresholds": (0.2,) * 7})},
        peers={"audio": branch(3.0, -1.0)},
        examples=1,
        sources=1,
    )
    base = spec()
    points = base.calibration.model_copy(update={"operating_points": {"acted": point}})
    whole = base.model_copy(update={"calibration": points})
    logits = np.linspace(-2, 2, 7)
    available = np.array([False, True, False])
    for name in ("default", "acted"):
        chosen = whole.at(name)
        out = fusion_output(logits, np.tile(logits, (3, 1)), np.ones(3), available, chosen)
        offline = fusion_probabilities(logits[None], available[None], chosen.calibration)[0]
        np.testing.assert_array_equal(out.probabilities, offline)
        np.testing.assert_array_equal(
            out.peers["audio"], probabilities(logits, chosen.calibration.peers["audio"])
        )
        expected = 0.2 if name == "acted" else 0.5
        np.testing.assert_array_equal(out.thresholds, np.full(7, expected, np.float32))


def test_calibration_needs_no_torch():
    code = "import sys, core.models.calibration; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
