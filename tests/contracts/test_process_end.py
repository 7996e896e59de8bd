"""The process ends with its own exit code although a thread is within a call that cannot be ended."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.command import ROOT

SCRIPT = """
import sys, threading
sys.path.insert(0, {root!r})
import emotrack

def main():
    import atexit, logging
    import cv2, numpy
    picture, computing = numpy.zeros((3000, 3000), numpy.float32), threading.Event()
    def compute():
        while True:
            computing.set()
            cv2.GaussianBlur(picture, (31, 31), 5)
    threading.Thread(target=compute, daemon=True).start()
    computing.wait()
    atexit.register(print, "put in order")
    {ending}

emotrack.main = main
emotrack.command()
"""


def run(ending: str) -> subprocess.CompletedProcess[str]:
    script = SCRIPT.format(root=str(ROOT), ending=ending)
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=120
    )


@pytest.mark.parametrize("code", [0, 4])
def test_a_thread_that_computes_in_a_library_does_not_abort_the_process(code: int) -> None:
    done = run(f"print('before'); return {code}")
    assert (done.returncode, done.stderr) == (code, "")
    assert done.stdout == "before\nput in order\n", "all else is done before"


def test_an_error_of_our_own_is_still_told() -> None:
    done = run("raise RuntimeError('told')")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "RuntimeError: told"
    assert done.stdout == "put in order\n"


def test_without_such_a_thread_python_ends_as_always() -> None:
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import emotrack; emotrack.main = lambda: 3; "
    done = subprocess.run([sys.executable, "-c", code + "emotrack.command()"], check=False, timeout=120)
    assert done.returncode == 3
