"""Devices looked at in threads of their own: which there are, a short test, and what one gives now.

These threads touch no window; windows read them when they like. Nothing is kept and nothing inferred.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from core.errors import EmotrackError, PolicyError
from core.inputs import AudioChunk, DeviceState, Image, VideoFrame
from core.media.source import Source
from core.policy import Policy
from realtime.doctor import Check, judge
from realtime.sources.config import SourcesConfig
from realtime.sources.device_test import DeviceTestResult
from realtime.sources.devices import Device, DeviceKind, list_devices
from realtime.sources.live import LiveSource
from realtime.sources.open import open_sources

log = logging.getLogger(__name__)

EVERY_S: Final = 1.5


class DeviceWatch:
    """Lists the devices until it is stopped. No device is opened for that.

    Args:
        list_: lists them.
        every_s: pause between two looks.

    Attributes:
        devices: those of the last look; None before the first one.
    """

    def __init__(
        self, list_: Callable[[], tuple[Device, ...]] = list_devices, every_s: float = EVERY_S
    ) -> None:
        self.devices: tuple[Device, ...] | None = None
        self._list = list_
        self._every_s = every_s
        self._stopping = threading.Event()
        threading.Thread(target=self._run, name="device watch", daemon=True).start()

    def stop(self) -> None:
        """End the thread after the list that it is at; does not wait."""
        self._stopping.set()

    def _run(self) -> None:
        while True:
            try:
                self.devices = self._list()
            except (EmotrackError, OSError, RuntimeError) as error:  # what the libraries raise on a loss
                log.warning("devices cannot be listed: %s", error)
            if self._stopping.wait(self._every_s):
                return


class DeviceTest:
    """One test.

    Args:
        examine: makes the test; it tells what opens the devices, so that they can be closed.
    """

    def __init__(self, examine: Callable[[Callable[[LiveSource], None]], Iterator[Check]]) -> None:
        self._examine = examine
        self._lock = threading.Lock()
        self._stopping = False
        self._source: LiveSource | None = None
        self._checks: tuple[Check, ...] = ()
        self._thread = threading.Thread(target=self._run, name="device trial", daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether devices may be open."""
        return self._thread.is_alive()

    @property
    def checks(self) -> tuple[Check, ...]:
        """What was found so far."""
        return self._checks

    def stop(self) -> None:
        """Have the devices closed; does not wait for it."""
        with self._lock:
            self._stopping = True
            source = self._source
        if source is not None:
            source.stop()

    def _run(self) -> None:
        for check in self._examine(self._opening):
            self._checks = (*self._checks, check)

    def _opening(self, source: LiveSource) -> None:
        with self._lock:
            self._source = source
            stopping = self._stopping
        if stopping:
            source.close()


PICTURES: Final[tuple[DeviceKind, ...]] = ("camera", "screen")
_NOTHING: Final[dict[DeviceKind, None]] = {
    "microphone": None,
    "loopback": None,
    "camera": None,
    "screen": None,
}


@dataclass(frozen=True, slots=True)
class ProbeReading:
    """What a device gives at the moment.

    Attributes:
        present: whether it can be used; None = it is being opened.
        message: when it cannot be used, why: one sentence.
        fix: what to do about that, "" when nothing is known.
        peak_dbfs: loudest sample since the last look, in decibels of full scale; None = no sound came.
        image: the newest picture, (H, W, 3) uint8; None = none came.
    """

    present: bool | None = None
    message: str = ""
    fix: str = ""
    peak_dbfs: float | None = None
    image: Image | None = None


def open_device(kind: DeviceKind, device: str, policy: Policy) -> Source:
    """A source of one device alone.

    Args:
        kind: what for.
        device: as it is written into the configuration.
        policy: no picture is taken where none may be looked at.

    Raises:
        PolicyError: the device is withheld.
        EmotrackError: it cannot be opened at all.
    """
    if kind in PICTURES and not policy.allows("visual"):
        raise PolicyError(f"cameras and screens are withheld: purpose {policy.purpose}.", fix=policy.why)
    return open_sources(SourcesConfig.model_validate({**_NOTHING, kind: device, "echo_guard": False}))


class DeviceProbe:
    """Keeps a device open until it is stopped.

    Args:
        open_: gives the source; called in the probe's own thread.
    """

    def __init__(self, open_: Callable[[], Source]) -> None:
        self._open = open_
        self._lock = threading.Lock()
        self._stopping = False
        self._source: Source | None = None
        self._reading = ProbeReading()
        self._peak = -1.0
        self._thread = threading.Thread(target=self._run, name="probe", daemon=True)
        self._thread.start()

    def read(self) -> ProbeReading:
        """What there is now; the next look begins anew."""
        with self._lock:
            reading, peak, self._peak = self._reading, self._peak, -1.0
        level = None if peak < 0 else -math.inf if peak == 0 else 20 * math.log10(peak)
        return ProbeReading(reading.present, reading.message, reading.fix, level, reading.image)

    def stop(self) -> None:
        """Have the device closed; does not wait for it."""
        with self._lock:
            self._stopping = True
            source = self._source
        if source is not None:
            _end(source)

    def join(self, timeout_s: float) -> None:
        """Wait until the device is closed."""
        self._thread.join(timeout_s)

    def _run(self) -> None:
        try:
            with self._open() as source:
                with self._lock:
                    self._source = source
                    stopping = self._stopping
                if not stopping:
                    for item in source.inputs():
                        self._take(item)
        except EmotrackError as error:
            self._tell(present=False, message=error.what, fix=error.fix or "")

    def _take(self, item: object) -> None:
        match item:
            case AudioChunk():
                peak = float(np.abs(item.samples).max(initial=0))
                with self._lock:
                    self._peak = max(self._peak, peak)
            case VideoFrame():
                self._tell(present=True, image=item.image)
            case DeviceState() if item.present:
                self._tell(present=True)
            case DeviceState():
                check = judge(DeviceTestResult(item.stream, "", False, item.reason, item.message))
                opening = item.reason == "starting"
                self._tell(present=None if opening else False, message=check.finding, fix=check.fix)

    def _tell(
        self, *, present: bool | None, message: str = "", fix: str = "", image: Image | None = None
    ) -> None:
        with self._lock:
            kept = self._reading.image if present and image is None else image
            self._reading = ProbeReading(present, message, fix, None, kept)


def _end(source: Source) -> None:
    """Live sources can be told to end without waiting; others are closed."""
    end = getattr(source, "stop", source.close)
    end()
