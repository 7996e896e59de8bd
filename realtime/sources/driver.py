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


class Port:
    """A driver's side of the hand-over.

    Args:
        clock: seconds of stream time.
        accept: takes an item, and whether this port may still speak.
    """

    def __init__(self, clock: Callable[[], float], accept: Callable[[Port, DeviceItem], None]) -> None:
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

    def run(self, port: Port) -> None:
        """Put `Opened`, then data, until `port.closing` is set.

        Raises:
            DeviceLost: the device cannot be opened or does not deliver any more.
        """
        ...


class Keeper:
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
        self._ports: list[Port] = []
        self._stopped = False
        self._told_lost = False
        self.reopened = 0

    def start(self) -> None:
        """Start the driver's thread."""
        with self._lock:
            if not self._stopped:
                self._launch()

    def check(self, now_s: float) -> None:
        """Start another thread when the newest one hangs."""
        with self._lock:
            hangs = self._ports and now_s - self._ports[-1].seen_s > HUNG_AFTER_S
            if hangs and not self._stopped and len(self._ports) <= MAX_LEFT_BEHIND:
                log.warning("%s hangs; another attempt is made", self._driver.label)
                self._launch()

    def restart(self) -> None:
        """Have the device closed and opened again."""
        with self._lock:
            if not self._stopped and self._ports:
                for port in self._ports:
                    port.closing.set()
                self._launch()

    def stop(self, join_s: float = 1.0) -> None:
        """End the thread and do not start another. One that hangs is left behind."""
        with self._lock:
            self._stopped = True
            ports = list(self._ports)
        for port in ports:
            port.closing.set()
        for thread in threading.enumerate():
            if thread.name == self._thread_name:
                thread.join(join_s)

    @property
    def _thread_name(self) -> str:
        return f"device {id(self):x}"

    def _launch(self) -> None:
        port = Port(self._clock, self._accept)
        self._ports.append(port)
        threading.Thread(target=self._keep, args=(port,), name=self._thread_name, daemon=True).start()

    def _accept(self, port: Port, item: DeviceItem) -> None:
        port.delivered = True
        if len(self._ports) > 1:
            self._settle(port)
            if port.closing.is_set():
                return
        self._note_opened(port, item)
        self._put(item)

    def _note_opened(self, port: Port, item: DeviceItem) -> None:
        """Who was left behind and delivers again has not been closed: its device counts as open once more.

        Meanwhile another thread's attempt may have failed, and the device been told to be lost.
        """
        if isinstance(item, Opened):
            port.opened = item
        elif self._told_lost and port.opened is not None:
            self._put(replace(port.opened, at_s=item.at_s))
        self._told_lost = False

    def _settle(self, chosen: Port) -> None:
        """Who delivers is listened to; the others are told to end."""
        with self._lock:
            if chosen in self._ports:
                for port in self._ports:
                    if port is not chosen:
                        port.closing.set()
                self._ports = [chosen]

    def _keep(self, port: Port) -> None:
        pause_s, growth, longest_s = BACK_OFF_S
        surprise = ""
        while not port.closing.is_set():
            port.delivered = False
            port.opened = None
            try:
                self._driver.run(port)
            except DeviceLost as lost:
                if port.delivered:
                    pause_s = BACK_OFF_S[0]
                self._tell_lost(port, lost)
            except Exception as error:
                # A library's surprise must not end the stream for good.
                level = logging.DEBUG if repr(error) == surprise else logging.ERROR
                surprise = repr(error)  # the same one again and again is told once
                log.log(level, "%s failed", self._driver.label, exc_info=error)
                self._tell_lost(port, DeviceLost("failed", type(error).__name__))
            if port.wait(pause_s):
                break
            pause_s = min(longest_s, pause_s * growth)
            self.reopened += 1
        with self._lock:
            if port in self._ports:
                self._ports.remove(port)

    def _tell_lost(self, port: Port, lost: DeviceLost) -> None:
        """A failed attempt of one thread does not silence another that delivers."""
        port.opened = None
        if port.closing.is_set() or (self._ports and self._ports[-1] is not port):
            return
        self._told_lost = True
        self._put(Lost(self._clock(), lost.reason, lost.detail))
