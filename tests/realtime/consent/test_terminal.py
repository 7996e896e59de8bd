"""Being asked in the terminal."""

from __future__ import annotations

import io

import pytest

from core.errors import ConsentError
from realtime.consent.gate import ConsentGate
from realtime.consent.ledger import Ledger
from realtime.consent.terminal import ask


class Keyboard(io.StringIO):
    """Somebody at the keyboard."""

    def isatty(self) -> bool:
        return True


class Interrupted(Keyboard):
    def readline(self, size: int = -1) -> str:
        raise KeyboardInterrupt


@pytest.fixture
def gate(tmp_path):
    return ConsentGate("personal", Ledger(tmp_path / "consent.jsonl"))


def entries(gate):
    return [(entry.who, entry.decision, entry.means) for entry in gate.ledger.entries()]


def test_the_whole_notice_is_shown_with_what_to_read_to_others_and_where_answers_are_kept(gate):
    screen = io.StringIO()
    ask(gate, None, Keyboard("Ada\nyes\n"), screen)
    shown = screen.getvalue()
    assert gate.notice.text in shown
    assert all(line in shown for line in gate.notice.others.splitlines())
    assert gate.notice.version in shown
    assert str(gate.ledger.path) in shown
    assert entries(gate) == [("Ada", "given", "terminal")]


@pytest.mark.parametrize("typed", ["Ada\nno\n", "Ada\n\n", "Ada\n", "\n", "", "Ada\nyes please\n"])
def test_anything_but_a_name_and_yes_is_no(gate, typed):
    with pytest.raises(ConsentError, match="declined"):
        ask(gate, None, Keyboard(typed), io.StringIO())
    assert [decision for _, decision, _ in entries(gate)] == ["declined"]


def test_breaking_off_is_no(gate):
    with pytest.raises(ConsentError, match="declined"):
        ask(gate, None, Interrupted(), io.StringIO())
    assert entries(gate) == [("-", "declined", "terminal")]


def test_where_nobody_can_answer_a_name_has_to_come_with_the_command(gate):
    with pytest.raises(ConsentError, match="--consent NAME"):
        ask(gate, None, io.StringIO("Ada\nyes\n"), io.StringIO())
    assert entries(gate) == []
    ask(gate, "Ada", io.StringIO(), io.StringIO())
    assert entries(gate) == [("Ada", "given", "option")]


def test_a_command_that_names_nobody_agrees_to_nothing(gate):
    with pytest.raises(ConsentError, match="needs a name"):
        ask(gate, " ", io.StringIO(), io.StringIO())
    assert gate.state == "open"
