"""Which devices are lost and how clocks run: what is said of it, and what is missing because of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from core.events import Status
from core.inputs import ClockState, DeviceState, Gap

CLOCK_EVERY_S: Final = 60.0
CLOCK_CHANGE_S: Final = 0.02


@dataclass(slots=True)
class Devices:
    """What sources have said of their devices.

    Attributes:
        absent: stream -> why it cannot be used, one sentence; a stream that works is not in it.
    """

    absent: dict[str, str] = field(default_factory=dict)
    _clocks: dict[str, ClockState] = field(default_factory=dict)
    _holes: dict[str, tuple[float, str]] = field(default_factory=dict)

    def change(self, device: DeviceState) -> Status | None:
        """A device was lost or is back. Nothing is said of one that simply works from the start."""
        known = device.stream in self.absent
        if device.present:
            self.absent.pop(device.stream, None)
            if not known:
                return None
            return Status(device.t_s, "modality_back", "info", device.message, stream=device.stream)
        self.absent[device.stream] = device.message
        level: Literal["info", "warning"] = "info" if device.reason == "starting" else "warning"
        return Status(
            device.t_s, "modality_missing", level, device.message, stream=device.stream, value=device.reason
        )

    def clock(self, clock: ClockState) -> Status | None:
        """How a stream's clock runs: said at first, when it has changed, and once a minute."""
        last = self._clocks.get(clock.stream)
        if last is not None:
            moved = abs(clock.offset_s - last.offset_s) >= CLOCK_CHANGE_S
            if not moved and clock.t_s - last.t_s < CLOCK_EVERY_S:
                return None
        self._clocks[clock.stream] = clock
        offset_ms, bound_ms = clock.offset_s * 1000, clock.uncertainty_s * 1000
        message = (
            f"{clock.stream} lies {offset_ms:+.0f} ms beside stream time, in doubt by {bound_ms:.0f} ms; "
            f"its clock runs {clock.drift_ppm:+.0f} ppm off, which is compensated"
        )
        return Status(clock.t_s, "clock", "info", message, stream=clock.stream, value=f"{offset_ms:.1f}")

    def hole(self, gap: Gap) -> Status | None:
        """A hole in a stream, said once however many pieces it comes in."""
        end_s, reason = self._holes.get(gap.stream, (float("-inf"), ""))
        self._holes[gap.stream] = (gap.t1_s, gap.reason)
        if reason == gap.reason and abs(gap.t0_s - end_s) < 1e-3:
            return None
        message = f"nothing from {gap.t0_s:.2f} s to {gap.t1_s:.2f} s: {gap.reason}"
        return Status(gap.t0_s, "gap", "warning", message, stream=gap.stream)
