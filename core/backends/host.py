"""What machine this is, as far as compiled artifacts depend on it. No library is asked: start-up is short."""

from __future__ import annotations

import functools
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

_INSTRUCTIONS: Final[tuple[str, ...]] = (
    "avx",
    "avx2",
    "avx512f",
    "avx512_vnni",
    "avx512_bf16",
    "amx_int8",
    "amx_bf16",
    "asimd",
)


def installed(distribution: str) -> str | None:
    """Version of an installed distribution, or None."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


@functools.cache
def processor() -> str:
    """Architecture and the vector instructions that kernels are chosen by: "x86_64 avx avx2"."""
    flags = _flags()
    known = [name for name in _INSTRUCTIONS if name in flags] or [platform.processor()]
    return " ".join([platform.machine(), *known]).strip()


def _flags() -> set[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return set()
    found = next((line for line in lines if line.lower().startswith(("flags", "features"))), "")
    return set(found.partition(":")[2].split())
