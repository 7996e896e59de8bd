"""The C library's heap, for runs of hours."""

from __future__ import annotations

import ctypes
import sys
from typing import Final

_M_ARENA_MAX: Final = -8
"""`M_ARENA_MAX` of glibc's <malloc.h>."""
ARENAS: Final = 2


def limit_malloc_arenas() -> bool:
    """Keep glibc from giving every thread a heap of its own, whose holes are never given back.

    A run has a dozen threads that take and return arrays of all sizes. With a heap for each, memory goes on
    growing for hours although nothing is kept. To be called before threads are started.

    Returns:
        Whether the C library took it; others than glibc need no such thing.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return False  # musl has neither the function nor the trouble
    return bool(mallopt(_M_ARENA_MAX, ARENAS))
