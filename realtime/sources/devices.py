"""What devices there are, without opening any of them for recording."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Literal

from core.errors import SourceError
from realtime.sources.device_items import DeviceLost
from realtime.sources.portaudio import load_sounddevice
from realtime.sources.pulse_server import DEFAULT, PulseServer
from realtime.sources.screen import open_mss
from realtime.sources.soundcard_loopback import load_soundcard

DeviceKind = Literal["microphone", "loopback", "camera", "screen"]


@dataclass(frozen=True, slots=True)
class Device:
    """A device that a live session can use.

    Attributes:
        kind: what for.
        id: what to write into the configuration to choose it.
        name: what people call it.
        is_default: whether "default" means it.
    """

    kind: DeviceKind
    id: str
    name: str
    is_default: bool


def list_devices() -> tuple[Device, ...]:
    """Microphones, loopbacks, cameras and screens. A kind that cannot be listed has none."""
    finders: tuple[Callable[[], list[Device]], ...] = (sound_devices, cameras, screens)
    return tuple(device for find in finders for device in find())


def sound_devices(
    server: Callable[[], PulseServer] = PulseServer,
    load: Callable[[], ModuleType] = load_sounddevice,
    load_loopback: Callable[[], ModuleType] = load_soundcard,
) -> list[Device]:
    """Microphones and loopbacks: the sound server's where there is one, else the libraries'."""
    try:
        pulse = server()
    except DeviceLost:
        return _of_portaudio(load) + ([] if sys.platform.startswith("linux") else _loopbacks(load_loopback))
    try:
        return _of_server(pulse)
    except DeviceLost:
        return []
    finally:
        pulse.close()


def _of_server(pulse: PulseServer) -> list[Device]:
    default = _default(lambda: pulse.microphone(DEFAULT).name)
    played = _default(lambda: pulse.loopback(DEFAULT).name)
    return [
        Device("loopback", source.name, source.description, source.name == played)
        if source.monitor
        else Device("microphone", source.name, source.description, source.name == default)
        for source in pulse.sources()
    ]


def _default(find: Callable[[], str]) -> str | None:
    try:
        return find()
    except DeviceLost:
        return None


def _of_portaudio(load: Callable[[], ModuleType]) -> list[Device]:
    try:
        sd = load()
        devices, default = list(sd.query_devices()), sd.default.device[0]
    except SourceError:
        return []
    return [
        Device("microphone", str(index), str(device["name"]), index == default)
        for index, device in enumerate(devices)
        if device["max_input_channels"] > 0
    ]


def _loopbacks(load: Callable[[], ModuleType]) -> list[Device]:
    soundcard = load()
    if sys.platform == "darwin":
        devices, default = soundcard.all_microphones(), None
    else:
        devices, default = soundcard.all_speakers(), soundcard.default_speaker()
    return [
        Device(
            "loopback", str(device.name), str(device.name), default is not None and device.id == default.id
        )
        for device in devices
    ]


def cameras(folder: Path = Path("/sys/class/video4linux")) -> list[Device]:
    """Cameras by number. Only Linux tells them without opening them; elsewhere the first one is assumed."""
    if not sys.platform.startswith("linux"):
        return [Device("camera", "0", "first camera", True)]
    found = []
    for entry in sorted(folder.glob("video*"), key=lambda path: int(re.sub(r"\D", "", path.name) or 0)):
        number = re.sub(r"\D", "", entry.name)
        index = entry / "index"
        if index.exists() and index.read_text(encoding="ascii").strip() != "0":
            continue  # a second node of the same camera: it gives data about the pictures, no pictures
        name = entry / "name"
        label = name.read_text(encoding="utf-8").strip() if name.exists() else entry.name
        found.append(Device("camera", number, label, number == "0"))
    return found


def screens() -> list[Device]:
    """Screens by number, as `sources.screen` takes them; none where there is no display."""
    try:
        with open_mss() as grabber:
            sizes = [(area["width"], area["height"]) for area in grabber.monitors[1:]]
    except DeviceLost:
        return []
    return [Device("screen", str(n), f"screen {n}, {w}x{h}", n == 0) for n, (w, h) in enumerate(sizes)]
