"""Start-up of one backend in a process of its own: imports, loading, first inference, memory.

    python -m benchmarks.backend_startup CHECKPOINT BACKEND NETWORK...

prints one line of JSON.
"""

from __future__ import annotations

import time

_STARTED_S = time.perf_counter()

import json  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402


def start(checkpoint: Path, name: str, networks: list[str]) -> dict[str, Any]:
    """Load the networks and run each once.

    Returns:
        startup_s since the interpreter began with this file, rss_mb, and whether torch was imported.
    """
    from benchmarks.machine import peak_rss_mb
    from core.backends.artifacts import PARITY_FILE, export_folder
    from core.backends.compiled import compiled_folder
    from core.backends.compiling import artifact_path
    from core.backends.parity import load_cases
    from core.backends.registry import backend
    from core.spec import read_spec

    spec = read_spec(checkpoint)
    chosen = backend(name)
    precision = chosen.precisions[0]
    folder = export_folder(spec)
    cases = load_cases(folder / PARITY_FILE, first_only=True)
    if chosen.runs == "artifact":
        folder = next(f for p in chosen.precisions if (f := compiled_folder(spec, chosen, p)).is_dir())
    for network in networks:
        path = artifact_path(chosen, network, folder, checkpoint)  # type: ignore[arg-type]
        run = chosen.load(path, network, precision, 1)  # type: ignore[arg-type]
        run(*cases[network][0].inputs)  # type: ignore[index]
    return {
        "startup_s": round(time.perf_counter() - _STARTED_S, 3),
        "rss_mb": round(peak_rss_mb(), 1),
        "torch": "torch" in sys.modules,
    }


if __name__ == "__main__":
    print(json.dumps(start(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])))
