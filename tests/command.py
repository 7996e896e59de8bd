"""The real command in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def emotrack(
    *words: str, env: Mapping[str, str] | None = None, timeout_s: float | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `emotrack` with these words to its end; what it said, and its exit code, whatever that is."""
    return subprocess.run(
        [sys.executable, str(ROOT / "emotrack.py"), *words],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout_s,
    )
