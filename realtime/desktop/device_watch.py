"""Which devices there are, looked up again and again in a thread: asking a sound server may take its time."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final

from core.errors import EmotrackError
from realtime.sources.devices import Device, list_devices

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
        """Look no more."""
        self._stopping.set()

    def _run(self) -> None:
        while True:
            try:
                self.devices = self._list()
            except (EmotrackError, OSError, RuntimeError) as error:  # what the libraries raise on a loss
                log.warning("devices cannot be listed: %s", error)
            if self._stopping.wait(self._every_s):
                return
