"""Whether the device behind a stream can be used, told once at each change."""

from __future__ import annotations

from core.inputs import DeviceState
from realtime.sources.device_items import REASONS


class DeviceStatus:
    """State of one stream's device.

    Args:
        stream: name of the stream.
        device: what the device is called until it has said its own name.

    Attributes:
        reason: why it is missing, "" when present.
        device: its name.
    """

    def __init__(self, stream: str, device: str) -> None:
        self._stream = stream
        self.device = device
        self.reason = "starting"
        self._told: str | None = None

    @property
    def present(self) -> bool:
        """Whether it can be used."""
        return not self.reason

    def lost(self, t_s: float, reason: str, detail: str = "") -> list[DeviceState]:
        """It cannot be used from `t_s` on. A known reason stays when a vaguer one comes."""
        if self.reason and reason in ("no_data", "starting") and self._told is not None:
            return []
        self.reason = reason
        return self._tell(t_s, f"{self.device}: {REASONS[reason]}{f' ({detail})' if detail else ''}.")

    def back(self, t_s: float) -> list[DeviceState]:
        """It can be used from `t_s` on."""
        self.reason = ""
        return self._tell(t_s, f"{self.device}: delivers.")

    def _tell(self, t_s: float, message: str) -> list[DeviceState]:
        if self.reason == self._told:
            return []
        self._told = self.reason
        return [DeviceState(self._stream, t_s, self.present, self.reason, message)]
