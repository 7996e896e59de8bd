"""The gate: closed until somebody agrees, closed for good when they take it back."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest

from core.errors import ConsentError
from realtime.consent.gate import ConsentGate
from realtime.consent.ledger import Ledger
from tests.realtime.consent.agreeing import agreed

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "consent.jsonl")


def decisions(ledger):
    return [(entry.who, entry.decision, entry.means) for entry in ledger.entries()]


def test_it_opens_when_somebody_agrees_and_that_is_on_record_first(ledger):
    gate = ConsentGate("research", ledger, session="s1", wall=lambda: NOON)
    with pytest.raises(ConsentError, match="nobody has agreed"):
        gate.require()
    assert not ledger.path.exists()
    gate.give("  Ada\n Lovelace ", "terminal")
    gate.require()
    [entry] = ledger.entries()
    assert (entry.who, entry.at, entry.session) == ("Ada Lovelace", "2026-03-01T12:00:00Z", "s1")
    assert (entry.purpose, entry.notice) == ("research", gate.notice.version)


def test_what_cannot_be_put_on_record_does_not_count(tmp_path):
    (tmp_path / "file").write_text("")
    gate = ConsentGate("personal", Ledger(tmp_path / "file" / "consent.jsonl"))
    with pytest.raises(ConsentError, match="cannot be written"):
        gate.give("Ada", "terminal")
    assert gate.state == "open"
    with pytest.raises(ConsentError):
        gate.require()


@pytest.mark.parametrize("name", ["", "  ", "\n"])
def test_nobody_cannot_agree(ledger, name):
    gate = ConsentGate("personal", ledger)
    with pytest.raises(ConsentError, match="needs a name"):
        gate.give(name, "option")
    assert gate.state == "open"


def test_who_declined_or_withdrew_is_not_asked_again_in_the_same_session(ledger):
    gate = ConsentGate("personal", ledger)
    gate.decline("", "terminal")
    with pytest.raises(ConsentError, match="declined"):
        gate.require()
    with pytest.raises(ConsentError, match="declined"):
        gate.give("Ada", "terminal")
    taken_back = agreed(ledger=ledger)
    taken_back.withdraw("client")
    with pytest.raises(ConsentError, match="withdrawn"):
        taken_back.give("Ada", "option")
    assert decisions(ledger) == [
        ("-", "declined", "terminal"),
        ("Ada", "given", "option"),
        ("Ada", "withdrawn", "client"),
    ]


def test_withdrawal_stops_everything_the_newest_first_and_forgets_even_if_one_thing_fails(ledger):
    gate, done = agreed(ledger=ledger), []

    def fail():
        done.append("fails")
        raise OSError

    gate.on_withdrawal(lambda: done.append("device"))
    gate.on_withdrawal(fail)
    gate.on_withdrawal(lambda: done.append("session"))
    gate.traces.memory(lambda: done.append("memory"))
    with pytest.raises(OSError, match=r"^$"):
        gate.withdraw("client")
    assert done == ["session", "fails", "device", "memory"]
    assert gate.state == "withdrawn"
    assert decisions(ledger)[-1] == ("Ada", "withdrawn", "client")
    gate.withdraw("client")
    assert len(decisions(ledger)) == 2
    gate.on_withdrawal(lambda: done.append("late"))
    assert done[-1] == "late"


def test_without_consent_there_is_nothing_to_withdraw(ledger):
    gate = ConsentGate("personal", ledger)
    gate.withdraw("client")
    assert gate.state == "open"
    assert not ledger.path.exists()


def test_sessions_under_one_consent_can_be_withdrawn_one_by_one_or_all_at_once(ledger):
    gate = agreed("media", ledger=ledger, session="server")
    first, second = gate.another("s1"), gate.another("s2")
    assert (first.session, first.notice.purpose) == ("server.s1", "media")
    first.withdraw("client")
    assert (gate.state, second.state) == ("given", "given")
    gate.withdraw("terminal")
    assert second.state == "withdrawn"
    with pytest.raises(ConsentError):
        gate.another("s3")
    assert [(e.session, e.decision) for e in ledger.entries()] == [
        ("server", "given"), ("server.s1", "given"), ("server.s2", "given"), ("server.s1", "withdrawn"),
        ("server.s2", "withdrawn"), ("server", "withdrawn"),
    ]  # fmt: skip


def test_a_session_that_is_closed_is_not_withdrawn_any_more(ledger):
    gate = agreed(ledger=ledger, session="server")
    over, running = gate.another("s1"), gate.another("s2")
    over.close()
    over.close()
    gate.close()
    gate.withdraw("terminal")
    assert (over.state, running.state) == ("given", "withdrawn")
    assert [e.session for e in ledger.entries() if e.decision == "withdrawn"] == ["server.s2", "server"]


def test_what_has_ended_by_itself_is_not_stopped_any_more(ledger):
    gate, done = agreed(ledger=ledger), []
    ended = gate.on_withdrawal(lambda: done.append("device"))
    gate.on_withdrawal(lambda: done.append("session"))
    ended()
    ended()
    gate.withdraw("client")
    assert done == ["session"]


def test_a_signal_handler_or_an_event_loop_need_not_wait(ledger):
    gate, release = agreed(ledger=ledger), threading.Event()
    stopped = threading.Event()
    gate.on_withdrawal(lambda: (release.wait(5), stopped.set()))
    gate.withdraw_soon("terminal")
    assert not stopped.is_set()
    release.set()
    assert stopped.wait(5)


def test_what_a_session_wrote_is_deleted_and_nothing_else(tmp_path, ledger):
    own, shared = tmp_path / "own", tmp_path / "shared"
    for folder in (own, shared):
        folder.mkdir()
        (folder / "events.jsonl").write_text("x")
    (shared / "diary.txt").write_text("mine")
    gate, forgotten = agreed(ledger=ledger), []
    gate.traces.memory(lambda: forgotten.append("feed"))
    for path in (own / "events.jsonl", shared / "events.jsonl", shared / "never-written"):
        gate.traces.file(path)
    assert gate.traces.purge() == []
    assert not own.exists()
    assert [path.name for path in shared.iterdir()] == ["diary.txt"]
    assert forgotten == ["feed"]


def test_a_file_that_cannot_be_deleted_is_named(tmp_path, ledger):
    gate, folder = agreed(ledger=ledger), tmp_path / "events.jsonl"
    (folder / "inside").mkdir(parents=True)
    gate.traces.file(folder)
    assert gate.traces.purge() == [folder]


@pytest.mark.parametrize("name", ["A\udcffda", "A\x1b[2Jda", "A\0da"])
def test_a_name_that_is_no_text_is_no_consent(name, tmp_path):
    ledger = Ledger(tmp_path / "consent.jsonl")
    gate = ConsentGate("personal", ledger)
    with pytest.raises(ConsentError, match="no text") as refused:
        gate.give(name, "option")
    assert (refused.value.exit_code, gate.state, list(ledger.entries())) == (10, "open", [])
