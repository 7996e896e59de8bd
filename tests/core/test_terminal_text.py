"""Text of others cannot steer a terminal, and is otherwise what it was."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import SourceError
from core.terminal_text import clean, clean_lines


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain words", "plain words"),
        ("\x1b[2J\x1b]0;owned\x07gone", "[2J]0;ownedgone"),
        ("\x9b31mred", "31mred"),
        ("a\x00b\x7fc\x08", "abc"),
        ("one\r\ntwo\tthree\u2028four", "one  two three four"),
        ("abc\u202egpj.exe", "abcgpj.exe"),
        ("caf\udce9.flv", "caf\N{REPLACEMENT CHARACTER}.flv"),
        ("می\u200cخواهم 👩\u200d👩\u200d👧 e\u0301", "می\u200cخواهم 👩\u200d👩\u200d👧 e\u0301"),
    ],
)
def test_what_steers_is_left_out_and_what_scripts_need_is_kept(text, shown):
    assert clean(text) == shown


@given(st.text())
def test_nothing_that_is_clean_changes_and_nothing_unclean_stays(text):
    once = clean(text)
    assert clean(once) == once
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in once)


def test_lines_stay_lines():
    assert clean_lines("a\n  b\x1b[1m\n\nc") == "a\n  b[1m\n\nc"


def test_an_error_about_a_file_of_any_name_cannot_steer_the_terminal():
    error = SourceError("cannot be read.", where="x\x1b[8m.mp4")
    assert str(error) == "x[8m.mp4: cannot be read."
