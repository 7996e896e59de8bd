"""A training that is killed with signal 9 and started again, beside one that is left in peace."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path


def kill_and_resume(command: list[str], broken: Path, whole: Path, *, first: Path) -> None:
    """Run `command` into `broken`, kill it in its second epoch, run it again; and once, whole, into `whole`.

    Args:
        command: takes the folder to write to as its last argument, and prints a line of JSON per epoch.
        broken, whole: the folders.
        first: what the first run must not have written yet when it is killed.
    """
    # sums are rounded in an order that depends on the number of threads: the same for all three
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        [*command, str(broken)], env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        next(line for line in process.stdout if '"epoch": 2' in line)
        process.send_signal(signal.SIGKILL)
    assert not first.exists()
    for folder in (broken, whole):
        subprocess.run([*command, str(folder)], env=environment, stdout=subprocess.PIPE, check=True)
