"""Errors: what, where, what to do; and an exit code each."""

from __future__ import annotations

import inspect

import pytest

from core import errors
from core.errors import EmotrackError

KINDS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, EmotrackError)]


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_says_what_where_and_what_to_do(kind):
    error = kind("is broken.", where="clip.mp4", fix="Mend it.")
    assert str(error) == "clip.mp4: is broken. Mend it."
    assert (error.what, error.where, error.fix) == ("is broken.", "clip.mp4", "Mend it.")
    assert str(kind("Something broke.")) == "Something broke."
    assert kind.__doc__


def test_exit_codes_are_small_and_no_command_line_confuses_them():
    codes = {kind.__name__: kind.exit_code for kind in KINDS}
    assert codes.pop("Interrupted") == 130, "as a shell says it"
    assert all(0 < code < 20 for code in codes.values())
    shared = {"SourceError", "StreamGap"}  # both mean that the source cannot be used
    rest = [code for name, code in codes.items() if name not in shared]
    assert len(set(rest)) == len(rest)


def test_the_list_in_the_module_names_every_kind():
    assert errors.__doc__ is not None
    for kind in KINDS:
        assert f"`{kind.__name__}`" in errors.__doc__
