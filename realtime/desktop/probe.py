"""One device, opened to be looked at: its level or its picture, now. Nothing is kept, nothing inferred.

A probe runs in a thread and touches no window; windows look at it when they like.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from core.errors import EmotrackError, PolicyError
from core.inputs import AudioChunk, DeviceState, Image, VideoFrame
from core.media.source import Source
from core.policy import Policy
from realtime.doctor import judge
from realtime.sources.config import SourcesConfig
from realtime.sources.device_test import DeviceTestResult
from realtime.sources.devices import DeviceKind
from realtime.sources.open import open_sources

log = logging.getLogger(__name__)

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
