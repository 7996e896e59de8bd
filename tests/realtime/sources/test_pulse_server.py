"""The connection to the sound server when it breaks in the middle of a question."""

from __future__ import annotations

import pulsectl
import pytest
from pulsectl._pulsectl import LibPulse

from realtime.sources.device_items import DeviceLost
from realtime.sources.pulse_server import PulseServer


class Broken:
    """A connection whose server has just died."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def connect(self, timeout: float) -> None:
        pass

    def server_info(self):
        raise self._error

    def close(self) -> None:
        raise self._error


@pytest.mark.parametrize(
    "error",
    [
        pulsectl.PulseError("gone"),
        LibPulse.CallError("pa_context_get_source_info_list", (), None, "Bad state"),
        BrokenPipeError(),
    ],
)
def test_a_server_that_dies_while_it_is_asked_is_lost_and_nothing_else(error, monkeypatch) -> None:
    monkeypatch.setattr(pulsectl, "Pulse", lambda name, connect: Broken(error))
    server = PulseServer()
    with pytest.raises(DeviceLost) as lost:
        server.microphone("default")
    assert lost.value.reason == "unreachable"
    server.close()
