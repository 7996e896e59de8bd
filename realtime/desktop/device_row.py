"""One kind of device in the settings: which one is used, and what it gives while it is open."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QFormLayout,
    QFrame,
    QGridLayout,
    QLabel,
    QLineEdit,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from core.media.source import Source
from realtime.desktop.device_probe import PICTURES, DeviceProbe
from realtime.desktop.device_views import LevelMeter, Preview
from realtime.desktop.texts import make_label, set_label
from realtime.sources.devices import Device, DeviceKind
from realtime.sources.pulse_server import DEFAULT
from realtime.sources.screen import Region, parse_region

_NONE = ""
_ADDRESS = "\0address"
_ADDRESSES = ("rtsp://", "rtsps://", "http://", "https://")


class DeviceChoice(QWidget):
    """Chooses one device of a kind, the system's default, or none.

    Args:
        name: what is chosen, for screen readers ("microphone").
        chosen: what the configuration says.
        addresses: network cameras can be named by their address.
        extra: one more entry: its value and its name.
        parent: the row.
    """

    changed = Signal()

    def __init__(
        self,
        name: str,
        chosen: str | None,
        *,
        addresses: bool = False,
        extra: tuple[str, str] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._name = name
        self._addresses = addresses
        self._extra = extra
        self.list = QComboBox(self)
        self.list.setAccessibleName(name.capitalize())
        self.list.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.list.setMinimumContentsLength(24)
        self.address = QLineEdit(self)
        self.address.setAccessibleName("Address of the network camera")
        self.address.setPlaceholderText("rtsp://camera.local/stream or http://…")
        is_address = addresses and chosen is not None and chosen.startswith(_ADDRESSES)
        if is_address:
            self.address.setText(chosen)
        self._wanted = _ADDRESS if is_address else _NONE if chosen is None else chosen
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.list)
        layout.addWidget(self.address)
        self.setFocusProxy(self.list)
        self.list.currentIndexChanged.connect(self._choose)
        self.address.editingFinished.connect(self.changed)
        self.offer(())

    @property
    def chosen(self) -> str | None:
        """As it is written into the configuration; None = none."""
        if self._wanted == _ADDRESS:
            return self.address.text().strip() or None
        return self._wanted or None

    def offer(self, devices: Iterable[Device]) -> None:
        """Fill the list anew; what was chosen stays, even while it is not there."""
        devices = tuple(devices)
        default = next((device.name for device in devices if device.is_default), "")
        entries = [(_NONE, "none"), (DEFAULT, f"the system's: {default}" if default else "the system's")]
        entries += [(device.id, device.name) for device in devices]
        if self._addresses:
            entries.append((_ADDRESS, "a network camera…"))
        if self._extra is not None:
            entries.append(self._extra)
        if self._wanted not in [value for value, _ in entries]:
            meant = [device.name for device in devices if self._wanted.lower() in device.name.lower()]
            entries.append((self._wanted, meant[0] if meant else f"{self._wanted} (not there now)"))
        if entries != [
            (self.list.itemData(row), self.list.itemText(row)) for row in range(self.list.count())
        ]:
            with QSignalBlocker(self.list):
                self.list.clear()
                for value, label in entries:
                    self.list.addItem(label, value)
                self.list.setCurrentIndex([value for value, _ in entries].index(self._wanted))
        self.address.setVisible(self._wanted == _ADDRESS)

    def _choose(self) -> None:
        self._wanted = self.list.currentData()
        self.address.setVisible(self._wanted == _ADDRESS)
        self.changed.emit()


_NAMES: Final = ("le&ft", "to&p", "w&idth", "&height")
_FAR: Final = 100_000
"""Pixels; no desktop is larger."""


class RegionChoice(QWidget):
    """Left, top, width and height in pixels of the whole desktop.

    Args:
        region: what they are at first.
        parent: the row.
    """

    changed = Signal()

    def __init__(self, region: Region, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = QGridLayout(self)  # two rows: side by side the four are wider than the dialog
        layout.setContentsMargins(0, 0, 0, 0)
        self.fields: list[QSpinBox] = []
        for index, name in enumerate(_NAMES):
            field = QSpinBox(self)
            field.setRange(-_FAR if index < 2 else 1, _FAR)
            field.setAccessibleName(f"{name.replace('&', '').capitalize()} in pixels")
            field.valueChanged.connect(self.changed)
            label = QLabel(name, self)
            label.setBuddy(field)
            row, column = divmod(index, 2)
            layout.addWidget(label, row, 2 * column)
            layout.addWidget(field, row, 2 * column + 1)
            layout.setColumnStretch(2 * column + 1, 1)
            self.fields.append(field)
        self.set_region(region)

    @property
    def region(self) -> Region:
        """What the four fields say: left, top, width and height in pixels of the desktop."""
        left, top, width, height = (field.value() for field in self.fields)
        return left, top, width, height

    def set_region(self, region: Region) -> None:
        """Show another region, without telling anybody."""
        for field, value in zip(self.fields, region, strict=True):
            with QSignalBlocker(field):
                field.setValue(value)


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
        """Offer the devices of this kind that are plugged in now."""
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
