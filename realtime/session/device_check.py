"""Whether there is any device at all: a run that can never hear or see anything should say so and end."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from core.events import StreamInfo
from core.inputs import AudioChunk, DeviceState, SourceInput, VideoFrame

WAIT_S: Final = 4.0
"""How long devices may take to say that they are not there. Once one has worked, a run goes on without any:
they may come back."""
OPENING_S: Final = 30.0
"""How long one may take to be opened: on a busy machine that is long."""


class DeviceCheck:
    """Hears which devices answer.

    Args:
        streams: of the run.
    """

    def __init__(self, streams: Iterable[StreamInfo]) -> None:
        self._waiting = {stream.name for stream in streams}
        self._absent: dict[str, str] = {}
        self._opening: set[str] = set()
        self._answered = False

    def note(self, item: SourceInput) -> None:
        """Something came: data show that a device is there, a state may say that it is not."""
        if isinstance(item, AudioChunk | VideoFrame):
            self._answered = True
        elif isinstance(item, DeviceState) and not item.present:
            self._absent[item.stream] = item.message
            self._opening.discard(item.stream)
            if item.reason == "starting":
                self._opening.add(item.stream)

    def failed(self, now_s: float) -> bool:
        """Whether every device was given its time and none has answered."""
        silent = bool(self._waiting) and self._waiting == set(self._absent)
        return silent and not self._answered and now_s >= (OPENING_S if self._opening else WAIT_S)

    def reasons(self) -> str:
        """Why, device by device."""
        return "; ".join(f"{stream}: {message.rstrip('.')}" for stream, message in self._absent.items())
