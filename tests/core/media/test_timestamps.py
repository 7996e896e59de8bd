"""Times of packets: repaired by what comes before and after, and by the other stream."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from fractions import Fraction

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.media.faults import FaultLog
from core.media.timestamp_plan import Stamp, TimestampPlan
from core.media.timestamps import StampRepair, stamp_of

SOUND, PICTURES = 1, 0


def packets(*stamps_ms: int | None) -> list[av.Packet]:
    made = []
    for stamp in stamps_ms:
        packet = av.Packet(b"x")
        packet.pts = packet.dts = stamp
        packet.duration, packet.time_base = 40, Fraction(1, 1000)
        made.append(packet)
    return made


def repaired(
    stamps_ms: list[int | None], announced_s: float | None = 100.0
) -> tuple[list[int | None], list[str]]:
    """One stream alone."""
    faults: list[str] = []
    stamps = [stamp for packet in packets(*stamps_ms) if (stamp := stamp_of(packet, SOUND))]
    plan = TimestampPlan(stamps, announced_s, [SOUND])
    repair = StampRepair(plan, SOUND, 0.0, "sound", FaultLog(faults))
    return [packet.pts for packet in repair.repaired(packets(*stamps_ms))], faults


def stream(index: int, t0_s: float, t1_s: float, step_s: float = 0.04, at_s: float | None = None) -> list:
    """Packets from t0_s to t1_s, each with its place in the file, which is their time or begins at `at_s`."""
    count = round((t1_s - t0_s) / step_s)
    times = [t0_s + n * step_s for n in range(count)]
    shift_s = 0.0 if at_s is None else at_s - t0_s
    return [(t + shift_s, Stamp(index, t, step_s)) for t in times]


def in_file(*streams: list) -> list[Stamp]:
    """Interleaved by their places."""
    placed = sorted((item for part in streams for item in part), key=lambda item: item[0])
    return [stamp for _, stamp in placed]


def moved(
    stamps: list[Stamp], announced_s: float | None = None
) -> tuple[dict[int, list[float]], TimestampPlan]:
    """Times of both streams, the sound read first to its end: the plan may not depend on who asks first."""
    plan = TimestampPlan(stamps, announced_s, [SOUND, PICTURES])
    times = {
        index: [s.t_s + plan.move(index, s.t_s).shift_s for s in stamps if s.stream == index]
        for index in (SOUND, PICTURES)
    }
    return times, plan


def goes_on(times: list[float], step_s: float = 0.04) -> bool:
    return all(b - a == pytest.approx(step_s, abs=1e-6) for a, b in itertools.pairwise(times))


# --- one stream ----------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 900), min_size=1))
def test_times_with_small_disorder_pass_unchanged(stamps_ms: list[int]) -> None:
    assert repaired(list(stamps_ms)) == (stamps_ms, [])


def test_a_hole_within_the_recording_is_believed() -> None:
    assert repaired([0, 40, 50_000, 50_040]) == ([0, 40, 50_000, 50_040], [])


def test_times_that_start_again_continue_where_the_others_ended() -> None:
    stamps, faults = repaired([0, 40, 80, 4_000, 4_040, 0, 40, 80])
    assert stamps == [0, 40, 80, 4_000, 4_040, 4_080, 4_120, 4_160]
    assert faults == ["The time stamps start again in the sound at 4.08 s; the parts were joined."]


def test_times_beyond_the_end_of_the_file_are_joined_on() -> None:
    stamps, faults = repaired([0, 40, 500_000, 500_040])
    assert stamps == [0, 40, 80, 120]
    assert faults == ["The time stamps of the sound leap ahead at 0.08 s; they were joined on."]
    assert repaired([0, 40, 500_000, 500_040], announced_s=None)[0] == [0, 40, 500_000, 500_040]
    assert repaired([0, 40, 5_000_000, 5_000_040], announced_s=None)[0] == [0, 40, 80, 120]


def test_a_hole_is_believed_once_the_file_is_longer_than_it_announced() -> None:
    stamps = [*range(0, 3_000, 40), *range(5_000, 6_000, 40)]
    assert repaired(list(stamps), announced_s=2.0) == (stamps, [])


@pytest.mark.parametrize("wrong", [[0], [60_000], [0, 0], [0, 60_000], [70_000, 60_000], [99_000_000]])
@pytest.mark.parametrize("at", [1, 5, 19])
def test_packets_with_damaged_times_get_the_place_that_their_neighbours_leave(
    wrong: list[int], at: int
) -> None:
    right = [10_000 + 40 * n for n in range(40)]
    stamps, faults = repaired([*right[:at], *wrong, *right[at + len(wrong) :]])
    assert stamps == right
    assert len(faults) == len(wrong)
    place_s = right[at] / 1000
    assert faults[0] == (
        f"A damaged time stamp in the sound at {place_s:.2f} s; its place follows from its neighbours."
    )


@pytest.mark.parametrize("wrong", [60_000, 1_700_000_000_000])
def test_a_damaged_time_of_the_first_packet_is_known_by_those_after_it(wrong: int) -> None:
    right = [10_000 + 40 * n for n in range(9)]
    assert repaired([wrong, *right[1:]])[0] == right


def test_packets_without_a_time_pass() -> None:
    assert repaired([0, None, 80, None]) == ([0, None, 80, None], [])


def test_a_presentation_time_far_from_the_decoding_time_is_damaged() -> None:
    (packet,) = packets(5_000)
    packet.pts = 9_000_000
    plan = TimestampPlan([Stamp(SOUND, 5.0, 0.04)], None, [SOUND])
    (found,) = StampRepair(plan, SOUND).repaired([packet])
    assert found.pts == found.dts == 5_000


# --- two streams ---------------------------------------------------------------------------------------


@given(
    ends_s=st.lists(
        st.tuples(st.sampled_from([2.0, 3.6, 5.2]), st.sampled_from([2.0, 3.6, 5.2])), min_size=2, max_size=4
    ),
    base_s=st.sampled_from([0.0, 1.4, 36_000.0]),
    lead_s=st.sampled_from([0.0, 0.4]),
)
def test_sound_and_pictures_of_every_part_stay_together(
    ends_s: list[tuple[float, float]], base_s: float, lead_s: float
) -> None:
    """Parts end at different times of their sound and pictures; in each the pictures begin a little later."""
    place_s, parts = 0.0, []
    for sound_s, pictures_s in ends_s:
        parts += stream(SOUND, base_s, base_s + sound_s, at_s=place_s)
        parts += stream(PICTURES, base_s + lead_s, base_s + pictures_s, at_s=place_s + lead_s + 0.001)
        place_s += 100
    times, _ = moved(in_file(parts))
    begin_s, sound_at, pictures_at = base_s, 0, 0
    for sound_s, pictures_s in ends_s:
        assert times[SOUND][sound_at] == pytest.approx(begin_s, abs=0.05)
        assert times[PICTURES][pictures_at] == pytest.approx(begin_s + lead_s, abs=0.05)
        sound_at += round(sound_s / 0.04)
        pictures_at += round((pictures_s - lead_s) / 0.04)
        begin_s += max(sound_s, pictures_s)


def test_packets_of_the_part_before_that_come_late_stay_in_it() -> None:
    first = [*stream(SOUND, 0, 4), *stream(PICTURES, 0, 4, at_s=-0.6)]  # pictures go ahead in the file
    second = [*stream(SOUND, 0, 3, at_s=4.3), *stream(PICTURES, 0, 3, at_s=3.7)]
    times, _ = moved(in_file(first, second))
    assert goes_on(times[SOUND])
    assert goes_on(times[PICTURES])


def test_a_part_without_pictures_begins_where_the_longer_stream_ended() -> None:
    stamps = in_file(stream(SOUND, 0, 2), stream(PICTURES, 0, 3), stream(SOUND, 0, 2, at_s=50))
    times, _ = moved(stamps)
    assert times[SOUND][50] == pytest.approx(3.0)


@pytest.mark.parametrize("late", [SOUND, PICTURES])
@pytest.mark.parametrize("clock_s", [1_700_000_000.0, 7_200.0, 400.0])
def test_a_stream_with_a_clock_of_its_own_begins_with_the_other(late: int, clock_s: float) -> None:
    other = PICTURES if late == SOUND else SOUND
    stamps = in_file(stream(other, 0, 3), stream(late, clock_s, clock_s + 3, at_s=0.5))
    times, plan = moved(stamps)
    assert times[late][0] == pytest.approx(times[other][0])
    assert times[late][-1] == pytest.approx(2.96)
    assert plan.disbelieved


def test_a_stream_that_begins_late_is_believed_where_the_other_has_got_to_by_then() -> None:
    times, plan = moved(in_file(stream(PICTURES, 0, 900), stream(SOUND, 700, 900)))
    assert times[SOUND][0] == 700
    assert not plan.disbelieved


def test_a_file_that_stores_one_stream_after_the_other_is_believed() -> None:
    times, plan = moved(in_file(stream(PICTURES, 0, 300), stream(SOUND, 1, 300, at_s=1000)))
    assert (times[PICTURES][0], times[SOUND][0]) == (0, 1)
    assert not plan.disbelieved


@pytest.mark.parametrize("leap_s", [7_200.0, 300.0])
def test_a_stream_that_leaps_ahead_alone_continues(leap_s: float) -> None:
    sound = [*stream(SOUND, 0, 2), *stream(SOUND, leap_s, leap_s + 60, at_s=2)]
    times, plan = moved(in_file(sound, stream(PICTURES, 0, 62)))
    assert goes_on(times[SOUND])
    assert goes_on(times[PICTURES])
    assert plan.disbelieved


def test_a_hole_in_one_stream_is_believed_where_the_other_goes_on() -> None:
    """A still screen, whatever the header announces."""
    pictures = [*stream(PICTURES, 0, 3), *stream(PICTURES, 45, 46)]
    times, _ = moved(in_file(pictures, stream(SOUND, 0, 46)), announced_s=2.0)
    assert times[PICTURES][75] == 45.0


def test_a_pause_of_both_is_believed_up_to_the_longest_hole() -> None:
    def both(pause_s: float) -> list[float]:
        parts: Iterable[list] = (
            [*stream(index, 0, 2), *stream(index, pause_s, pause_s + 2)] for index in (SOUND, PICTURES)
        )
        return moved(in_file(*parts))[0][SOUND]

    assert both(1_800.0)[50] == 1_800.0
    assert goes_on(both(36_000.0))


def test_a_first_packet_is_judged_by_the_other_stream() -> None:
    sound = [(500.0, Stamp(SOUND, 0.0, 0.04)), *stream(SOUND, 500.04, 502)]
    times, _ = moved(in_file(sound, stream(PICTURES, 500, 502)))
    assert goes_on(times[SOUND])
    assert times[SOUND][0] == pytest.approx(500.0)
    silence = [(0.0, Stamp(SOUND, 0.0, 0.04)), *stream(SOUND, 5, 7)]  # a real one, then nothing for 5 s
    times, _ = moved(in_file(silence, stream(PICTURES, 0, 7)))
    assert times[SOUND][:2] == [0.0, 5.0]


def test_slow_pictures_are_no_damage() -> None:
    stamps = in_file(stream(PICTURES, 0, 20, step_s=2.0), stream(SOUND, 0, 20))
    times, _ = moved(stamps)
    assert goes_on(times[PICTURES], 2.0)


@given(
    st.lists(st.tuples(st.sampled_from([SOUND, PICTURES]), st.floats(-1e10, 1e10)), min_size=1, max_size=60)
)
def test_whatever_the_times_the_plan_ends_and_leaves_no_hole_between_streams(
    raw: list[tuple[int, float]],
) -> None:
    stamps = [Stamp(index, t_s, 0.04) for index, t_s in raw]
    times, _ = moved(stamps)
    assert [len(times[i]) for i in (SOUND, PICTURES)] == [
        sum(index == i for index, _ in raw) for i in (SOUND, PICTURES)
    ]
    found = sorted(t for each in times.values() for t in each)
    assert all(b - a <= 3_700 for a, b in itertools.pairwise(found))
