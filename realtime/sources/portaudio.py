"""Sound through PortAudio: a callback puts blocks into the ring, a thread watches over the device."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from core.errors import SourceError
from realtime.environment import variable
from realtime.sources.block_age import BlockAge, StreamTimes
from realtime.sources.device_items import AudioBlock, DeviceLost, Opened
from realtime.sources.driver import DriverHandle
from realtime.sources.pulse_server import DEFAULT, PulseServer, PulseSource

BLOCK_S: Final = 0.02
WATCH_S: Final = 0.25
SILENT_S: Final = 2.0
"""An open device whose callback is not called for so long is closed and opened again."""

_PULSE: Final = "pulse"

_library = threading.Lock()
_open_streams = 0


def load_sounddevice() -> ModuleType:
    """The library `sounddevice`.

    Raises:
        SourceError: PortAudio is not installed.
    """
    try:
        import sounddevice
    except OSError as error:
        raise SourceError(
            "PortAudio cannot be loaded.",
            where="microphone",
            fix="On Debian and Ubuntu: apt install libportaudio2 libasound2-plugins.",
        ) from error
    module: ModuleType = sounddevice
    return module


class PortAudioDriver:
    """One recording device of PortAudio.

    On Linux with a sound server the device is one of the server's, recorded through PortAudio's "pulse".

    Args:
        device: "default", a name (or a part of one), or an index of PortAudio.
        loopback: record what a loudspeaker plays (sound server only).
        load: gives the library; replaced in tests.
        server: connects to the sound server; replaced in tests.
    """

    def __init__(
        self,
        device: str = DEFAULT,
        *,
        loopback: bool = False,
        load: Callable[[], ModuleType] = load_sounddevice,
        server: Callable[[], PulseServer] = PulseServer,
    ) -> None:
        self._device = device
        self._loopback = loopback
        self._sounddevice = load()
        self._server = server
        self._served = False
        kind = "loopback" if loopback else "microphone"
        self.label = kind if device == DEFAULT else f"{kind} {device}"

    def run(self, handle: DriverHandle) -> None:
        """Record until the handle closes. Raises DeviceLost when the device is lost."""
        with self._connected() as server:
            source = self._resolved(server) if server is not None else None
            with self._recording(handle, source) as recorder:
                while not handle.wait(WATCH_S):
                    recorder.check(handle.clock())
                    if server is not None and source is not None:
                        self._check_same(server, source)

    @contextlib.contextmanager
    def _connected(self) -> Iterator[PulseServer | None]:
        try:
            server = self._server()
        except DeviceLost:
            if self._loopback or self._served:
                raise
            yield None  # plain ALSA, CoreAudio or WASAPI
            return
        self._served = True  # its loss is a loss; nothing else is recorded instead
        with contextlib.closing(server):
            yield server

    def _resolved(self, server: PulseServer) -> PulseSource:
        find = server.loopback if self._loopback else server.microphone
        return find(self._device)

    def _check_same(self, server: PulseServer, source: PulseSource) -> None:
        if self._resolved(server).name != source.name:
            raise DeviceLost("changed")

    @contextlib.contextmanager
    def _recording(self, handle: DriverHandle, source: PulseSource | None) -> Iterator[_Recorder]:
        sd = self._sounddevice
        with _library_open(sd):
            try:
                index, info = self._chosen(source)
                rate_hz = float(source.rate_hz if source else info["default_samplerate"])
                recorder = _Recorder(handle, rate_hz)
                with _source_named(source.name if source else None):
                    stream = sd.InputStream(
                        device=index,
                        channels=max(1, min(2, source.channels if source else info["max_input_channels"])),
                        samplerate=rate_hz,
                        blocksize=0,
                        latency="low" if source is None else 0.05,
                        dtype="float32",
                        callback=recorder.callback,
                        finished_callback=recorder.finished.set,
                    )
            except (sd.PortAudioError, ValueError) as error:
                raise _explained(error) from error
            with _closed_in_the_end(stream):
                device = source.description if source else str(info["name"])
                # A callback may come before `start` returns: the opening has to be told first.
                handle.put(Opened(handle.clock(), device, float(stream.samplerate), _latency_s(stream)))
                try:
                    stream.start()
                except sd.PortAudioError as error:
                    raise _explained(error) from error
                yield recorder

    def _chosen(self, source: PulseSource | None) -> tuple[int, dict[str, Any]]:
        devices = list(self._sounddevice.query_devices())
        usable = [(i, d) for i, d in enumerate(devices) if d["max_input_channels"] > 0]
        if source is not None:
            usable = [(i, d) for i, d in usable if d["name"] == _PULSE] or usable
        elif self._device == DEFAULT:
            default = self._sounddevice.default.device[0]
            usable = [(i, d) for i, d in usable if i == default] or usable[:1]
        elif self._device.isdigit():
            usable = [(i, d) for i, d in usable if i == int(self._device)]
        else:
            usable = [(i, d) for i, d in usable if self._device.lower() in str(d["name"]).lower()]
        if not usable:
            raise DeviceLost("unplugged", "no such recording device")
        return usable[0]


class _Stream(Protocol):
    """What is used of `sounddevice.InputStream`."""

    latency: float

    def abort(self, ignore_errors: bool) -> None: ...

    def close(self, ignore_errors: bool) -> None: ...


class _Recorder:
    """The callback's side. It copies a block and goes; nothing in it waits."""

    def __init__(self, handle: DriverHandle, rate_hz: float) -> None:
        self._handle = handle
        self._rate_hz = rate_hz
        self._waiting = BlockAge()
        self._frames = 0
        self._heard_s = handle.clock()
        self.finished = threading.Event()

    def callback(self, samples: NDArray[np.float32], frames: int, times: StreamTimes, status: object) -> None:
        """PortAudio's callback; (frames, channels) float32, valid during the call only."""
        self._heard_s = self._handle.clock()
        waited_s = self._waiting.of(times, frames / self._rate_hz)
        self._handle.put(AudioBlock(self._heard_s, self._frames, samples.copy(), waited_s))
        self._frames += frames

    def check(self, now_s: float) -> None:
        """Raises DeviceLost when the device has ended or says nothing."""
        if self.finished.is_set():
            raise DeviceLost("unplugged", "the recording was ended by the system")
        if now_s - self._heard_s > SILENT_S:
            raise DeviceLost("no_data")


@contextlib.contextmanager
def _library_open(sd: ModuleType) -> Iterator[None]:
    """PortAudio lists devices when it is initialised: while no stream is open it is told to look again."""
    global _open_streams  # noqa: PLW0603 - PortAudio is global too
    with _library:
        if _open_streams == 0:
            sd._terminate()
            sd._initialize()
        _open_streams += 1
    try:
        yield
    finally:
        with _library:
            _open_streams -= 1


@contextlib.contextmanager
def _source_named(name: str | None) -> Iterator[None]:
    """libpulse reads the wanted source from the environment when a stream is opened."""
    if name is None:
        yield
        return
    with _library, variable("PULSE_SOURCE", name):
        yield


@contextlib.contextmanager
def _closed_in_the_end(stream: _Stream) -> Iterator[None]:
    try:
        yield
    finally:
        stream.abort(ignore_errors=True)
        stream.close(ignore_errors=True)


def _latency_s(stream: _Stream) -> float:
    """What the library says, within reason."""
    return min(0.1, max(0.0, float(stream.latency) / 2))


def _explained(error: Exception) -> DeviceLost:
    text = str(error)
    lowered = text.lower()
    if "denied" in lowered or "permission" in lowered:
        return DeviceLost("permission", text)
    if "unavailable" in lowered or "busy" in lowered:
        return DeviceLost("busy", text)
    return DeviceLost("unplugged", text)
