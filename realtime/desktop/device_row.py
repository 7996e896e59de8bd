"""One kind of device: which one, and what it gives while it is tried."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFormLayout, QFrame, QVBoxLayout, QWidget

from core.media.source import Source
from realtime.desktop.device_choice import DeviceChoice
from realtime.desktop.meter import LevelMeter
from realtime.desktop.preview import Preview
from realtime.desktop.probe import PICTURES, DeviceProbe
from realtime.desktop.region_choice import RegionChoice
from realtime.desktop.texts import make_label, set_label
from realtime.sources.devices import Device, DeviceKind
from realtime.sources.screen import Region, parse_region

TITLES: Final[dict[DeviceKind, str]] = {
    "microphone": "&Microphone: what I say",
    "loopback": "&Loudspeaker: what the other side says",
    "camera": "&Camera: my face",
    "screen": "&Screen: the other side's faces",
}
_REGION: Final = "\0region"


class DeviceRow(QFrame):
    """Chooses a device and shows its level or picture.

    Args:
        kind: of device.
        chosen: what the configuration says.
        desktop: the whole desktop in pixels, for regions of the screen; None = it cannot be looked at.
        parent: the page.
    """

    changed = Signal()

    def __init__(self, kind: DeviceKind, chosen: str | None, desktop: Region | None, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self.kind = kind
        self._desktop = desktop
        self._probe: DeviceProbe | None = None
        region = parse_region(chosen) if kind == "screen" and chosen is not None else None
        drawn = region if isinstance(region, tuple) else None
        self.choice = DeviceChoice(
            kind,
            _REGION if drawn else chosen,
            addresses=kind == "camera",
            extra=(_REGION, "a part of the screen…") if kind == "screen" and desktop else None,
            parent=self,
        )
        self.region = RegionChoice(drawn or desktop or (0, 0, 1, 1), self)
        self.meter = LevelMeter(kind, quiet_is_bad=kind == "microphone", parent=self)
        self.preview = Preview(kind, drawable=kind == "screen", parent=self)
        self.status = make_label("", "soft", self)
        self._arrange()
        self.choice.changed.connect(self._changed)
        self.region.changed.connect(self._outlined)
        self.preview.drawn.connect(self._drawn)
        self._show_parts()

    @property
    def value(self) -> str | None:
        """What is written into the configuration."""
        if self.choice.chosen == _REGION:
            return ",".join(str(figure) for figure in self.region.region)
        return self.choice.chosen

    @property
    def probe(self) -> DeviceProbe | None:
        """What looks at the device, while it is tried."""
        return self._probe

    def offer(self, devices: Iterable[Device]) -> None:
        """What there is now."""
        self.choice.offer(device for device in devices if device.kind == self.kind)

    def start_probe(self, open_: Callable[[DeviceKind, str], Source]) -> None:
        """Open the device that is chosen, if any, and no other one."""
        self.stop()
        device = self._tried()
        if device is not None:
            self._probe = DeviceProbe(lambda: open_(self.kind, device))
        self.refresh()

    def stop(self) -> DeviceProbe | None:
        """Close the device, and show nothing of it any more; returns what may still be closing."""
        probe, self._probe = self._probe, None
        if probe is not None:
            probe.stop()
        self.meter.clear()
        self.refresh()
        return probe

    def refresh(self) -> None:
        """Show what the device gives now."""
        if self._probe is None:
            self.preview.show_sentence("")
            set_label(self.status, "None is used." if self.choice.chosen is None else "Not tried.", "soft")
            return
        reading = self._probe.read()
        if reading.present is False:
            set_label(self.status, f"{reading.message} {reading.fix}".strip(), "bad")
            self.meter.clear()
            self.preview.show_sentence("No picture.")
        elif reading.present is None:
            set_label(self.status, "It is being opened…", "soft")
            self.preview.show_sentence("It is being opened…")
        else:
            hint = " Draw the part on the picture, or type it." if self.preview.whole else ""
            set_label(self.status, f"It delivers.{hint}", "good")
            self.meter.show_peak(reading.peak_dbfs)
            if reading.image is not None:
                self.preview.show_image(reading.image)

    def _arrange(self) -> None:
        layout = QVBoxLayout(self)
        form = QFormLayout()
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapAllRows)
        form.addRow(TITLES[self.kind], self.choice)
        layout.addLayout(form)
        layout.addWidget(self.region)
        layout.addWidget(self.meter)
        layout.addWidget(self.preview)
        layout.addWidget(self.status)

    def _show_parts(self) -> None:
        regional = self.choice.chosen == _REGION
        self.region.setVisible(regional)
        used = self.choice.chosen is not None
        self.preview.setVisible(used and self.kind in PICTURES)
        self.meter.setVisible(used and self.kind not in PICTURES)
        self.preview.whole = self._desktop if regional else None
        self.preview.region = self.region.region if regional else None

    def _tried(self) -> str | None:
        """The device to be opened: a region is shown on the whole desktop."""
        if self.choice.chosen == _REGION and self._desktop is not None:
            return ",".join(str(figure) for figure in self._desktop)
        return self.choice.chosen

    def _changed(self) -> None:
        self._show_parts()
        self.changed.emit()

    def _outlined(self) -> None:
        self.preview.region = self.region.region
        self.preview.update()

    def _drawn(self, region: Region) -> None:
        self.region.set_region(region)
