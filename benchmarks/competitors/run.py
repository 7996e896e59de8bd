"""One run of one product: it hears the script in real time, and everything is noted."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.competitors.clients import Client, client
from benchmarks.competitors.products import Product, Recogniser
from benchmarks.competitors.recorder import MicrophoneRecorder
from benchmarks.competitors.speech import Script
from benchmarks.competitors.words import RecognisedWords
from benchmarks.process_tree import PeakMemory, cpu_s
from benchmarks.sound_server import SoundServer
from core.errors import EmotrackError

_TAIL_S: Final = 2.0
"""How long the last words may take beyond the script's last silence."""

_SETTLE_S: Final = 1.0
"""From the moment a product is ready to the beginning of the script."""


@dataclass(frozen=True, slots=True)
class Run:
    """What one run gave.

    Attributes:
        heard: what the client was told, and when.
        began_s: wall-clock second at which the script's first sample was heard.
        cpu_s: processor seconds of the product's processes while the script was played.
        wall_s: how long that was.
        peak_mb: the most memory that its processes held.
    """

    heard: RecognisedWords
    began_s: float
    cpu_s: float
    wall_s: float
    peak_mb: float


def run(product: Product, shared: Recogniser, script: Script, pythons: dict[str, Path], log: Path) -> Run:
    """Play the script to one product.

    Raises:
        EmotrackError: the product does not start or ends too early, or nothing was heard.
        SourceError: there is no PulseAudio.
    """
    with tempfile.TemporaryDirectory() as folder, SoundServer(Path(folder)) as server:
        raw = Path(folder) / "script.raw"
        script.sound.astype("<f4").tofile(raw)
        threads = {"OMP_NUM_THREADS": str(shared.threads), "HF_HUB_OFFLINE": "1"}
        with client(product, shared, {**server.environment, **threads}, log, pythons) as listening:
            return _played(listening, script, server, raw)


def _played(listening: Client, script: Script, server: SoundServer, raw: Path) -> Run:
    recorder = MicrophoneRecorder(server.environment, listening.push_audio)
    recorder.start()
    try:
        time.sleep(_SETTLE_S)
        with PeakMemory(listening.pid) as memory:
            used_s, started_s = cpu_s(listening.pid), time.time()
            server.play(raw)
            _wait(script.length_s + _TAIL_S, listening.check)
            used_s, wall_s = cpu_s(listening.pid) - used_s, time.time() - started_s
    finally:
        recorder.stop()
    began_s = recorder.began_s(script.sound, script.rate_hz)
    if began_s is None:
        raise EmotrackError("the virtual microphone stayed silent.", fix="Run it again on an idle machine.")
    return Run(listening.heard, began_s, used_s, wall_s, memory.mb)


def _wait(seconds: float, check: Callable[[], None]) -> None:
    limit_s = time.monotonic() + seconds
    while (left_s := limit_s - time.monotonic()) > 0:
        check()
        time.sleep(min(0.2, left_s))


def default_threads() -> int:
    """As many as the machine has cores."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
