"""A camera's or screen's pictures as one stream: time never goes back, repeated or black pictures are a loss.

What comes in is what a device's thread tells and the time; what goes out are inputs. No thread, no clock.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from core.inputs import ClockState, EndOfStream, Gap, Image, SourceInput, VideoFrame
from realtime.sources.audio_track import MARGIN_S
from realtime.sources.clock_model import ClockModel
from realtime.sources.device_items import REASONS, CapturedFrame, DeviceItem, Lost, Opened
from realtime.sources.device_status import DeviceStatus

_PIECE_S: Final = 0.2
_CLOCK_EVERY_S: Final = 5.0
_LATENCY_S: Final = 0.03
"""A camera's exposure and transfer; between 10 ms and 80 ms with usual ones. Nobody tells it."""

_LATENCY_UNKNOWN_S: Final = 0.05
_REPEATS: Final = 3
_DARK_MEAN, _DARK_SPREAD = 4.0, 2.0
_JUMP_S: Final = 0.5
_LATE_ONES: Final = 2
"""Pictures that may come late while the device is lost; more of them, and its clock has jumped."""


class VideoTrack:
    """One stream of pictures.

    Args:
        stream: name of the stream.
        device: what the device is called before it was opened.
        missing_after_s: so long without a picture, or with the same one, until the device counts as lost.
        still_is_missing: whether the same picture again means a fault (a camera) or nothing (a screen).
        latency_s: how old a picture is when it arrives.

    Attributes:
        frozen_for_s: how long the picture has been the same, 0 while it is not counted as frozen.
        counters: pictures that were left out because they came too late.
    """

    def __init__(
        self,
        stream: str,
        device: str,
        *,
        missing_after_s: float = 0.8,
        still_is_missing: bool = True,
        latency_s: float = _LATENCY_S,
    ) -> None:
        self._stream = stream
        self._status = DeviceStatus(stream, device)
        self._missing_after_s = missing_after_s
        self._still_is_missing = still_is_missing
        self._latency_s = latency_s
        self._reached_s = 0.0
        self._heard_s = 0.0
        self._open = False
        self._last: Image | None = None
        self._repeats = 0
        self._seen_s = 0.0
        self._same_since_s = 0.0
        self._dark_since_s: float | None = None
        self._clock_model: ClockModel | None = None
        self._first_sent_s = 0.0
        self._beside = 0
        self._spread_s = 0.0
        self._clock_told_s = 0.0
        self.frozen_for_s = 0.0
        self.counters = {"late_pictures": 0}
        self.behind_s = 0.0

    def take(self, item: DeviceItem) -> list[SourceInput]:
        """Take in what the device's thread told."""
        match item:
            case Opened():
                self._open, self._heard_s, self._clock_model = True, item.at_s, None
                self._status.device = item.device
            case Lost():
                self._open, self.frozen_for_s = False, 0.0
                return [*self._status.lost(self._reached_s, item.reason, item.detail)]
            case CapturedFrame() if self._open:
                self._heard_s = item.at_s
                return self._picture(item)
        return []

    def poll(self, now_s: float, *, slept: bool = False) -> list[SourceInput]:
        """Let time act; `slept` when the machine was not running since the last call."""
        out: list[SourceInput] = []
        if slept and self._open:
            out += self._status.lost(self._reached_s, "suspended")
        if self._open and now_s - self._heard_s > self._missing_after_s:
            out += self._status.lost(self._reached_s, "no_data")
        elif not self._open:
            out += self._status.lost(self._reached_s, "starting")
        return out if self._status.present else [*out, *self._follow(now_s)]

    def finish(self, now_s: float) -> list[SourceInput]:
        """End the stream where its last picture or gap ends."""
        return [EndOfStream(self._stream, self._reached_s)]

    # -- pictures -------------------------------------------------------------------------------------

    def _picture(self, picture: CapturedFrame) -> list[SourceInput]:
        reason = self._fault(picture)
        self._last = picture.image
        if reason:
            return [*self._status.lost(self._reached_s, reason), *self._follow(picture.at_s)]
        t_s = self._captured_s(picture)
        if t_s < self._reached_s:
            if not self._status.present or self._reached_s - t_s > self._missing_after_s:
                self.counters["late_pictures"] += 1
                return []
            t_s = self._reached_s + 1e-6
        out: list[SourceInput] = []
        if not self._status.present:
            if t_s > self._reached_s:
                why = REASONS[self._status.reason]
                out.append(Gap(self._stream, self._reached_s, t_s, why))
            out += self._status.back(t_s)
        self._reached_s = t_s
        return [*out, VideoFrame(self._stream, t_s, picture.image), *self._clock_state()]

    def _fault(self, picture: CapturedFrame) -> str:
        image, last = picture.image, self._last
        interval_s, self._seen_s = picture.at_s - self._seen_s, picture.at_s
        if not self._still_is_missing:
            return ""
        same = last is not None and last.shape == image.shape and np.array_equal(last, image)
        if not same:
            self._repeats, self._same_since_s = 0, picture.at_s
        else:
            self._repeats += 1
        dark = float(image[::4, ::4].mean()) < _DARK_MEAN and float(image[::4, ::4].std()) < _DARK_SPREAD
        self._dark_since_s = (self._dark_since_s or picture.at_s) if dark else None
        if self._dark_since_s is not None and picture.at_s - self._dark_since_s >= self._missing_after_s:
            return "dark"
        still_s = picture.at_s - self._same_since_s
        # The next picture would be too late to say so in time.
        frozen = self._repeats >= _REPEATS and still_s + interval_s >= self._missing_after_s
        self.frozen_for_s = still_s if frozen else 0.0
        return "frozen" if frozen else ""

    def _captured_s(self, picture: CapturedFrame) -> float:
        """By the sender's own stamps, which do not jitter as arrivals do, where there are any."""
        arrival_s = picture.at_s - self._latency_s
        if picture.sent_s is None:
            return arrival_s
        if self._clock_model is None:
            self._clock_model, self._first_sent_s = ClockModel(), picture.sent_s
        device_s = picture.sent_s - self._first_sent_s
        self._clock_model.add(device_s, arrival_s)
        t_s = self._clock_model.fit.arrival_s(device_s)
        if abs(arrival_s - t_s) > _JUMP_S:
            self._beside += 1
            if self._beside <= _LATE_ONES and arrival_s > t_s and not self._status.present:
                return t_s  # what a decoder still held when the connection broke
            self._clock_model = None
            return arrival_s
        self._beside = 0
        self._spread_s = self._clock_model.fit.spread_s
        return t_s

    def _clock_state(self) -> list[SourceInput]:
        if self._reached_s - self._clock_told_s < _CLOCK_EVERY_S:
            return []
        self._clock_told_s = self._reached_s
        slope = self._clock_model.fit.slope if self._clock_model is not None else 0.0
        uncertainty_s = _LATENCY_UNKNOWN_S + self._spread_s
        return [ClockState(self._stream, self._reached_s, 0.0 - slope * 1e6, 0.0, uncertainty_s)]

    def _follow(self, now_s: float) -> list[SourceInput]:
        end_s = now_s - MARGIN_S
        if end_s - self._reached_s < _PIECE_S:
            return []
        gap = Gap(self._stream, self._reached_s, end_s, REASONS[self._status.reason])
        self._reached_s = end_s
        return [gap]
