"""The engine's process: real ones, which run, end, crash, and cannot be started."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from core.errors import ConfigError
from realtime.desktop.engine_process import Backoff, EngineProcess
from realtime.desktop.status import Phase
from realtime.runs.supervision import Announcement

FAKE = str(Path(__file__).with_name("fake_engine.py"))
LIMIT_S = 180.0


@pytest.fixture
def engine(app):
    engine = EngineProcess(Backoff((0.01, 0.02)))
    yield engine
    engine.stop()
    engine.kill()
    if engine._process is not None:
        engine._process.waitForFinished()


def fake(*words: str):
    return lambda: [sys.executable, FAKE, *words]


def phases_of(engine: EngineProcess) -> list[Phase]:
    phases = [engine.phase]
    engine.changed.connect(lambda: phases.append(engine.phase) if engine.phase is not phases[-1] else None)
    return phases


def test_it_starts_says_where_its_feed_is_and_ends_in_order(engine, until) -> None:
    announced, phases = [], phases_of(engine)
    engine.announced.connect(announced.append)
    engine.start(fake())
    until(lambda: announced, LIMIT_S)
    assert isinstance(announced[0], Announcement)
    engine.stop()
    until(lambda: engine.phase is Phase.OFF, LIMIT_S)
    assert phases == [Phase.OFF, Phase.STARTING, Phase.RUNNING, Phase.STOPPING, Phase.OFF]
    assert engine.pid == 0


def test_a_crash_is_told_and_the_engine_is_there_again(engine, until) -> None:
    phases, sentences = phases_of(engine), []
    engine.changed.connect(lambda: sentences.append(engine.sentence))
    engine.start(fake())
    until(lambda: engine.phase is Phase.RUNNING, LIMIT_S)
    first = engine.pid
    os.kill(first, signal.SIGKILL)
    until(lambda: engine.phase is Phase.RUNNING and engine.pid != first, LIMIT_S)
    assert "It was ended by the signal SIGKILL." in sentences
    assert phases == [
        Phase.OFF, Phase.STARTING, Phase.RUNNING, Phase.WAITING, Phase.STARTING, Phase.RUNNING,
    ]  # fmt: skip


def test_one_that_fails_again_and_again_is_given_up_and_its_sentence_stays(engine, until) -> None:
    attempts = []

    def command() -> list[str]:
        attempts.append(1)
        return fake("--fail", "The microphone has caught fire.", "4")()

    engine.start(command)
    until(lambda: engine.phase is Phase.FAILED, LIMIT_S)
    assert engine.sentence == "The microphone has caught fire."
    assert len(attempts) == 3
    engine.start(fake())  # somebody tries again by hand
    until(lambda: engine.phase is Phase.RUNNING, LIMIT_S)


def test_what_would_fail_in_the_same_way_is_not_tried_again(engine, until) -> None:
    engine.start(fake("--fail", "unknown key sorces.", str(ConfigError.exit_code)))
    until(lambda: engine.phase is Phase.FAILED, LIMIT_S)
    assert engine.sentence == "unknown key sorces."


def test_a_program_that_is_not_there_is_a_failure_too(engine, until) -> None:
    engine.start(lambda: ["/nowhere/python"])
    until(lambda: engine.phase is Phase.FAILED, LIMIT_S)
    assert engine.sentence.startswith("It cannot be started:")


def test_stopping_before_the_feed_is_there_ends_it_at_once_and_for_good(engine, until) -> None:
    engine.start(lambda: [sys.executable, "-c", "import threading; threading.Event().wait()"])
    until(lambda: engine.pid != 0, LIMIT_S)
    engine.stop()
    until(lambda: engine.phase is Phase.OFF, LIMIT_S)


def test_stopping_while_it_waits_for_another_attempt_ends_the_attempts(engine, until) -> None:
    slow = EngineProcess(Backoff((60.0,)))
    slow.start(fake("--fail", "No.", "5"))
    until(lambda: slow.phase is Phase.WAITING, LIMIT_S)
    slow.stop()
    assert slow.phase is Phase.OFF
    assert not slow._restart_timer.isActive()
