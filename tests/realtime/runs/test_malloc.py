"""Threads share few heaps, so that memory that was returned can be used by others."""

import subprocess
import sys

import pytest

_MANY = """
import ctypes, re, threading
from realtime.runs.malloc import ARENAS, limit_malloc_arenas
assert limit_malloc_arenas()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
def take():
    libc.malloc(100)
    gate.wait()
gate = threading.Barrier(9)
threads = [threading.Thread(target=take) for _ in range(8)]
for thread in threads: thread.start()
libc.fopen.restype = ctypes.c_void_p
file = libc.fopen(b"/dev/stdout", b"w")
libc.malloc_info(0, ctypes.c_void_p(file))
libc.fclose(ctypes.c_void_p(file))
gate.wait()
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's heaps")
def test_eight_threads_share_the_heaps_of_a_run():
    done = subprocess.run([sys.executable, "-c", _MANY], check=True, capture_output=True, text=True)
    assert 1 <= done.stdout.count("<heap nr=") <= 2
