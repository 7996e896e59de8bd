"""What waits for the engine: sound in full, the newest pictures, in the order in which it came."""

from __future__ import annotations

import threading

import numpy as np

from core.inputs import AudioChunk, Tick, VideoFrame
from core.testing import FakeClock
from realtime.session.mailbox import KEPT_FRAMES, Mailbox

IMAGE = np.zeros((2, 2, 3), np.uint8)


def sound(k: int) -> AudioChunk:
    return AudioChunk("me", 160 * k, np.zeros(160, np.float32))


def test_what_comes_is_taken_in_its_order_and_once():
    box = Mailbox(FakeClock())
    items = [sound(0), VideoFrame("camera", 0.0, IMAGE), Tick(0.1), sound(1)]
    for item in items:
        box.put(item)
    assert box.take(0.0) == items
    assert box.take(0.0) == []
    assert box.dropped == {}


def test_of_each_camera_only_the_newest_pictures_wait_and_the_others_are_counted():
    box = Mailbox(FakeClock())
    for k in range(10):
        box.put(VideoFrame("camera", k / 10, IMAGE))
        box.put(sound(k))
    box.put(VideoFrame("screen", 0.0, IMAGE))
    taken = box.take(0.0)
    assert [i.t_s for i in taken if isinstance(i, VideoFrame) and i.stream == "camera"] == [0.8, 0.9]
    assert sum(isinstance(i, AudioChunk) for i in taken) == 10
    assert box.dropped == {"camera": 10 - KEPT_FRAMES}
    box.put(VideoFrame("camera", 1.0, IMAGE))
    assert len(box.take(0.0)) == 1
    assert box.dropped == {"camera": 10 - KEPT_FRAMES}


def test_the_age_is_that_of_the_oldest_thing_that_waits():
    clock = FakeClock()
    box = Mailbox(clock)
    assert box.age_s() == 0.0
    box.put(sound(0))
    clock.advance(2.0)
    box.put(sound(1))
    clock.advance(1.0)
    assert box.age_s() == 3.0
    box.take(0.0)
    assert box.age_s() == 0.0


def test_who_waits_is_woken():
    box, taken = Mailbox(FakeClock()), []
    reader = threading.Thread(target=lambda: taken.extend(box.take(10.0)))
    reader.start()
    box.put(Tick(1.0))
    reader.join(5.0)
    assert taken == [Tick(1.0)]
