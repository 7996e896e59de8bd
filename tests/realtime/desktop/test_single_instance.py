"""One window at a time; a second start shows the first one's; how the last one ended is known."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from realtime.desktop.single_instance import SingleInstance

ROOT = Path(__file__).resolve().parents[3]
SECOND = """
import sys
from pathlib import Path
from PySide6.QtCore import QCoreApplication
from realtime.desktop.single_instance import SingleInstance
app = QCoreApplication([])
single = SingleInstance(Path(sys.argv[1]))
taken = single.acquire()
print("taken" if taken else "shown", single.unclean, flush=True)
if taken:
    sys.stdin.read()
"""


def second(folder: Path) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", SECOND, str(folder)]
    return subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_a_second_start_shows_the_first_ones_window_and_takes_nothing(app, until, tmp_path) -> None:
    asked, single = [], SingleInstance(tmp_path)
    single.asked.connect(lambda: asked.append(1))
    assert single.acquire()
    assert not single.unclean
    with second(tmp_path) as process:
        until(lambda: asked, 180.0)
        assert process.communicate(timeout=180)[0] == "shown False\n"
    single.release()
    again = SingleInstance(tmp_path)
    assert again.acquire()
    assert not again.unclean
    again.release()


def test_one_that_was_killed_leaves_its_place_free_and_its_end_is_known(app, tmp_path) -> None:
    with second(tmp_path) as process:
        assert process.stdout.readline() == "taken False\n"
        process.kill()
    single = SingleInstance(tmp_path)
    assert single.acquire()
    assert single.unclean
    single.release()
