"""The check of a machine: devices, levels, models, back ends; each with what to do about it."""

from __future__ import annotations

import math
import platform
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

from core.backends.host import installed
from core.errors import SourceError, WeightsError
from core.version import VERSION
from core.weights import catalogue, is_ready
from realtime.sources.config import SourcesConfig
from realtime.sources.device_test import DeviceTestResult, run_device_test
from realtime.sources.devices import Device, list_devices
from realtime.sources.live import LiveSource
from realtime.sources.open import CAMERA, ME, SCREEN, THEM, open_sources

Outcome = Literal["ok", "warning", "failed"]

QUIET_DBFS: Final = -60.0
CLIPPED_DBFS: Final = -0.1
"""Peaks below and above which a microphone is turned too far down or up."""

_SLOW_HZ: Final = 5.0

_DOCS: Final = "docs/live-sources.md"
_PRIVACY: Final = "Allow this program to use it in the system's privacy settings"
_SOUND_SERVER: Final = "Start the sound server (PulseAudio or PipeWire)."
_REPLUG: Final = "Unplug it and plug it in again"
_FIXES: Final[dict[str, dict[str, str]]] = {
    "microphone": {
        "unplugged": "Plug one in, or choose another one.",
        "no_data": f"{_REPLUG}; close other programs that use it.",
        "all_zero": f"Unmute it. {_PRIVACY}.",
        "permission": f"{_PRIVACY} (on Linux: join its group).",
        "busy": "Close the program that uses it.",
        "unreachable": _SOUND_SERVER,
        "starting": f"It does not open in time. {_REPLUG}.",
        "failed": f"{_REPLUG}.",
    },
    "loopback": {
        "unplugged": "Connect a loudspeaker or headphones, or choose another one.",
        "no_data": "Restart the sound server, or choose another loudspeaker.",
        "permission": f"{_PRIVACY}.",
        "busy": "Close the program that uses the loudspeaker alone.",
        "unreachable": _SOUND_SERVER,
        "starting": "It does not open in time. Restart the sound server.",
        "failed": "Restart the sound server, or choose another loudspeaker.",
    },
    "camera": {
        "unplugged": "Plug one in, or choose another one.",
        "no_data": f"{_REPLUG}; close other programs that use it.",
        "frozen": f"{_REPLUG}.",
        "dark": "Uncover the camera, open its shutter, or switch on a light.",
        "permission": f"{_PRIVACY} (on Linux: join its group; of a network camera: give user and password).",
        "busy": "Close the program that uses it.",
        "unreachable": "Look whether the address is right and the camera is on.",
        "starting": f"It does not open in time. {_REPLUG}.",
        "failed": f"{_REPLUG}.",
    },
    "screen": {
        "unplugged": "Connect a screen, or choose another one.",
        "no_data": "Log in to the desktop again.",
        "frozen": "Log in to the desktop again.",
        "dark": "Switch the screen on, or choose another one.",
        "permission": f"{_PRIVACY} (screen recording).",
        "unreachable": "Log in to an X11 session: Wayland gives no pictures of the screen to programs.",
        "starting": "It does not open in time. Log in to the desktop again.",
        "failed": "Log in to the desktop again.",
    },
}
"""Kind of device -> reason why it cannot be used (`device_items.REASONS`) -> what to do about it."""

_NAMES: Final = {ME: "microphone", THEM: "loopback", CAMERA: "camera", SCREEN: "screen"}


@dataclass(frozen=True, slots=True)
class Check:
    """One finding.

    Attributes:
        name: what was looked at.
        outcome: "failed" = it cannot be used; "warning" = it can, but badly or not fully.
        finding: one sentence.
        fix: what to do about it, "" when nothing is to be done.
        details: figures, for programs.
    """

    name: str
    outcome: Outcome
    finding: str
    fix: str = ""
    details: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Everything that was found.

    Attributes:
        devices: the devices there are.
        checks: the findings, in the order of their making.
    """

    devices: tuple[Device, ...]
    checks: tuple[Check, ...]

    @property
    def exit_code(self) -> int:
        """0 when a live session can run; 4 = neither microphone nor camera works; 6 = weights are absent."""
        failed = {check.name for check in self.checks if check.outcome == "failed"}
        tried = {check.name for check in self.checks}
        if {"microphone", "camera"} & tried <= failed:
            return SourceError.exit_code
        return WeightsError.exit_code if "models" in failed else 0


def examine(config: SourcesConfig, duration_s: float) -> Iterator[Check]:
    """Look at everything; devices are opened for `duration_s` all together."""
    yield Check(
        "system", "ok", f"emotrack {VERSION}, Python {platform.python_version()}, {platform.platform()}."
    )
    yield from examine_devices(config, duration_s)
    yield examine_models()
    yield examine_backends()


def diagnose(config: SourcesConfig, duration_s: float) -> Diagnosis:
    """Every check, one after the other, with the devices that there are."""
    return Diagnosis(list_devices(), tuple(examine(config, duration_s)))


def examine_devices(
    config: SourcesConfig, duration_s: float, *, opening: Callable[[LiveSource], None] | None = None
) -> Iterator[Check]:
    """A short test of each configured device.

    Args:
        config: which devices.
        duration_s: how long they are tried, all together.
        opening: is given what opens them, just before it does; closing that ends the test.
    """
    usable = config
    try:
        source = open_sources(usable)
    except SourceError as error:
        # Sound cannot be recorded at all; pictures can still be tried.
        for name in ("microphone", "loopback"):
            if getattr(config, name) is not None:
                yield Check(name, "failed", error.what, error.fix or "")
        usable = config.model_copy(update={"microphone": None, "loopback": None})
        if usable.camera is None and usable.screen is None:
            return
        source = open_sources(usable)
    if opening is not None:
        opening(source)
    results = run_device_test(source, duration_s)
    yield from (judge(result) for result in results.values())


def judge(result: DeviceTestResult) -> Check:
    """What a device's test says about it."""
    name = _NAMES.get(result.stream, result.stream)
    details = _details(result)
    if not result.present:
        message = result.message or f"{name}: nothing came."
        return Check(name, "failed", message, _fix(name, result.reason), details)
    device = result.message.partition(": ")[0]
    if result.kind == "video":
        return _judge_pictures(name, device, result, details)
    return _judge_sound(name, device, result, details)


def _judge_sound(name: str, device: str, result: DeviceTestResult, details: dict[str, object]) -> Check:
    finding = f"{device}: peak {_level(result.peak_dbfs)}, mean {_level(result.rms_dbfs)}."
    if name == "loopback":
        quiet = "" if math.isfinite(result.peak_dbfs) else " Nothing was playing; that is no fault."
        return Check(name, "ok", finding + quiet, "", details)
    if result.peak_dbfs < QUIET_DBFS:
        return Check(name, "warning", f"{finding} That is very quiet.", "Turn the microphone up.", details)
    if result.peak_dbfs > CLIPPED_DBFS:
        return Check(name, "warning", f"{finding} It is overdriven.", "Turn the microphone down.", details)
    return Check(name, "ok", finding, "", details)


def _judge_pictures(name: str, device: str, result: DeviceTestResult, details: dict[str, object]) -> Check:
    size = f"{result.size[0]}x{result.size[1]}" if result.size else "no pictures"
    rate = f"{result.rate_hz:.0f} pictures in a second"
    finding = f"{device}: {size}, {rate}, brightness {result.brightness:.0f} of 255."
    if name == "camera" and result.rate_hz < _SLOW_HZ:
        return Check(
            name, "warning", finding, "More light, or a smaller picture, makes a camera faster.", details
        )
    return Check(name, "ok", finding, "", details)


def examine_models() -> Check:
    """Whether what a session needs has been fetched."""
    needed = [weight.name for weight in catalogue() if weight.group == "replay"]
    absent = [weight.name for weight in catalogue() if weight.group == "replay" and not is_ready(weight)]
    details: dict[str, object] = {"needed": needed, "absent": absent}
    if absent:
        return Check(
            "models", "failed", f"not fetched yet: {', '.join(absent)}.", "emotrack models pull", details
        )
    return Check("models", "ok", f"{', '.join(needed)} are here.", "", details)


def examine_backends() -> Check:
    """What networks can run on."""
    import onnxruntime

    providers = [name.removesuffix("ExecutionProvider") for name in onnxruntime.get_available_providers()]
    details: dict[str, object] = {
        "onnxruntime": installed("onnxruntime"),
        "ctranslate2": installed("ctranslate2"),
        "torch": installed("torch"),
        "providers": providers,
    }
    return Check(
        "backends", "ok", f"onnxruntime {details['onnxruntime']} on {', '.join(providers)}.", "", details
    )


def _details(result: DeviceTestResult) -> dict[str, object]:
    common: dict[str, object] = {"reason": result.reason, "delivered_s": round(result.delivered_s, 3)}
    if result.kind == "video":
        return {
            **common,
            "rate_hz": round(result.rate_hz, 2),
            "size": result.size,
            "brightness": result.brightness,
        }
    return {**common, "peak_dbfs": _finite(result.peak_dbfs), "rms_dbfs": _finite(result.rms_dbfs)}


def _finite(value: float) -> float | None:
    return round(value, 1) if math.isfinite(value) else None


def _level(dbfs: float) -> str:
    return f"{dbfs:.0f} dBFS" if math.isfinite(dbfs) else "digital silence"


def _fix(name: str, reason: str) -> str:
    """What to do about a device that cannot be used; "" where nothing helps but waiting."""
    if sys.platform == "darwin" and (name, reason) == ("loopback", "unplugged"):
        return f"Install BlackHole and send the call's sound to it; see {_DOCS}."
    return _FIXES.get(name, {}).get(reason, "")


def problems(checks: Iterable[Check]) -> list[Check]:
    """What is not in order."""
    return [check for check in checks if check.outcome != "ok"]
