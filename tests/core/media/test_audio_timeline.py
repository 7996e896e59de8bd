import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.inputs import SAMPLE_RATE, AudioChunk, EndOfStream, Gap
from core.media.audio_timeline import TOLERANCE_S, AudioTimeline
from core.media.faults import FaultLog


def frame(count: int, *, rate: int = SAMPLE_RATE, value: float = 0.5, channels: int = 1) -> av.AudioFrame:
    layout = "mono" if channels == 1 else "stereo"
    made = av.AudioFrame.from_ndarray(
        np.full((1, count * channels), value, np.float32), format="flt", layout=layout
    )
    made.sample_rate = rate
    return made


def lay(
    pieces: list[tuple[float, av.AudioFrame]], *, damaged: bool = False
) -> tuple[list[AudioChunk | Gap | EndOfStream], list[str]]:
    faults: list[str] = []
    timeline = AudioTimeline("audio", 1_600, FaultLog(faults))
    laid: list[AudioChunk | Gap | EndOfStream] = []
    for t_s, piece in pieces:
        laid += timeline.push(piece, t_s, damaged=damaged)
    return [*laid, *timeline.finish()], faults


def gaps(laid: list[AudioChunk | Gap | EndOfStream]) -> list[tuple[float, float]]:
    return [(item.t0_s, item.t1_s) for item in laid if isinstance(item, Gap)]


def samples(laid: list[AudioChunk | Gap | EndOfStream]) -> np.ndarray:
    return np.concatenate([item.samples for item in laid if isinstance(item, AudioChunk)])


def test_a_hole_becomes_a_gap_of_its_exact_length() -> None:
    laid, faults = lay([(0.0, frame(1_600)), (0.3, frame(1_600))])
    assert gaps(laid) == [(0.1, 0.3)]
    assert [item.start_sample for item in laid if isinstance(item, AudioChunk)] == [0, 4_800]
    assert laid[-1] == EndOfStream("audio", 0.4)
    assert faults == ["There is no sound from 0.10 s to 0.30 s."]


def test_a_hole_that_damage_made_is_told_as_such() -> None:
    laid, faults = lay([(0.0, frame(1_600)), (0.3, frame(1_600))], damaged=True)
    assert faults == ["The sound from 0.10 s to 0.30 s could not be read."]
    assert [item.reason for item in laid if isinstance(item, Gap)] == ["the sound cannot be read here"]


def test_a_late_start_is_a_gap_but_no_fault_and_a_tiny_one_is_silence() -> None:
    late, faults = lay([(0.5, frame(1_600))])
    assert gaps(late) == [(0.0, 0.5)]
    assert faults == []
    tiny, _ = lay([(0.01, frame(1_600))])
    assert gaps(tiny) == []
    assert samples(tiny)[:160].max() == 0.0
    assert samples(tiny)[170:1_700].min() > 0.4


@given(st.lists(st.floats(-0.9 * TOLERANCE_S / 2, 0.9 * TOLERANCE_S / 2), min_size=1, max_size=20))
@settings(deadline=None)
def test_jitter_changes_nothing(jitter_s: list[float]) -> None:
    laid, faults = lay([(0.0, frame(800))] + [(0.05 * n + j, frame(800)) for n, j in enumerate(jitter_s, 1)])
    assert gaps(laid) == []
    assert len(samples(laid)) == 800 * (len(jitter_s) + 1)
    assert faults == []


def test_slow_drift_is_corrected_once_it_exceeds_the_tolerance() -> None:
    laid, _ = lay([(n * 0.101, frame(1_600)) for n in range(100)])
    assert sum(t1_s - t0_s for t0_s, t1_s in gaps(laid)) == pytest.approx(0.08, abs=0.03)
    assert laid[-1].t_s == pytest.approx(10.1, abs=TOLERANCE_S + 0.01)


def test_overlaps_are_trimmed_from_what_comes_later() -> None:
    laid, faults = lay([(0.0, frame(3_200, value=0.5)), (0.1, frame(3_200, value=-0.5))])
    heard = samples(laid)
    assert len(heard) == 4_800
    assert heard[:3_100].min() > 0.4
    assert heard[3_300:].max() < -0.4
    assert faults == ["0.10 s of sound overlapped what came before and were left out."]


def test_a_stereo_overlap_is_trimmed_by_time_not_by_values() -> None:
    laid, _ = lay([(0.0, frame(3_200, channels=2)), (0.1, frame(3_200, channels=2))])
    assert len(samples(laid)) == 4_800


@given(
    st.lists(
        st.tuples(
            st.floats(0, 3),
            st.integers(1, 4_000),
            st.sampled_from([8_000, 16_000, 44_100]),
            st.integers(1, 2),
        ),
        min_size=1,
        max_size=8,
    )
)
@settings(deadline=None, max_examples=50)
def test_whatever_comes_the_timeline_is_continuous(pieces: list[tuple[float, int, int, int]]) -> None:
    laid, _ = lay([(t, frame(n, rate=rate, channels=channels)) for t, n, rate, channels in pieces])
    at = 0
    for item in laid[:-1]:
        if isinstance(item, AudioChunk):
            assert item.start_sample == at
            assert 0 < len(item.samples) <= 1_600
            at = item.end_sample
        else:
            assert isinstance(item, Gap)
            assert round(item.t0_s * SAMPLE_RATE) == at
            at = round(item.t1_s * SAMPLE_RATE)
    assert laid[-1] == EndOfStream("audio", at / SAMPLE_RATE)


def test_formats_that_cannot_be_used_are_told_once() -> None:
    laid, faults = lay([(0.0, frame(1_600)), (0.1, frame(10, rate=5)), (0.1, frame(10, rate=5))])
    assert len(samples(laid)) == 1_600
    assert faults == ["The sound after 0.10 s is in a form that cannot be used (1 channels at 5 Hz)."]


def test_values_that_are_no_sound_are_made_harmless() -> None:
    heard = samples(lay([(0.0, frame(1_600, value=np.nan)), (0.1, frame(1_600, value=7.0))])[0])
    assert np.isfinite(heard).all()
    assert np.abs(heard).max() <= 1.0


def test_many_faults_are_counted_instead_of_told() -> None:
    sentences: list[str] = []
    log = FaultLog(sentences, limit=2)
    for n in range(5):
        log.note(f"fault {n}.")
    log.finish()
    assert sentences == ["fault 0.", "fault 1.", "3 more faults of this kind were found."]
