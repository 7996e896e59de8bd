"""A list of devices to choose from, which follows what is plugged in and keeps what was chosen."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import QComboBox, QLineEdit, QVBoxLayout, QWidget

from realtime.sources.devices import Device
from realtime.sources.pulse_server import DEFAULT

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
