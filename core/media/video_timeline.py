"""Decoded pictures in strictly increasing time, where every hole is announced.

A picture is shown until the next one comes. Recorders of screens and calls write none while nothing changes,
so one that stands for some seconds is given again and again, as a viewer sees it.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from statistics import median
from typing import Final

import av

from core.inputs import EndOfStream, Gap, Image, VideoFrame
from core.media.faults import FaultLog
from core.media.frame_conversion import PictureMaker

STANDS_S: Final = 1.0
"""A picture that is not followed by another for so long stands ..."""

STILL_EVERY_S: Final = 0.5
"""... and is given again after so long."""

STILL_S: Final = 10.0
"""So long a picture may stand; what is longer is a hole."""

DAMAGE_HOLE_S: Final = 0.2
"""The same where something could not be read in between."""

_RATE_SLACK: Final = 0.9
"""Jitter must not make every second picture of a stream that keeps to the rate fall out."""

_REORDERED: Final = 32
"""Decoders hold back up to this many pictures, so a hole may come out so much later than its cause."""


class VideoTimeline:
    """Passes pictures on in order; one that comes late or twice is left out.

    Args:
        stream: name of the stream.
        pictures: makes pictures of frames.
        interval_s: usual time between pictures, a guess until some have been seen.
        max_hz: pictures that come faster are thinned out to about this rate; None keeps all.
        faults: where holes and lost pictures are told.
    """

    def __init__(
        self, stream: str, pictures: PictureMaker, interval_s: float, max_hz: float | None, faults: FaultLog
    ) -> None:
        self._stream = stream
        self._pictures = pictures
        self._faults = faults
        self._last_s: float | None = None
        self._last: Image | None = None
        self._given_s = -math.inf
        self._least_s = 0.0 if max_hz is None else _RATE_SLACK / max_hz
        self._intervals_s = deque([interval_s], maxlen=25)
        self._out_of_order = 0
        self._doubtful = 0
        self._unusable = 0
        self._after_damage = 0  # so many more pictures may follow a hole that damage made

    def _stands(self, until_s: float) -> Iterator[VideoFrame]:
        """The last picture again, up to the next one at `until_s`."""
        if self._last is None or self._last_s is None or until_s - self._last_s <= STANDS_S:
            return
        count = math.ceil((until_s - self._last_s) / STILL_EVERY_S - 1e-6)
        for number in range(1, count):
            t_s = self._last_s + number * (until_s - self._last_s) / count
            if t_s > self._given_s:
                yield VideoFrame(self._stream, t_s, self._last)

    @property
    def expected_s(self) -> float:
        """Stream time at which the next picture is due."""
        return 0.0 if self._last_s is None else self._last_s + median(self._intervals_s)

    def push(self, frame: av.VideoFrame, t_s: float, *, damaged: bool) -> Iterator[VideoFrame | Gap]:
        """Pass on a frame presented at `t_s`; `damaged` when something before it was not readable."""
        t_s = max(t_s, 0.0)
        self._after_damage = _REORDERED if damaged else max(0, self._after_damage - 1)
        if self._last_s is not None and t_s <= self._last_s:
            self._out_of_order += 1
            return
        self._doubtful += frame.is_corrupt
        yield from self._hole(t_s)
        if self._last_s is not None:
            self._intervals_s.append(t_s - self._last_s)
        self._last_s = t_s
        if t_s - self._given_s >= self._least_s:
            yield from self._picture(frame, t_s)

    def finish(self) -> Iterator[VideoFrame | EndOfStream]:
        """End the stream one interval after the last picture."""
        yield from self._stands(self.expected_s)
        if self._last_s is None:
            self._faults.note("No picture could be decoded.")
        for count, what in (
            (self._out_of_order, "came out of order or twice and were left out"),
            (self._unusable, "have a form that cannot be used and were left out"),
            (self._doubtful, "are damaged"),
        ):
            if count:
                self._faults.note(f"Pictures that {what}: {count}.")
        yield EndOfStream(self._stream, self.expected_s)

    def _picture(self, frame: av.VideoFrame, t_s: float) -> Iterator[VideoFrame]:
        try:
            image = self._pictures.picture(frame)
        except (av.FFmpegError, ValueError):
            self._unusable += 1
            return
        self._given_s, self._last = t_s, image
        yield VideoFrame(self._stream, t_s, image)

    def _hole(self, t_s: float) -> Iterator[VideoFrame | Gap]:
        begin_s = self.expected_s
        hole_s = t_s - begin_s
        usual_s = median(self._intervals_s)
        if self._last_s is None:
            if hole_s > STILL_EVERY_S:
                yield Gap(self._stream, 0.0, t_s, "the pictures start later")
        elif self._after_damage and hole_s > max(DAMAGE_HOLE_S, 2 * usual_s):
            self._faults.note(f"The pictures from {begin_s:.2f} s to {t_s:.2f} s could not be read.")
            yield Gap(self._stream, begin_s, t_s, "the pictures cannot be read here")
        elif t_s - self._last_s <= STILL_S:
            yield from self._stands(t_s)
        else:
            self._faults.note(f"There are no pictures from {begin_s:.2f} s to {t_s:.2f} s.")
            yield Gap(self._stream, begin_s, t_s, "the recording has no pictures here", still=True)
