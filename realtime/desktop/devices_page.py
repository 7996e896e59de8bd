"""The page with the devices. It opens none before it is asked to, and shows a sign while one is open."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QPushButton, QVBoxLayout, QWidget

from core.media.source import Source
from core.policy import Policy
from realtime.desktop.device_probe import PICTURES, DeviceWatch, open_device
from realtime.desktop.device_row import DeviceRow
from realtime.desktop.texts import make_label, set_label
from realtime.sources.config import SourcesConfig
from realtime.sources.device_items import DeviceLost
from realtime.sources.devices import Device, DeviceKind, list_devices
from realtime.sources.screen import Region, open_mss

REFRESH_MS: Final = 66
CLOSE_S: Final = 1.5
"""How long a device may take to close."""

_NAMES: Final[dict[DeviceKind, str]] = {
    "microphone": "microphone",
    "loopback": "loudspeaker",
    "camera": "camera",
    "screen": "screen",
}
_PROMISE: Final = (
    "To show levels and pictures, the devices chosen here have to be opened. They are shown in this window "
    "alone, nothing is kept and nothing is inferred, and closing the window closes them."
)
_WHERE: Final = "The purpose is chosen where consent is asked for, and proposed on the page “Tracking”."


def whole_desktop() -> Region | None:
    """The desktop in pixels; None where the screen cannot be looked at."""
    try:
        with open_mss() as grabber:
            area = grabber.monitors[0]
            return area["left"], area["top"], area["width"], area["height"]
    except DeviceLost:
        return None


@dataclass(frozen=True, slots=True)
class Hardware:
    """The ways to the devices; replaced in tests.

    Attributes:
        devices: lists them.
        open_: opens one; takes its kind, its name and what the purpose withholds.
        desktop: the desktop in pixels.
    """

    devices: Callable[[], tuple[Device, ...]] = field(default=list_devices)
    open_: Callable[[DeviceKind, str, Policy], Source] = field(default=open_device)
    desktop: Callable[[], Region | None] = field(default=whole_desktop)


class DevicesPage(QWidget):
    """Chooses the devices, and tries them when that is agreed to.

    Args:
        sources: what is chosen now.
        policy: what the purpose withholds; such devices are not offered.
        capturing: a run is going on. The devices of pictures are its own then.
        hardware: the ways to the devices.
        parent: the dialog.
    """

    def __init__(
        self, sources: SourcesConfig, policy: Policy, *, capturing: bool, hardware: Hardware, parent: QWidget
    ) -> None:
        super().__init__(parent)
        self._policy = policy
        self._hardware = hardware
        self._capturing = capturing
        self.probing = False
        desktop = hardware.desktop() if policy.allows("visual") else None
        self.rows = [
            DeviceRow(kind, getattr(sources, kind), desktop, self) for kind in _NAMES if self._offered(kind)
        ]
        self.promise = make_label(_PROMISE, "", self)
        self.agree = QPushButton(self)
        self.agree.setAutoDefault(False)
        self.sign = make_label("", "warn", self)
        self._watch = DeviceWatch(hardware.devices)
        self._timer = QTimer(self, interval=REFRESH_MS)
        self._timer.timeout.connect(self._refresh)
        self._timer.start()
        self._arrange()
        self.agree.clicked.connect(self._switch)
        for row in self.rows:
            row.changed.connect(lambda row=row: self._start_probe(row) if self.probing else row.refresh())
            row.refresh()
        self._say()

    def changes(self) -> dict[str, str | None]:
        """Dotted key -> what was chosen, for the devices that were offered."""
        return {f"sources.{row.kind}": row.value for row in self.rows}

    def close_devices(self) -> None:
        """Close everything, and wait until it is closed, so that a run can open it."""
        self._timer.stop()
        self._watch.stop()
        self._stop()

    def _stop(self) -> None:
        self.probing = False
        closing = [row.stop() for row in self.rows]
        for probe in filter(None, closing):
            probe.join(CLOSE_S)

    def _switch(self) -> None:
        if self.probing:
            self._stop()
        else:
            self.probing = True
            for row in self.rows:
                self._start_probe(row)
        self._say()

    def _start_probe(self, row: DeviceRow) -> None:
        if self._capturing and row.kind in PICTURES:
            row.preview.show_sentence("The run that is going on has it open.")
            return
        row.start_probe(lambda kind, device: self._hardware.open_(kind, device, self._policy))

    def _refresh(self) -> None:
        devices = self._watch.devices
        if devices is not None:
            for row in self.rows:
                row.offer(devices)
        if self.probing:
            for row in self.rows:
                if row.probe is not None or not (self._capturing and row.kind in PICTURES):
                    row.refresh()

    def _say(self) -> None:
        self.agree.setText("Cl&ose the devices" if self.probing else "&Open the devices and show")
        open_ = [_NAMES[row.kind] for row in self.rows if row.probe is not None]
        set_label(self.sign, f"Open: {', '.join(open_)}." if self.probing and open_ else "", "on", alert=True)

    def _offered(self, kind: DeviceKind) -> bool:
        return kind not in PICTURES or self._policy.allows("visual")

    def _arrange(self) -> None:
        layout = QVBoxLayout(self)
        if self._policy.withheld:
            layout.addWidget(
                make_label(f"Purpose: {self._policy.purpose}. No camera and no screen.", "heading", self)
            )
            layout.addWidget(make_label(self._policy.why, "", self))
            layout.addWidget(make_label(_WHERE, "soft", self))
        layout.addWidget(self.promise)
        layout.addWidget(self.agree)
        layout.addWidget(self.sign)
        for row in self.rows:
            layout.addWidget(row)
        layout.addStretch(1)
