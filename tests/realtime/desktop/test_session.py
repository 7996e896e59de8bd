"""A session with a real process for an engine: begun, muted, crashed, stopped; nothing without consent."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from realtime.desktop.engine_process import Backoff, EngineProcess
from realtime.desktop.launch_options import LaunchOptions
from realtime.desktop.session import EngineSession
from realtime.desktop.settings import Settings
from realtime.desktop.status import Phase, indicator_for

FAKE = str(Path(__file__).with_name("fake_engine.py"))
ADA = SimpleNamespace(who="Ada", purpose="personal")
LIMIT_S = 180.0


class Fake(LaunchOptions):
    """The engine is the fake one; what it would have been told is noted."""

    __slots__ = ("told",)

    def command(self, consent, muted=()):
        self.told.append((consent, tuple(muted)))
        words = [word for modality in muted for word in ("--mute", modality)]
        return [sys.executable, FAKE, "--capturing", *words]


@pytest.fixture
def session(app, tmp_path):
    options = Fake(Settings(tmp_path / "none.yaml"))
    object.__setattr__(options, "told", [])
    session = EngineSession(options, engine=EngineProcess(Backoff((0.01,))))
    yield session
    session.stop()
    session.kill()
    if session._engine._process is not None:
        session._engine._process.waitForFinished()
    session.close()


@pytest.fixture
def running(session, until):
    session.start(ADA)
    until(lambda: len(session.view_model.rows()) == 2, LIMIT_S)
    return session


def word(session) -> str:
    return indicator_for(session.status).word


def test_nothing_is_started_without_consent(session) -> None:
    with pytest.raises(AssertionError, match="nobody has agreed"):
        session.start(None)
    assert session.pid == 0
    assert not session.status.capturing


def test_the_sign_of_capturing_is_there_from_the_start_of_the_engine(session, until) -> None:
    session.start(ADA)
    assert session.status.capturing
    assert word(session) == "Starting"
    until(lambda: word(session) == "Capturing", LIMIT_S)
    pages: list[str] = []
    session.page_ready.connect(pages.append)
    session.open_page()
    until(lambda: pages, LIMIT_S)
    assert pages[0].startswith("http://127.0.0.1:")
    assert "#code=" in pages[0], "every user of the machine can read command lines: no token stands in them"


def test_muting_is_told_by_the_engine_and_lasts_over_a_crash(running, until) -> None:
    running.mute("audio", muted=True)
    until(lambda: running.status.audio_muted, LIMIT_S)
    assert "Muted: microphone and loudspeaker." in indicator_for(running.status).more
    first = running.pid
    os.kill(first, signal.SIGKILL)
    until(lambda: running.status.phase is Phase.WAITING or running.pid not in {0, first}, LIMIT_S)
    until(lambda: running.status.phase is Phase.RUNNING and running.view_model.rows(), LIMIT_S)
    until(lambda: running.status.audio_muted, LIMIT_S)
    assert running.options.told == [(ADA, ()), (ADA, ("audio",))]
    running.mute("audio", muted=False)
    until(lambda: not running.status.audio_muted, LIMIT_S)


def test_a_mark_reaches_the_run(running, until) -> None:
    running.mark()
    until(lambda: running.view_model.marks == 1, LIMIT_S)


def test_stopping_ends_in_order_and_the_final_still_comes(running, until) -> None:
    finals = []
    running._link.event_received.connect(
        lambda event: finals.append(event) if getattr(event, "final", False) else None
    )
    running.stop()
    assert word(running) == "Ending"
    until(lambda: finals, LIMIT_S)
    until(lambda: word(running) == "Stopped", LIMIT_S)
    assert running.view_model.rows() == ()
    assert running.pid == 0


def test_consent_that_is_withdrawn_ends_the_session_and_has_to_be_given_anew(running, until) -> None:
    running.withdraw()
    until(lambda: word(running) == "Stopped", LIMIT_S)
    assert running.consent is None


def test_what_cannot_be_asked_now_is_refused_with_a_sentence(session) -> None:
    refused = []
    session.refused.connect(refused.append)
    session.mark()
    assert refused == ["there is no connection to the engine at the moment."]


def test_the_window_is_told_of_news_at_most_five_times_a_second(running, until) -> None:
    changes, events = [], []
    running.changed.connect(lambda: changes.append(1))
    running._link.event_received.connect(lambda event: events.append(event.t1_s))
    until(lambda: len(events) >= 12, LIMIT_S)
    assert len(changes) <= len(events) / 2 + 1
