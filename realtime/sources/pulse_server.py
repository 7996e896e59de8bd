"""Which recording device of a PulseAudio or PipeWire server a name means, and whether it is still there.

PortAudio sees one device "pulse" and cannot tell when what is behind it changes: when a microphone is pulled
out, the server moves the recording to another source without a word, possibly to what the loudspeaker plays.
So the server itself is asked.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from realtime.sources.device_items import DeviceLost

DEFAULT: Final = "default"
_CONNECT_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class PulseSource:
    """A recording device of the server.

    Attributes:
        name: what the server calls it.
        description: what people call it.
        monitor: whether it is what a loudspeaker plays.
        rate_hz, channels: its native format.
        muted: whether it is muted in the server.
    """

    name: str
    description: str
    monitor: bool
    rate_hz: int
    channels: int
    muted: bool


class PulseServer:
    """A connection to the sound server.

    Raises:
        DeviceLost: there is no server that answers.
    """

    def __init__(self) -> None:
        if not sys.platform.startswith("linux"):
            raise DeviceLost("unreachable", "no PulseAudio on this system")
        try:
            import pulsectl
            from pulsectl._pulsectl import LibPulse
        except (ImportError, OSError) as error:
            raise DeviceLost("unreachable", "libpulse is not there") from error
        # Calls into a connection that has just broken raise an error that is none of the library's own kind.
        self._errors = (pulsectl.PulseError, LibPulse.CallError, OSError)
        self._pulse: Any = pulsectl.Pulse("emotrack", connect=False)
        try:
            self._pulse.connect(timeout=_CONNECT_S)
        except self._errors as error:
            self._pulse.close()
            raise DeviceLost("unreachable", "no sound server") from error

    def close(self) -> None:
        """End the connection; errors of a server that is gone are ignored."""
        with contextlib.suppress(*self._errors):
            self._pulse.close()

    def sources(self) -> tuple[PulseSource, ...]:
        """All recording devices, monitors included."""
        with self._asking():
            return tuple(
                PulseSource(
                    s.name,
                    s.description,
                    bool(s.monitor_of_sink_name),
                    s.sample_spec.rate,
                    s.sample_spec.channels,
                    bool(s.mute),
                )
                for s in self._pulse.source_list()
            )
        raise AssertionError("unreachable")

    def microphone(self, wanted: str) -> PulseSource:
        """The source behind a name; "default" is the server's default, but never a loudspeaker's monitor.

        Raises:
            DeviceLost: it is not there.
        """
        with self._asking():
            name = self._pulse.server_info().default_source_name if wanted == DEFAULT else wanted
        found = self._named(name)
        if found is None or (wanted == DEFAULT and found.monitor):
            raise DeviceLost(
                "unplugged", f"no microphone {wanted!r}" if wanted != DEFAULT else "no microphone"
            )
        return found

    def loopback(self, wanted: str) -> PulseSource:
        """The monitor of a loudspeaker; "default" is the server's default loudspeaker.

        Raises:
            DeviceLost: it is not there.
        """
        with self._asking():
            sink = self._pulse.server_info().default_sink_name if wanted == DEFAULT else wanted
            monitors = {s.name: s.monitor_source_name for s in self._pulse.sink_list()}
        found = self._named(monitors.get(sink, sink))
        if found is None:
            raise DeviceLost("unplugged", f"no loudspeaker {wanted!r}")
        return found

    def _named(self, name: str) -> PulseSource | None:
        sources = self.sources()
        exact = [source for source in sources if source.name == name]
        return next(iter(exact or [source for source in sources if source.description == name]), None)

    @contextlib.contextmanager
    def _asking(self) -> Iterator[None]:
        try:
            yield
        except self._errors as error:
            raise DeviceLost("unreachable", "no sound server") from error
