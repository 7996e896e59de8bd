"""Pictures on stream time: any rate, repetition, darkness, late stamps, losses. No device, no clock."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.inputs import ClockState, DeviceState, Gap, Image, SourceInput, VideoFrame
from realtime.sources.config import SourcesConfig
from realtime.sources.device_items import CapturedFrame, Lost, Opened
from realtime.sources.open import camera
from realtime.sources.pictures import FrameRateLimiter, from_bgr
from realtime.sources.video_track import VideoTrack
from tests.realtime.sources.listener import check_contract


def picture(number: int) -> Image:
    image = np.full((12, 16, 3), 90, np.uint8)
    image[number % 12, number // 12 % 16] = 255
    return image


def shown(hz: float, seconds: float, *, track: VideoTrack, start_s: float = 0.0) -> list[SourceInput]:
    out: list[SourceInput] = []
    for n in range(round(hz * seconds)):
        at_s = start_s + (n + 1) / hz
        out += track.take(CapturedFrame(at_s, picture(n)))
        out += track.poll(at_s)
    return out


def opened(**options: object) -> VideoTrack:
    track = VideoTrack("camera", "fake", **options)  # type: ignore[arg-type]
    track.take(Opened(0.0, "Fake camera"))
    return track


def reasons(out: list[SourceInput]) -> list[str]:
    return [item.reason for item in out if isinstance(item, DeviceState)]


@pytest.mark.parametrize("hz", [5.0, 15.0, 30.0, 60.0])
def test_cameras_of_any_rate_give_all_their_pictures_at_their_times(hz: float) -> None:
    out = shown(hz, 6.0, track=opened())
    frames = [item for item in out if isinstance(item, VideoFrame)]
    assert len(frames) >= round(6 * hz) - 1  # the first one may be older than the stream
    assert np.diff([frame.t_s for frame in frames]) == pytest.approx(1 / hz)
    assert reasons(out) == [""]
    assert any(isinstance(item, ClockState) for item in out)
    check_contract(out)


@pytest.mark.parametrize("hz", [5.0, 30.0])
def test_the_same_picture_again_and_again_is_frozen_within_a_second(hz: float) -> None:
    track = opened()
    out = shown(hz, 2.0, track=track)
    for n in range(round(3 * hz)):
        at_s = 2.0 + (n + 1) / hz
        out += track.take(CapturedFrame(at_s, picture(7)))
        out += track.poll(at_s)
        if at_s - 2.0 < 0.75:
            assert "frozen" not in reasons(out)
    assert reasons(out) == ["", "frozen"]
    lost = next(item for item in out if isinstance(item, DeviceState) and item.reason == "frozen")
    assert lost.t_s < 3.1
    assert track.frozen_for_s > 2
    assert not [i for i in out if isinstance(i, VideoFrame) and i.t_s > lost.t_s]
    out += shown(hz, 1.0, track=track, start_s=5.0)
    assert reasons(out) == ["", "frozen", ""]
    check_contract(out)


def test_a_covered_camera_is_dark_even_when_its_noise_moves() -> None:
    track = opened()
    out = shown(15, 1.0, track=track)
    rng = np.random.default_rng(0)
    for n in range(30):
        at_s = 1.0 + (n + 1) / 15
        out += track.take(CapturedFrame(at_s, rng.integers(0, 3, (12, 16, 3), dtype=np.uint8)))
    assert reasons(out) == ["", "dark"]


def test_a_dim_room_is_not_dark() -> None:
    track = opened()
    rng = np.random.default_rng(0)
    out: list[SourceInput] = []
    for n in range(60):
        out += track.take(CapturedFrame((n + 1) / 15, rng.integers(0, 20, (12, 16, 3), dtype=np.uint8)))
    assert reasons(out) == [""]


def test_no_picture_is_a_loss_within_a_second_and_the_time_goes_on() -> None:
    track = opened()
    out = shown(15, 2.0, track=track)
    for step in range(40):
        out += track.poll(2.0 + 0.05 * step)
    assert reasons(out) == ["", "no_data"]
    gaps = [item for item in out if isinstance(item, Gap)]
    assert gaps[-1].t1_s == pytest.approx(3.95 - 0.25, abs=0.25)
    assert "delivers nothing" in gaps[-1].reason
    check_contract(out)


def test_a_senders_stamps_smooth_the_jitter_of_the_network() -> None:
    track = opened()
    rng = np.random.default_rng(0)
    out: list[SourceInput] = []
    for n in range(300):
        sent_s = 1000.0 + n / 25
        out += track.take(CapturedFrame(n / 25 + 0.1 + float(rng.exponential(0.02)), picture(n), sent_s))
    times_s = [item.t_s for item in out if isinstance(item, VideoFrame)][100:]
    assert np.std(np.diff(times_s)) < 0.004
    check_contract(out)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["picture", "same", "black", "wait", "lost", "open", "back"]), st.floats(0.001, 3)
        ),
        max_size=60,
    )
)
def test_whatever_a_camera_does_time_never_goes_back(events: list[tuple[str, float]]) -> None:
    track = opened()
    now_s, sent_s = 0.0, 50.0
    out: list[SourceInput] = []
    for number, (what, size) in enumerate(events):
        now_s += size
        sent_s += -size if what == "back" else size
        if what == "lost":
            out += track.take(Lost(now_s, "unplugged"))
        elif what == "open":
            out += track.take(Opened(now_s, "Fake camera"))
        elif what != "wait":
            image = np.zeros((12, 16, 3), np.uint8) if what == "black" else picture(number * (what != "same"))
            out += track.take(CapturedFrame(now_s, image, sent_s))
        out += track.poll(now_s)
    check_contract([*out, *track.finish(now_s)])


def test_pictures_beyond_the_rate_are_left_out_and_jitter_costs_none() -> None:
    limit = FrameRateLimiter(15.0)
    assert sum(limit.keeps(n / 60) for n in range(600)) == pytest.approx(150, abs=2)
    jittered = FrameRateLimiter(15.0)
    rng = np.random.default_rng(0)
    assert sum(jittered.keeps(n / 15 + float(rng.normal(0, 0.002))) for n in range(150)) >= 147


def test_pictures_become_rgb_of_a_bounded_size() -> None:
    blue = np.zeros((40, 80, 4), np.uint8)
    blue[..., 0] = 200
    assert from_bgr(blue, 40).shape == (20, 40, 3)
    assert from_bgr(blue, None)[0, 0].tolist() == [0, 0, 200]
    assert from_bgr(blue[..., 0], None)[0, 0].tolist() == [200, 200, 200]


def test_how_old_a_cameras_picture_is_when_it_arrives_is_configured() -> None:
    config = SourcesConfig(microphone=None, camera="http://127.0.0.1:1/x", camera_latency_s=0.2)
    track = camera(config).track
    track.take(Opened(1.0, "camera"))
    given = track.take(CapturedFrame(2.0, np.zeros((8, 8, 3), np.uint8)))
    assert [item.t_s for item in given if isinstance(item, VideoFrame)] == [pytest.approx(1.8)]


def test_a_picture_that_a_decoder_still_held_does_not_bring_a_lost_camera_back() -> None:
    track = VideoTrack("camera", "camera")
    track.take(Opened(0.0, "camera"))
    out: list[SourceInput] = []
    for n in range(20):
        out += track.take(CapturedFrame(0.1 + n / 10, picture(n), n / 10))
    out += track.poll(3.2)
    out += track.take(CapturedFrame(3.21, picture(20), 2.0))
    assert [item.reason for item in out if isinstance(item, DeviceState)] == ["", "no_data"]
    assert track.counters["late_pictures"] == 1
    # A camera that stood still itself, stamps included, is back all the same.
    for n in range(21, 25):
        out += track.take(CapturedFrame(3.2 + n / 10, picture(n), n / 10))
    assert [item.reason for item in out if isinstance(item, DeviceState)] == ["", "no_data", ""]
