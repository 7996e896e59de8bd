"""A run that another program has started: what it says, whom it obeys, and that it does not outlive it."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from core.errors import FeedError
from realtime.config import FeedConfig
from realtime.feed.sink import FeedSink
from realtime.runs.supervision import ABANDONED_EXIT_CODE, MAX_LINE, Announcement, Supervision

ROOT = Path(__file__).resolve().parents[3]


class Gate:
    """Notes how consent was taken back."""

    def __init__(self) -> None:
        self.withdrawals: list[str] = []

    def withdraw_soon(self, means: str) -> None:
        self.withdrawals.append(means)


def obeyed(orders: bytes, gate: Gate | None = None):
    """What follows from standard input: the run's flag, and the codes with which the process was left."""
    interrupted, left, gone = threading.Event(), [], threading.Event()

    def leave(code: int) -> None:
        left.append(code)
        gone.set()

    supervision = Supervision(
        interrupted, gate, orders=io.BytesIO(orders), answers=io.StringIO(), leave=leave, leave_s=0.01
    )
    supervision.watch().join()
    assert gone.wait(5.0)
    return interrupted, left


def test_the_end_of_standard_input_ends_the_run_and_soon_the_process() -> None:
    interrupted, left = obeyed(b"")
    assert interrupted.is_set()
    assert left == [ABANDONED_EXIT_CODE]


def test_orders_are_obeyed_and_anything_else_is_passed_over() -> None:
    gate = Gate()
    obeyed(b"nonsense\n\xff\xfe\n" + b"x" * 3 * MAX_LINE + b"\nwithdraw\n", gate)
    assert gate.withdrawals == ["window"]


def test_an_order_to_stop_ends_the_run_in_order_while_the_program_is_still_there() -> None:
    reader, writer = os.pipe()
    interrupted, left = threading.Event(), []
    with os.fdopen(reader, "rb") as orders:
        supervision = Supervision(interrupted, None, orders=orders, answers=io.StringIO(), leave=left.append)
        watching = supervision.watch()
        os.write(writer, b"stop\n")
        assert interrupted.wait(5.0)
        assert watching.is_alive()
        assert left == []
        os.close(writer)
        watching.join(5.0)


def test_what_is_announced_lets_a_client_in_and_can_be_read_back() -> None:
    answers = io.StringIO()
    feed = FeedSink(port=0)
    try:
        Supervision(threading.Event(), None, orders=io.BytesIO(), answers=answers).announce(
            feed, FeedConfig(page="view")
        )
        [line] = answers.getvalue().strip().split("\n")
        read = Announcement.read(line)
        assert read == Announcement(feed.url, feed.tokens.control, feed.page("view"))
        assert json.loads(line)["type"] == "feed"
    finally:
        feed.close()


@pytest.mark.parametrize("line", ["", "hello", "[]", "{}", '{"type": "feed"}', '{"type": "feed", "x": 1}'])
def test_what_is_no_announcement_is_refused(line: str) -> None:
    with pytest.raises(FeedError, match="something else"):
        Announcement.read(line)


def test_a_run_that_ends_by_itself_does_so_in_order_while_the_program_is_still_there() -> None:
    code = "import sys, threading; from realtime.runs.supervision import Supervision; "
    code += "Supervision(threading.Event(), None).watch(); sys.exit(4)"
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.PIPE)
    assert process.wait(60) == 4
    assert process.stdin is not None
    process.stdin.close()


def test_a_process_whose_program_is_killed_is_gone_within_two_seconds_whatever_it_does() -> None:
    """The run hangs in a computation and takes no notice of the flag; its program is killed."""
    code = "import threading; from realtime.runs.supervision import Supervision; "
    code += "Supervision(threading.Event(), None).watch(); print('runs', flush=True); "
    code += "threading.Event().wait()"
    parent = "import subprocess, sys, threading; "
    parent += f"child = subprocess.Popen([sys.executable, '-c', {code!r}], stdin=subprocess.PIPE); "
    parent += "threading.Event().wait()"
    program = subprocess.Popen([sys.executable, "-c", parent], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert program.stdout is not None
    assert program.stdout.readline() == "runs\n"
    program.kill()
    program.wait()
    killed_s = time.monotonic()
    assert program.stdout.read() == ""  # ends when the last process that could write into it has ended
    program.stdout.close()
    assert 1.0 < time.monotonic() - killed_s < 6.0
