"""Many withdrawals in one process under load: each closes everything and leaves no thread behind."""

from __future__ import annotations

import os
import signal
import threading

import numpy as np
import pytest

import emotrack
from realtime.consent.ledger import Ledger
from tests.realtime.consent.machine import Machine, install

WITHDRAWALS = int(os.environ.get("EMOTRACK_TEST_WITHDRAWALS", "40"))
"""`make reliability` asks for 200, which take minutes."""
WAIT_S = 60.0


@pytest.fixture
def load():
    """Something that competes for the processor, as another program does."""
    ended = threading.Event()
    matrix = np.ones((300, 300), np.float32)

    def compute() -> None:
        while not ended.is_set():
            matrix @ matrix

    threads = [threading.Thread(target=compute, name="load") for _ in range(2)]
    for thread in threads:
        thread.start()
    yield
    ended.set()
    for thread in threads:
        thread.join()


def withdraw_while_somebody_speaks(machine: Machine) -> None:
    assert machine.talking.wait(WAIT_S)
    os.kill(os.getpid(), signal.SIGQUIT)


def test_each_closes_all_devices_and_leaves_no_thread(monkeypatch, tmp_path, load) -> None:
    monkeypatch.setenv("EMOTRACK_STATE", str(tmp_path))
    machine = install(monkeypatch)
    before = sorted(thread.name for thread in threading.enumerate())
    words = ["live", "--no-feed", "--no-console", "--consent", "Ada", "--loopback", "default"]
    for number in range(WITHDRAWALS):
        machine.talking.clear()
        key = threading.Thread(target=withdraw_while_somebody_speaks, args=(machine,))
        key.start()
        assert emotrack.main(words) == 0
        key.join()
        for thread in threading.enumerate():
            if thread.name == "withdrawal":  # Python waits for this one at its end
                thread.join(WAIT_S)
        assert machine.open == set(), f"withdrawal {number}"
        assert sorted(thread.name for thread in threading.enumerate()) == before, f"withdrawal {number}"
    assert [entry.decision for entry in Ledger().entries()] == ["given", "withdrawn"] * WITHDRAWALS
