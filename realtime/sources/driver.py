"""What keeps a device open: a driver runs in a thread of its own, and is started again when it ends or hangs.

A blocking call into a driver of the operating system cannot be ended from outside. So a thread that has said
nothing for too long is left behind and a new one tries; whichever delivers first is listened to.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Final, Protocol

from realtime.sources.device_items import DeviceItem, DeviceLost, Lost, Opened

log = logging.getLogger(__name__)

BACK_OFF_S: Final = (0.15, 1.5, 0.5)
"""First pause before a device is opened again, its growth, and the longest."""

HUNG_AFTER_S: Final = 3.0
MAX_LEFT_BEHIND: Final = 8
"""Threads that may hang at once; then no further one is started until one of them comes back."""


class DriverHandle:
    """A driver's side of the hand-over.

    Args:
        clock: seconds of stream time.
        accept: takes an item, and whether this port may still speak.
    """

    def __init__(
        self, clock: Callable[[], float], accept: Callable[[DriverHandle, DeviceItem], None]
    ) -> None:
        self.clock = clock
        self._accept = accept
        self.closing = threading.Event()
        self.seen_s = clock()
        self.delivered = False
        self.opened: Opened | None = None

    def put(self, item: DeviceItem) -> None:
        """Hand an item over. Never blocks; what a closed port says is not heard."""
        self.seen_s = self.clock()
        if not self.closing.is_set():
            self._accept(self, item)

    def wait(self, duration_s: float) -> bool:
        """Wait; True, at once, when the driver is to end."""
        self.seen_s = self.clock()
        return self.closing.wait(duration_s)


class Driver(Protocol):
    """Opens a device and delivers what it says.

    Attributes:
        label: what the device is called before it was opened.
    """

    label: str

    def run(self, handle: DriverHandle) -> None:
        """Put `Opened`, then data, until `port.closing` is set.

        Raises:
            DeviceLost: the device cannot be opened or does not deliver any more.
        """
        ...


class DeviceSupervisor:
    """Runs a driver until it is stopped.

    Args:
        driver: what to run.
        clock: seconds of stream time.
        put: takes what the driver says.
    """

    def __init__(self, driver: Driver, clock: Callable[[], float], put: Callable[[DeviceItem], None]) -> None:
        self._driver = driver
        self._clock = clock
        self._put = put
        self._lock = threading.Lock()
        self._handles: list[DriverHandle] = []
        self._stopped = False
        self._told_lost = False
        self.reopened = 0

    def start(self) -> None:
        """Start the driver's thread, unless it was stopped before."""
        with self._lock:
            if not self._stopped:
                self._launch()

    def check(self, now_s: float) -> None:
        """Start another thread when the newest one hangs."""
        with self._lock:
            hangs = self._handles and now_s - self._handles[-1].seen_s > HUNG_AFTER_S
            if hangs and not self._stopped and len(self._handles) <= MAX_LEFT_BEHIND:
                log.warning("%s hangs; another attempt is made", self._driver.label)
                self._launch()

    def restart(self) -> None:
        """Have the device closed and opened again."""
        with self._lock:
            if not self._stopped and self._handles:
                for handle in self._handles:
                    handle.closing.set()
                self._launch()

    def stop(self, join_s: float = 1.0) -> None:
        """End the thread and do not start another. One that hangs is left behind."""
        with self._lock:
            self._stopped = True
            handles = list(self._handles)
        for handle in handles:
            handle.closing.set()
        for thread in threading.enumerate():
            if thread.name == self._thread_name:
                thread.join(join_s)

    @property
    def _thread_name(self) -> str:
        return f"device {id(self):x}"

    def _launch(self) -> None:
        handle = DriverHandle(self._clock, self._accept)
        self._handles.append(handle)
        threading.Thread(target=self._keep, args=(handle,), name=self._thread_name, daemon=True).start()

    def _accept(self, handle: DriverHandle, item: DeviceItem) -> None:
        handle.delivered = True
        if len(self._handles) > 1:
            self._settle(handle)
            if handle.closing.is_set():
                return
        self._note_opened(handle, item)
        self._put(item)

    def _note_opened(self, handle: DriverHandle, item: DeviceItem) -> None:
        """Who was left behind and delivers again has not been closed: its device counts as open once more.

        Meanwhile another thread's attempt may have failed, and the device been told to be lost.
        """
        if isinstance(item, Opened):
            handle.opened = item
        elif self._told_lost and handle.opened is not None:
            self._put(replace(handle.opened, at_s=item.at_s))
        self._told_lost = False

    def _settle(self, chosen: DriverHandle) -> None:
        """Who delivers is listened to; the others are told to end."""
        with self._lock:
            if chosen in self._handles:
                for handle in self._handles:
                    if handle is not chosen:
                        handle.closing.set()
                self._handles = [chosen]

    def _keep(self, handle: DriverHandle) -> None:
        pause_s, growth, longest_s = BACK_OFF_S
        surprise = ""
        while not handle.closing.is_set():
            handle.delivered = False
            handle.opened = None
            try:
                self._driver.run(handle)
            except DeviceLost as lost:
                if handle.delivered:
                    pause_s = BACK_OFF_S[0]
                self._tell_lost(handle, lost)
            except Exception as error:
                # A library's surprise must not end the stream for good.
                level = logging.DEBUG if repr(error) == surprise else logging.ERROR
                surprise = repr(error)  # the same one again and again is told once
                log.log(level, "%s failed", self._driver.label, exc_info=error)
                self._tell_lost(handle, DeviceLost("failed", type(error).__name__))
            if handle.wait(pause_s):
                break
            pause_s = min(longest_s, pause_s * growth)
            self.reopened += 1
        with self._lock:
            if handle in self._handles:
                self._handles.remove(handle)

    def _tell_lost(self, handle: DriverHandle, lost: DeviceLost) -> None:
        """A failed attempt of one thread does not silence another that delivers."""
        handle.opened = None
        if handle.closing.is_set() or (self._handles and self._handles[-1] is not handle):
            return
        self._told_lost = True
        self._put(Lost(self._clock(), lost.reason, lost.detail))
