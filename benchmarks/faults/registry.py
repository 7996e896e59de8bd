"""The faults of devices: how each is made and mended, and what the feed has to say of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from benchmarks.faults.sound import MICROPHONE, SECOND
from benchmarks.faults.testbed import Testbed

MISSING_WITHIN_S: Final = 1.0
BACK_WITHIN_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a device.

    Attributes:
        name: of the fault.
        run: the run that suffers it, of `RUNS`.
        streams: that turn missing.
        reasons: `value` of `modality_missing`, any of these.
        how: what is done, for people.
        inject: makes the fault.
        cure: mends it; None where the fault itself is over at once.
        hold_s: how long it lasts after it was noticed.
        asleep: the command stands still, so that it can say something only after the cure.
        makes_up: afterwards the sound server gives at once what it has kept meanwhile, or, where it slept as
            well, what its null sinks make up for, which no sound card does. That is too late for its place,
            and counted as such, but not lost by the run.
    """

    name: str
    run: str
    streams: tuple[str, ...]
    reasons: tuple[str, ...]
    how: str
    inject: Callable[[Testbed], object]
    cure: Callable[[Testbed], object] | None
    hold_s: float = 2.5
    asleep: bool = False
    makes_up: bool = False


RUNS: Final = {"http": "http", "rtsp": "rtsp", "asleep": "http"}
"""Runs, and what the camera speaks in each."""

_HEARD: Final = ("me", "them")
_LOST: Final = ("unreachable", "no_data")


def _cameras(scheme: str) -> tuple[Fault, ...]:
    def fault(name: str, reasons: tuple[str, ...], how: str, inject: Callable, cure: Callable) -> Fault:
        return Fault(f"{scheme}_camera_{name}", scheme, ("camera",), reasons, how, inject, cure)

    return (
        fault(
            "killed",
            _LOST,
            "its server dies, and is started again",
            Testbed.kill_camera,
            Testbed.start_camera,
        ),
        fault(
            "stalled",
            _LOST,
            "it accepts and sends nothing, and goes on",
            lambda w: w.camera.stalled.set(),
            lambda w: w.camera.stalled.clear(),
        ),
        fault(
            "frozen",
            ("frozen",),
            "it sends the same picture for ever, and goes on",
            lambda w: w.camera.frozen.set(),
            lambda w: w.camera.frozen.clear(),
        ),
    )


FAULTS: Final = (
    Fault(
        "microphone_unplugged",
        "http",
        ("me",),
        ("unplugged",),
        "pactl unload-module module-remap-source, and load-module",
        lambda w: w.sound.unplug(),
        lambda w: w.sound.plug(),
    ),
    Fault(
        "default_changed",
        "http",
        ("me",),
        ("changed",),
        "another microphone is plugged in and becomes the default",
        lambda w: w.sound.plug(SECOND),
        None,
    ),
    Fault(
        "default_changed_back",
        "http",
        ("me",),
        ("changed",),
        "pactl set-default-source back to the first",
        lambda w: w.sound.control("set-default-source", MICROPHONE),
        None,
    ),
    Fault(
        "all_zero",
        "http",
        ("me",),
        ("all_zero",),
        "pactl set-source-mute 1, and 0",
        lambda w: w.sound.mute(muted=True),
        lambda w: w.sound.mute(muted=False),
    ),
    Fault(
        "blocked_read",
        "asleep",
        _HEARD,
        ("no_data", "unreachable"),
        "SIGSTOP to the sound server, and SIGCONT",
        lambda w: w.sound.freeze(),
        lambda w: w.sound.thaw(),
        hold_s=5.0,
        makes_up=True,
    ),
    Fault(
        "sound_server_killed",
        "http",
        _HEARD,
        ("unplugged", "unreachable", "no_data"),
        "SIGKILL to the sound server, which is started again",
        lambda w: w.sound.kill(),
        lambda w: w.sound.restart(),
    ),
    Fault(
        "loopback_lost",
        "http",
        ("them",),
        ("unplugged",),
        "pactl unload-module of the loudspeaker, and load-module",
        lambda w: w.sound.unplug_speaker(),
        lambda w: w.sound.plug_speaker(),
    ),
    *_cameras("http"),
    Fault(
        "screen_lost",
        "http",
        ("screen",),
        ("failed", "unplugged"),
        "SIGKILL to Xvfb, which is started again",
        Testbed.kill_display,
        Testbed.start_display,
    ),
    Fault(
        "program_stopped",
        "asleep",
        _HEARD,
        ("suspended",),
        "SIGSTOP to the command's process group, SIGCONT after 10 s; devices go on",
        Testbed.stop_run,
        Testbed.continue_run,
        hold_s=10.0,
        asleep=True,
        makes_up=True,
    ),
    Fault(
        "machine_asleep",
        "asleep",
        (*_HEARD, "camera"),
        ("suspended", "unreachable"),
        "SIGSTOP to the command, the sound server and all players, SIGCONT after 10 s",
        Testbed.sleep,
        Testbed.wake,
        hold_s=10.0,
        asleep=True,
        makes_up=True,
    ),
    # Not frozen: what is encoded anew with differences to before is not the same picture twice.
    *_cameras("rtsp")[:2],
)
