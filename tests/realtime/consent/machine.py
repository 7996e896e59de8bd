"""A machine with scripted devices and fake networks: whole commands run on it, and it notes what they use."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from core.engine.engine import Engine
from core.engine.scheduler import Scheduler
from core.work import WorkKind
from realtime.session.worker_threads import WorkerThreads
from realtime.sources.device_items import AudioBlock, CapturedFrame, Opened
from realtime.sources.driver import DriverHandle
from tests.core import fakes

SOUND = fakes.voice(30.0, [(0.3 + 2 * n, 1.6 + 2 * n) for n in range(15)], seed=3)


@dataclass
class Machine:
    """What was used.

    Attributes:
        opened: devices whose threads have run, in order.
        open: devices that are open now.
        orders: kinds of work that were ordered.
        workers: kinds of work that some lanes could have computed.
        talking: set once the first block of sound was delivered.
        engines: all that were built.
    """

    opened: list[str] = field(default_factory=list)
    open: set[str] = field(default_factory=set)
    orders: set[WorkKind] = field(default_factory=set)
    workers: set[WorkKind] = field(default_factory=set)
    talking: threading.Event = field(default_factory=threading.Event)
    engines: list[Engine] = field(default_factory=list)

    def used_threads(self) -> list[str]:
        """Threads of devices and of computations that there are."""
        names = [thread.name for thread in threading.enumerate()]
        return [name for name in names if name.startswith(("device", "lane", "pump"))]


class Device:
    """Delivers sound, or pictures of two faces, until it is closed."""

    def __init__(self, machine: Machine, name: str) -> None:
        self.label = name
        self._machine = machine

    def run(self, port: DriverHandle) -> None:
        self._machine.opened.append(self.label)
        self._machine.open.add(self.label)
        try:
            port.put(Opened(port.clock(), self.label, 16_000 if self.label in ("mic", "speaker") else 0.0))
            step = 0
            while not port.wait(0.01):
                self._deliver(port, step)
                step += 1
        finally:
            self._machine.open.discard(self.label)

    def _deliver(self, port: DriverHandle, step: int) -> None:
        if self.label in ("mic", "speaker"):
            samples = SOUND[160 * step : 160 * (step + 1), None]
            port.put(AudioBlock(port.clock(), 160 * step, samples))
            self._machine.talking.set()
        elif step % 10 == 0:
            image = np.ascontiguousarray(fakes.picture(2, (60, 0, 0), look=step % 250))
            port.put(CapturedFrame(port.clock(), image))


def install(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Put the machine in place of devices and networks."""
    machine = Machine()
    for name, driver in {
        "PortAudioDriver": lambda device, loopback=False: Device(machine, "speaker" if loopback else "mic"),
        "CameraDriver": lambda device, **_: Device(machine, "camera"),
        "ScreenDriver": lambda region, **_: Device(machine, "screen"),
    }.items():
        monkeypatch.setattr(f"realtime.sources.open.{name}", driver)
    _networks(machine, monkeypatch)
    ordered, built, lanes = Scheduler.submit, Engine.__init__, WorkerThreads.__init__

    def order(scheduler, kind, payload, now_s, owner):
        number = ordered(scheduler, kind, payload, now_s, owner)
        machine.orders.add(kind)
        return number

    def build(engine, *arguments, **options):
        built(engine, *arguments, **options)
        machine.engines.append(engine)

    def start_threads(self, workers, *arguments, **options):
        machine.workers |= set(workers)
        lanes(self, workers, *arguments, **options)

    monkeypatch.setattr(Scheduler, "submit", order)
    monkeypatch.setattr(Engine, "__init__", build)
    monkeypatch.setattr(WorkerThreads, "__init__", start_threads)
    return machine


def _networks(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = fakes.spec()
    for module in ("replay", "live", "serve"):
        monkeypatch.setattr(f"realtime.runs.{module}.prepare", lambda *_: (spec, Path()))
    encoders = SimpleNamespace(
        encode_visual=fakes.encode_visual,
        encode_audio=fakes.encode_audio,
        encode_text=fakes.encode_text,
        fuse=fakes.fuse,
    )
    words = SimpleNamespace(run=fakes.transcribe, current_language="en", knows=lambda _: True)
    for module in ("build", "serve_networks"):
        monkeypatch.setattr(f"realtime.runs.{module}.load_checkpoint", lambda *_: None)
        monkeypatch.setattr(f"realtime.runs.{module}.NetworkWorkers", lambda _: encoders)
        monkeypatch.setattr(f"realtime.runs.{module}.load_voice", fakes.ScriptedVoice)
        monkeypatch.setattr(f"realtime.runs.{module}.load_whisper", lambda *_: None)
        monkeypatch.setattr(f"realtime.runs.{module}.transcriber_of", lambda *_: words)

    def faces(*_: object) -> SimpleNamespace:
        return SimpleNamespace(run=fakes.detect)

    monkeypatch.setattr("realtime.runs.build.load_faces", faces)
    monkeypatch.setattr("realtime.runs.serve_networks.load_faces", faces)
    monkeypatch.setattr("realtime.runs.replay.load_voice", fakes.ScriptedVoice)
    monkeypatch.setattr("realtime.runs.whisper_fallback.is_ready", lambda _: False)
