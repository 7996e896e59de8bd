"""The networks beside Whisper, as live: in one process, while the recogniser transcribes without a pause.

    python -m benchmarks.contention CHECKPOINT BACKEND NETWORK_THREADS WHISPER_THREADS SECONDS

prints one line of JSON. The OpenMP wait policy is the environment's, as it has to be set before the import.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any, Final

HOP: Final = ("visual", "audio", "fusion")
"""What one hop computes while its words are encoded already."""

CHUNK_S: Final = 5
HOP_S: Final = 0.25


def contend(
    checkpoint: Path, name: str, threads: int, whisper_threads: int, seconds: float
) -> dict[str, Any]:
    """Run one hop every quarter of a second beside a recogniser that is never idle.

    Returns:
        p50_ms and p95_ms of a hop, and how many seconds of sound per second the recogniser encoded and wrote.
    """
    import numpy as np

    from benchmarks.backend_rounds import spread
    from core.backends.artifacts import PARITY_FILE, export_folder
    from core.backends.loading import Place, load_networks
    from core.backends.parity import load_cases
    from core.inputs import SAMPLE_RATE
    from core.spec import read_spec
    from core.weights import locate
    from core.workers.whisper import Whisper

    spec = read_spec(checkpoint)
    place = Place(spec, checkpoint, export_folder(spec))
    runners = load_networks(place, name, threads=threads).runners
    cases = load_cases(place.export / PARITY_FILE, first_only=True)
    whisper = Whisper(locate("whisper-base"), device="cpu", cpu_threads=whisper_threads)
    noise = np.random.default_rng(0).normal(size=CHUNK_S * SAMPLE_RATE).astype(np.float32) * 0.05
    over, heard = threading.Event(), [0]

    def transcribe() -> None:
        while not over.is_set():
            whisper.language_probabilities(whisper.encode(noise, CHUNK_S))
            heard[0] += CHUNK_S

    lane = threading.Thread(target=transcribe)
    lane.start()
    times_ms: list[float] = []
    begun_s = time.perf_counter()
    try:
        while time.perf_counter() - begun_s < seconds:
            started_s = time.perf_counter()
            for network in HOP:
                runners[network](*cases[network][0].inputs)  # type: ignore[index]
            took_s = time.perf_counter() - started_s
            times_ms.append(took_s * 1000)
            time.sleep(max(0.0, HOP_S - took_s))
    finally:
        over.set()
        lane.join()
    lasted_s = time.perf_counter() - begun_s
    return {**spread(times_ms), "whisper_times_real_time": round(heard[0] / lasted_s, 2)}


if __name__ == "__main__":
    found = contend(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5]))
    print(json.dumps({"wait_policy": os.environ.get("OMP_WAIT_POLICY", "unset"), **found}))
