"""`emotrack live` on a machine of fakes: no consent, no capture; withdrawn, no capture and no trace."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

import emotrack
from core.errors import ConsentError
from core.events import End, Hello, Status
from realtime.config import LiveConfig
from realtime.consent.gate import ConsentGate
from realtime.consent.ledger import Ledger
from realtime.runs.live import capture_notice
from realtime.session.loop import SessionLoop
from realtime.sources.config import SourcesConfig
from realtime.sources.open import open_sources
from tests.core import fakes
from tests.core.fakes import chunks, ended, voice
from tests.realtime.consent.agreeing import agreed
from tests.realtime.consent.machine import install
from tests.realtime.live import ListSink, ScriptedSource, session_of


@pytest.fixture
def machine(monkeypatch, tmp_path):
    monkeypatch.setenv("EMOTRACK_STATE", str(tmp_path / "state"))
    return install(monkeypatch)


@pytest.fixture
def said(monkeypatch):
    """Events of the run, whatever sinks there are."""
    events = []
    emit = SessionLoop.emit

    def note(session, event):
        events.append(event)
        emit(session, event)

    monkeypatch.setattr(SessionLoop, "emit", note)
    return events


def live(*words: str) -> int:
    return emotrack.main(["live", "--no-feed", "--no-console", *words])


def decisions() -> list[str]:
    return [entry.decision for entry in Ledger().entries()]


# --- before ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [[], ["--consent", " "]], ids=["nobody asked", "nobody named"])
def test_without_consent_nothing_is_opened_no_thread_starts_and_nothing_is_written(
    machine, tmp_path, capsys, words
):
    before = machine.used_threads()
    out = ["--out", str(tmp_path / "run"), "--record", str(tmp_path / "tape")]
    assert live(*words, *out) == ConsentError.exit_code == 10
    assert (machine.opened, machine.engines, machine.used_threads()) == ([], [], before)
    assert not list(tmp_path.iterdir())
    assert "--consent NAME" in capsys.readouterr().err


def test_who_declines_is_recorded_by_decision_only_and_nothing_starts(machine, tmp_path, monkeypatch):
    before = machine.used_threads()
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    answers = iter(["Ada", "no"])
    monkeypatch.setattr("realtime.consent.terminal._line", lambda *_: next(answers))
    assert live("--out", str(tmp_path / "run")) == 10
    assert (machine.opened, machine.used_threads()) == ([], before)
    assert decisions() == ["declined"]
    assert [path.name for path in tmp_path.iterdir()] == ["state"]


def test_a_source_of_devices_cannot_be_read_before_consent_and_not_after_it_was_withdrawn(machine, tmp_path):
    gate = ConsentGate("personal", Ledger(tmp_path / "consent.jsonl"))
    source = open_sources(SourcesConfig(), gate)
    with pytest.raises(ConsentError, match="nobody has agreed"):
        next(source.inputs())
    gate.give("Ada", "window")
    gate.withdraw("window")
    with pytest.raises(ConsentError, match="withdrawn"):
        next(source.inputs())
    assert machine.opened == []


# --- while -------------------------------------------------------------------------------------------


def test_with_consent_it_runs_and_a_sign_is_seen_from_the_beginning_to_the_end(
    machine, said, capsys, tmp_path
):
    assert live("--consent", "Ada", "--seconds", "0.5", "--out", str(tmp_path / "run")) == 0
    assert set(machine.opened) == {"mic", "camera"}
    assert decisions() == ["given"]
    shown = capsys.readouterr().err
    assert shown.index("You may say no") < shown.index(
        "● Capturing begins: me, camera, as far as they open. Purpose: personal."
    )
    assert isinstance(said[0], Hello)
    assert (said[0].capturing, said[0].purpose, said[0].withheld) == (True, "personal", {})
    [off] = [event for event in said if isinstance(event, Status) and event.code == "capture"]
    assert off.value == "off"
    assert (tmp_path / "run" / "events.jsonl").exists()


def test_a_recording_that_is_played_captures_nobody_so_nobody_is_asked(machine, said, monkeypatch, tmp_path):
    from realtime.sources.memory import MemorySource

    sound = ended(chunks(voice(0.5, [(0.1, 0.3)])), "audio", 0.5)
    monkeypatch.setattr(
        "core.media.recording.RecordingSource", lambda path, **_: MemorySource(sound, name="x")
    )
    assert live("--play", "x.mp4") == 0
    assert said[0].capturing is False
    assert decisions() == []


def test_the_sign_names_devices_purpose_and_what_is_withheld(tmp_path):
    gate = agreed("workplace", ledger=Ledger(tmp_path / "consent.jsonl"))
    line = capture_notice((), gate)
    assert "Purpose: workplace; withheld: audio and visual." in line
    assert "Ctrl-C ends" in line


# --- withdrawn ---------------------------------------------------------------------------------------


def test_withdrawal_closes_real_threads_of_devices_within_a_second_and_leaves_no_file(
    machine, said, tmp_path, monkeypatch
):
    """The real thing, but for the devices: threads, clock, signal, files."""
    stopped_s = []
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "diary.txt").write_text("not of this session")

    def press():
        machine.talking.wait(20)
        threading.Event().wait(0.3)
        pressed_s = time.monotonic()
        os.kill(os.getpid(), signal.SIGQUIT)
        while machine.open:
            threading.Event().wait(0.002)
        stopped_s.append(time.monotonic() - pressed_s)

    thread = threading.Thread(target=press)
    thread.start()
    folders = ["--out", str(tmp_path / "run"), "--record", str(tmp_path / "tape")]
    assert live("--consent", "Ada", "--seconds", "30", *folders) == 0
    thread.join()
    assert stopped_s[0] < 1.0
    assert machine.used_threads() == []
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == [
        "consent.jsonl",
        "diary.txt",
    ]
    assert not (tmp_path / "tape").exists()
    assert decisions() == ["given", "withdrawn"]
    assert [(e.code, e.value) for e in said if isinstance(e, Status)][-1] == ("consent", "withdrawn")
    assert isinstance(said[-1], End)
    assert said[-1].reason == "interrupted"


def test_nothing_that_was_captured_is_looked_at_kept_or_said_after_withdrawal(hello):
    """On the clock of the stream: whatever still waits is dropped."""

    class Tape:
        def __init__(self):
            self.items = []

        def write(self, at_s, item):
            self.items.append(item)

    source = ScriptedSource(ended(chunks(voice(8.0, [(0.5, 7.0)])), "audio", 8.0))
    sink, counts, tape = ListSink(), [], Tape()
    session = session_of(source, sink, tape=tape)

    def withdraw(item):
        if source.now_s() >= 3.0 and not counts:
            session.withdraw()
            counts.append((len(tape.items), len(sink.events)))

    source.pause_at = withdraw
    try:
        end = session.run(hello)
    finally:
        session.threads.close()
    assert len(tape.items) <= counts[0][0] + 1  # one that was under way
    after = sink.events[counts[0][1] :]
    assert [type(event) for event in after[-2:]] == [Status, End]
    assert after[-2].value == "withdrawn"
    assert end.reason == "interrupted"
    assert end.finals == 0


def test_a_configuration_can_hold_no_consent():
    """It is given for one session; a file would give it for all."""
    assert not any("consent" in name for name in LiveConfig.model_fields)


@pytest.mark.parametrize("moment", range(40))
def test_withdrawal_at_any_moment_ends_in_order_and_leaves_no_thread_of_the_session(moment, hello):
    """With every worker busy. A thread that outlives its session would abort the process at its end."""
    before = set(threading.enumerate())
    withdrawn = threading.Event()
    purged = []

    def busy(compute):
        def computed(payload):
            withdrawn.wait(0.02 if moment % 2 else 5.0)
            return compute(payload)

        return computed

    source = ScriptedSource(ended(chunks(voice(4.0, [(0.2, 1.5), (2.2, 3.6)])), "audio", 4.0))
    sink = ListSink()
    workers = {kind: busy(compute) for kind, compute in fakes.WORKERS.items()}
    session = session_of(source, sink, workers=workers, purge=lambda: purged.append(1) or "all is deleted")

    def withdraw(item):
        if source.now_s() >= moment / 10 and not withdrawn.is_set():
            session.withdraw()
            withdrawn.set()

    source.pause_at = withdraw
    try:
        end = session.run(hello)
    finally:
        session.threads.close()
    assert (purged, end.reason) == ([1], "interrupted")
    assert [type(event) for event in sink.events[-2:]] == [Status, End]
    assert sink.events[-2].value == "withdrawn"
    for thread in set(threading.enumerate()) - before:
        thread.join(20)
    assert set(threading.enumerate()) <= before
