"""Audio and video from clients: the frames, when they are due, what is refused, and what is bounded."""

from __future__ import annotations

import struct
from contextlib import suppress

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.inputs import SAMPLE_RATE, AudioChunk, DeviceState, EndOfStream, Gap, VideoFrame
from core.media.source import available_s
from core.testing import FakeClock
from realtime.feed import ingest_source
from realtime.feed.client_messages import Ingest, IngestStream
from realtime.feed.close_codes import CloseCode, Refusal
from realtime.feed.ingest_frame import MAX_PIXELS, IngestFrame, jpeg_size, read
from realtime.feed.ingest_source import IngestSource
from realtime.feed.ingest_stream import PlayoutSchedule

SOUND = IngestStream("microphone", "audio", 16_000, "p1")
SIGHT = IngestStream("camera", "video")
BOTH = (SOUND, SIGHT)
BLOCK = np.arange(1600, dtype="<i2").tobytes()


def jpeg(width=64, height=48, value=90):
    return cv2.imencode(".jpg", np.full((height, width, 3), value, np.uint8))[1].tobytes()


def source_of(*streams, clock=None, **options):
    acks = []
    source = IngestSource(Ingest("test", streams), acks.append, clock=clock or FakeClock(), **options)
    return source, acks


def sound(number, t_s, payload=BLOCK, **options):
    return IngestFrame(0, number, round(t_s * 1e6), payload, **options).to_bytes()


def sight(number, t_s, payload=None, stream=1):
    return IngestFrame(stream, number, round(t_s * 1e6), payload or jpeg()).to_bytes()


def taken(source):
    """Everything, when no more will come."""
    source.finish()
    items = []
    for item in source.inputs():
        items.append(item)
        source.write(0.0, item)
    return items


# -- frames -------------------------------------------------------------------------------------------


def test_a_frame_is_read_as_it_was_written_and_lies_as_documented():
    frame = IngestFrame(0, 7, 1_500_000, BLOCK, missing_before=True)
    assert read(frame.to_bytes(), BOTH) == frame
    assert frame.to_bytes()[:16] == struct.pack("<BBHIQ", 1, 0, 1, 7, 1_500_000)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "no payload"),
        (sound(0, 0.0)[:16], "no payload"),
        (b"\x02" + sound(0, 0.0)[1:], "version"),
        (IngestFrame(2, 0, 0, BLOCK).to_bytes(), "not announced"),
        (sound(0, 0.0)[:2] + b"\x02\x00" + sound(0, 0.0)[4:], "unknown flags"),
        (sound(0, 0.0) + b"x", "middle of a sample"),
        (sound(0, 0.0, bytes(32_002)), "longer than 1 s"),
        (sight(0, 0.0, b"GIF89a"), "no JPEG"),
        (sight(0, 0.0, jpeg()[:100]), "no JPEG"),
    ],
)
def test_what_is_no_frame_is_refused_and_said_why(data, why):
    with pytest.raises(Refusal, match=why) as caught:
        read(data, BOTH)
    assert caught.value.code is CloseCode.BAD_MESSAGE


def test_a_picture_that_would_fill_the_memory_is_refused_before_it_is_decoded():
    small = jpeg()
    place = small.index(b"\xff\xc0") + 5
    bomb = small[:place] + struct.pack(">HH", 65_500, 65_500) + small[place + 4 :]
    assert jpeg_size(bomb) == (65_500, 65_500)
    assert MAX_PIXELS < 65_500**2
    hidden = bomb[:2] + bomb[place - 5 : place + 12].replace(b"\xff\xc0", b"\xff\xc9") + small[2:]
    for each in (bomb, hidden):
        with pytest.raises(Refusal, match="too large"):
            read(sight(0, 0.0, each), BOTH)


@given(st.integers(1, 90), st.integers(1, 90), st.booleans())
def test_the_size_of_a_picture_is_read_without_decoding_it(width, height, progressive):
    image = np.zeros((height, width, 3), np.uint8)
    options = [cv2.IMWRITE_JPEG_PROGRESSIVE, int(progressive)]
    assert jpeg_size(cv2.imencode(".jpg", image, options)[1].tobytes()) == (width, height)


# -- the source ---------------------------------------------------------------------------------------


def test_sound_and_pictures_come_out_where_the_client_said_they_belong():
    clock = FakeClock()
    source, acks = source_of(*BOTH, clock=clock)
    inputs, items = source.inputs(), []
    for number in range(20):
        source.take(sound(number, number / 10))
        source.take(sight(number, number / 10))
        clock.advance(0.1)
        while source._queue:
            items.append(next(inputs))
            source.write(0.0, items[-1])
    source.finish()
    items += list(inputs)
    heard = np.concatenate([item.samples for item in items if isinstance(item, AudioChunk)])
    assert len(heard) == pytest.approx(2 * SAMPLE_RATE, abs=80)
    ramp = np.tile(np.arange(1600), 20) / 32_768
    middle = slice(400, 1200)  # the ramp jumps at its ends, which a resampler rounds
    assert np.abs(heard[: len(ramp)][middle] - ramp[: len(heard)][middle]).max() < 2e-3
    assert [item.t_s for item in items if isinstance(item, VideoFrame)] == pytest.approx(np.arange(20) / 10)
    assert sorted(item.stream for item in items if isinstance(item, EndOfStream)) == ["camera", "microphone"]
    assert not [item for item in items if isinstance(item, Gap)]
    assert source.faults == []
    assert [(ack.stream, ack.dropped) for ack in acks[:2]] == [(0, 0), (1, 0)]
    assert [ack.t_s for ack in acks if ack.stream == 0] == pytest.approx([0.1, 1.1], abs=0.11)


def test_what_was_lost_on_the_way_is_a_hole():
    clock = FakeClock()
    source, _ = source_of(SOUND, clock=clock)
    for number in [*range(10), *range(15, 25)]:
        clock.now_s = number / 10
        source.take(sound(number, number / 10))
    items = taken(source)
    [gap] = [item for item in items if isinstance(item, Gap)]
    assert (gap.t0_s, gap.t1_s) == pytest.approx((1.0, 1.5), abs=0.02)
    assert max(available_s(item) for item in items) == pytest.approx(2.5, abs=0.02)


def test_a_stream_that_falls_silent_is_a_device_that_is_lost_while_the_other_goes_on():
    clock = FakeClock()
    source, _ = source_of(*BOTH, clock=clock)
    inputs = source.inputs()
    states = []
    for number in range(50):
        clock.now_s = number / 10
        source.take(sound(number, number / 10))
        if number < 5:
            source.take(sight(number, number / 10))
        clock.advance(0.1)
        while source._queue:
            states.append(next(inputs))
            source.write(0.0, states[-1])
        if number == 30:
            states.append(next(inputs))  # nothing waits: time acts
    source.finish()
    states += list(inputs)
    told = [s for s in states if isinstance(s, DeviceState) and s.stream == "camera" and not s.present]
    assert [s.reason for s in told] == ["no_data"]


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        ([sound(5, 0.0), sound(5, 0.1)], CloseCode.BAD_MESSAGE),
        ([sound(5, 0.0), sound(4, 0.1)], CloseCode.BAD_MESSAGE),
        ([sound(0, 3600.0)], CloseCode.TOO_FAST),
        ([sight(0, 2**63 / 1e6)], CloseCode.TOO_FAST),
        ([sound(n, 0.0, bytes(32_000)) for n in range(11)], CloseCode.TOO_FAST),
    ],
)
def test_numbers_that_go_back_and_sound_faster_than_speech_are_refused(frames, code):
    source, _ = source_of(*BOTH)
    for data in frames[:-1]:
        source.take(data)
    with pytest.raises(Refusal) as caught:
        source.take(frames[-1])
    assert caught.value.code is code


def test_what_waits_is_bounded_and_what_is_left_out_is_counted_and_said():
    clock = FakeClock()
    source, acks = source_of(*BOTH, clock=clock)
    for number in range(400):
        clock.now_s = number / 10
        source.take(sound(number, number / 10))
        source.take(sight(number, number / 10))
    waiting = [entry.frame for entry in source._queue if entry.frame is not None]
    assert sum(len(f.payload) for f in waiting if f.stream == 0) <= ingest_source.MAX_WAITING_S * 32_000
    assert sum(f.stream == 1 for f in waiting) == ingest_source.MAX_WAITING_PICTURES
    newest = {ack.stream: ack for ack in acks}
    assert newest[0].dropped > 200
    assert newest[0].queued_s > 30
    assert newest[1].dropped > 350
    taken(source)
    assert len(source.faults) == 2


def test_a_client_that_sends_nothing_does_not_keep_its_place_for_ever():
    clock = FakeClock()
    source, _ = source_of(SOUND, clock=clock, idle_s=5.0)
    clock.advance(6.0)
    assert [type(item) for item in source.inputs()] == [EndOfStream]
    assert source.faults == ["nothing was sent for 5 s."]


def test_a_damaged_picture_costs_itself_only():
    clock = FakeClock()
    source, _ = source_of(IngestStream("camera", "video"), clock=clock)
    whole = jpeg(value=200)
    for number in range(3):
        clock.now_s = number / 5
        payload = whole if number != 1 else whole[: whole.index(b"\xff\xda") + 4]
        source.take(sight(number, number / 5, payload, stream=0))
    pictures = [item for item in taken(source) if isinstance(item, VideoFrame)]
    assert 2 <= len(pictures) <= 3


# -- the schedule -------------------------------------------------------------------------------------


def test_what_comes_early_waits_and_jitter_does_not_move_the_schedule():
    schedule = PlayoutSchedule()
    schedule.arrived(0.1, 100.0)
    assert schedule.now_s(100.0) == pytest.approx(0.1)
    for number in range(2, 400):
        schedule.arrived(number / 10, 100.0 + number / 10 - 0.1 + (0.3 if number % 3 else 0.0))
    assert schedule.now_s(139.9) == pytest.approx(40.0)


@pytest.mark.parametrize("drift", [-0.01, 0.01])
def test_clocks_that_drift_apart_are_followed_and_time_never_goes_back(drift):
    schedule = PlayoutSchedule()
    before_s = 0.0
    for number in range(6000):
        clock_s = number / 10
        t_s = clock_s * (1 + drift)
        schedule.arrived(t_s, clock_s)
        now_s = schedule.now_s(clock_s)
        assert now_s >= before_s
        before_s = now_s
        assert abs(now_s - t_s) < 0.9


# -- whatever comes -----------------------------------------------------------------------------------

numbers = st.integers(0, 2**32 - 1) | st.integers(0, 40)
moments = st.integers(0, 2**64 - 1) | st.integers(0, 20_000_000)
payloads = (
    st.binary(max_size=200)
    | st.integers(0, 2000).map(lambda n: bytes(2 * n))
    | st.builds(jpeg, st.integers(1, 40), st.integers(1, 40))
    | st.tuples(st.binary(max_size=8), st.integers(0, 600)).map(
        lambda cut: jpeg()[: cut[1]] + cut[0] + jpeg()[cut[1] + len(cut[0]) :]
    )
)
messages = st.builds(
    lambda *parts: IngestFrame(*parts).to_bytes(),
    st.integers(0, 3), numbers, moments, payloads, st.booleans(),
) | st.binary(max_size=400)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(messages, st.floats(0, 3)), max_size=25))
def test_whatever_is_sent_is_taken_in_or_refused_and_what_comes_out_is_in_order(sent):
    clock = FakeClock()
    source, acks = source_of(*BOTH, clock=clock)
    for data, pause_s in sent:
        clock.advance(pause_s)
        with suppress(Refusal):
            source.take(data)
    clock.advance(30.0)
    reached, ended = {}, []
    for item in taken(source):
        position = reached.get(item.stream, 0.0)
        if isinstance(item, AudioChunk):
            assert item.start_sample == round(position * SAMPLE_RATE)
            assert np.isfinite(item.samples).all()
        elif not isinstance(item, EndOfStream):
            assert (item.t0_s if isinstance(item, Gap) else item.t_s) >= position - 0.5 / SAMPLE_RATE
        else:
            ended.append(item.stream)
        reached[item.stream] = max(position, available_s(item))
    assert sorted(ended) == ["camera", "microphone"]
    assert max(reached.values()) <= clock.now_s * ingest_source.DRIFT + ingest_source.MAX_AHEAD_S
    assert all(ack.dropped >= 0 and ack.queued_s >= 0 for ack in acks)
