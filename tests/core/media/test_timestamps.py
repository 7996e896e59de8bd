from fractions import Fraction

import av
from hypothesis import given
from hypothesis import strategies as st

from core.media.faults import FaultLog
from core.media.timestamps import StampRepair


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
    faults: list[str] = []
    repair = StampRepair(0.0, announced_s, "sound", FaultLog(faults))
    return [packet.pts for packet in repair.repaired(packets(*stamps_ms))], faults


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
    assert repaired([0, 40, 500_000, 500_040])[0] == [0, 40, 80, 120]
    assert repaired([0, 40, 500_000, 500_040], announced_s=None)[0] == [0, 40, 500_000, 500_040]
    assert repaired([0, 40, 5_000_000, 5_000_040], announced_s=None)[0] == [0, 40, 80, 120]


def test_a_single_packet_with_a_damaged_time_is_left_out() -> None:
    stamps, faults = repaired([0, 40, 60_000, 120, 160])
    assert stamps == [0, 40, 120, 160]
    assert faults == ["A damaged time stamp in the sound at 0.08 s; its content was left out."]


def test_packets_without_a_time_pass() -> None:
    assert repaired([0, None, 80, None]) == ([0, None, 80, None], [])
