import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.diarization_figures import Turn, change_f1, error_rate, joined, names, read_rttm
from core.errors import SourceError

REFERENCE = [Turn(0, 4, "anna"), Turn(4, 8, "ben"), Turn(7, 10, "anna")]


def test_the_right_answer_under_other_names_is_perfect():
    found = [Turn(t.t0_s, t.t1_s, {"anna": "v2", "ben": "v1"}[t.speaker]) for t in REFERENCE]
    assert error_rate(REFERENCE, found)["der"] == 0
    assert names(REFERENCE, found) == {"v2": "anna", "v1": "ben"}
    assert change_f1(REFERENCE, found) == 1


def test_the_three_parts_by_hand():
    # 11 s of speech, 1 s of it twice: one voice throughout misses that second and confuses ben's others
    parts = error_rate(REFERENCE, [Turn(0, 12, "v1")])
    assert parts["missed"] == pytest.approx(1 / 11)
    assert parts["false"] == pytest.approx(2 / 11)
    assert parts["confused"] == pytest.approx(3 / 11)
    assert parts["der"] == pytest.approx(6 / 11)


def test_a_collar_forgives_boundaries_and_nothing_else():
    late = [Turn(0.2, 4.2, "v1"), Turn(4.2, 8, "v2"), Turn(7, 10, "v1")]
    assert error_rate(REFERENCE, late)["der"] > 0
    assert error_rate(REFERENCE, late, collar_s=0.25)["der"] == 0
    assert error_rate(REFERENCE, [Turn(0, 10, "v1")], collar_s=0.25)["confused"] > 0.2


@given(st.integers(0, 200), st.integers(1, 200))
def test_missed_and_false_speech_of_one_speaker_are_differences_of_lengths(start, length):
    right, said = [Turn(0, 2, "a")], [Turn(start / 100, (start + length) / 100, "b")]
    parts = error_rate(right, said)
    shared = max(0, min(200, start + length) - start)
    assert parts["missed"] == pytest.approx((200 - shared) / 200)
    assert parts["false"] == pytest.approx((length - shared) / 200)


def test_changes_within_half_a_second_are_found():
    near = [Turn(0, 4.4, "v1"), Turn(4.4, 7.1, "v2"), Turn(7.1, 10, "v1")]
    far = [Turn(0, 5.1, "v1"), Turn(5.1, 10, "v2")]
    assert change_f1(REFERENCE, near) == 1
    assert change_f1(REFERENCE, far) == 0


def test_short_breaths_do_not_end_a_turn():
    assert joined([Turn(0, 1, "a"), Turn(1.2, 2, "a"), Turn(2.5, 3, "a"), Turn(3, 4, "b")]) == [
        Turn(0, 2, "a"),
        Turn(2.5, 3, "a"),
        Turn(3, 4, "b"),
    ]


def test_rttm_is_read_and_a_broken_line_is_named(tmp_path):
    file = tmp_path / "call.rttm"
    file.write_text(
        "SPKR-INFO call 1 <NA> <NA> <NA> unknown anna <NA>\n"
        "SPEAKER call 1 6.690 0.430 <NA> <NA> anna <NA> <NA>\n"
        "SPEAKER call 1 0.5 1 <NA> <NA> ben <NA> <NA>\n"
    )
    assert read_rttm(file) == [Turn(0.5, 1.5, "ben"), Turn(6.69, pytest.approx(7.12), "anna")]
    file.write_text("SPEAKER call 1 soon 1 <NA> <NA> ben <NA> <NA>\n")
    with pytest.raises(SourceError, match="line 1"):
        read_rttm(file)
    file.write_text("")
    with pytest.raises(SourceError, match="no speaker"):
        read_rttm(file)
