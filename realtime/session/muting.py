"""Muting: what the user does not want to be seen or heard never reaches the engine or a recording."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Literal

from core.events import StreamInfo
from core.inputs import SAMPLE_RATE, AudioChunk, DeviceState, Gap, SourceInput, VideoFrame

REASON = "muted"


class Muting:
    """Replaces what muted streams give by holes.

    Args:
        streams: of the run.
    """

    def __init__(self, streams: Iterable[StreamInfo]) -> None:
        self._kinds = {stream.name: stream.kind for stream in streams}
        self._lock = threading.Lock()
        self._muted: set[str] = set()

    def change(self, kind: Literal["audio", "video"], t_s: float, *, muted: bool) -> list[DeviceState]:
        """Mute or unmute all streams of a kind, from any thread.

        Returns:
            What is to be said of the streams that this changes.
        """
        states = []
        with self._lock:
            for stream in (name for name, of in self._kinds.items() if of == kind):
                if muted != (stream in self._muted):
                    self._muted.symmetric_difference_update({stream})
                    message = f"{stream} was muted" if muted else f"{stream} is no longer muted"
                    states.append(DeviceState(stream, t_s, not muted, REASON if muted else "", message))
        return states

    def passed(self, item: SourceInput) -> SourceInput | None:
        """The input, or what takes its place; None where nothing does."""
        with self._lock:
            muted = item.stream in self._muted
        if not muted:
            return item
        if isinstance(item, AudioChunk):
            return Gap(item.stream, item.start_sample / SAMPLE_RATE, item.end_sample / SAMPLE_RATE, REASON)
        return None if isinstance(item, VideoFrame) else item
