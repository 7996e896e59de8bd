"""The ledger: it grows, it is whole after a crash, and it holds no content."""

from __future__ import annotations

import json
import os
import stat

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.errors import ConsentError
from realtime.consent.ledger import Entry, Ledger, ledger_path

GIVEN = Entry("2026-03-01T09:30:00Z", "Ada", "given", "personal", "0" * 16, "5f3a", "terminal")
names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "state" / "consent.jsonl")


def test_it_is_where_the_environment_or_the_platform_says(monkeypatch, tmp_path):
    monkeypatch.setenv("EMOTRACK_STATE", str(tmp_path))
    assert Ledger().path == ledger_path() == tmp_path / "consent.jsonl"
    monkeypatch.delenv("EMOTRACK_STATE")
    assert ledger_path().parts[-2:] == ("emotrack", "consent.jsonl")


def test_entries_come_back_as_they_were_and_nothing_is_ever_rewritten(ledger):
    assert list(ledger.entries()) == []
    ledger.append(GIVEN)
    before = ledger.path.read_bytes()
    withdrawn = Entry("2026-03-01T09:40:00Z", "Ada", "withdrawn", "personal", "0" * 16, "5f3a", "client")
    ledger.append(withdrawn)
    assert ledger.path.read_bytes().startswith(before)
    assert list(Ledger(ledger.path).entries()) == [GIVEN, withdrawn]


def test_a_line_has_who_when_what_text_what_for_and_nothing_else(ledger):
    ledger.append(GIVEN)
    line = json.loads(ledger.path.read_text(encoding="utf-8"))
    assert set(line) == {"at", "who", "decision", "purpose", "notice", "session", "means"}


@given(text=names)
@example(text="\x85")
@example(text="A\u2028B\nC\rD")
def test_a_name_can_be_anything(tmp_path_factory, text):
    ledger = Ledger(tmp_path_factory.mktemp("ledger") / "consent.jsonl")
    entry = Entry(GIVEN.at, text, "declined", "media", GIVEN.notice, "1", "option")
    ledger.append(entry)
    ledger.append(GIVEN)
    assert list(ledger.entries()) == [entry, GIVEN]


@given(cut=st.integers(1, 130), noise=st.binary(max_size=8))
def test_a_last_line_that_a_crash_has_damaged_costs_no_other(tmp_path_factory, cut, noise):
    ledger = Ledger(tmp_path_factory.mktemp("ledger") / "consent.jsonl")
    ledger.append(GIVEN)
    ledger.append(GIVEN)
    whole = ledger.path.read_bytes()
    lines = len(whole) // 2
    kept = whole[: lines + min(cut, lines - 2)] + noise.replace(b"\n", b"")
    ledger.path.write_bytes(kept)
    assert list(ledger.entries())[:1] == [GIVEN]
    last = Entry(GIVEN.at, "Grace", "given", "media", GIVEN.notice, "2", "terminal")
    ledger.append(last)
    assert list(ledger.entries())[-1] == last
    assert ledger.path.read_bytes().startswith(kept)


def test_it_is_on_the_disk_before_anything_else_happens_and_for_its_owner_only(ledger, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda file: synced.append(os.fstat(file).st_size))
    ledger.append(GIVEN)
    assert synced == [ledger.path.stat().st_size]
    assert stat.S_IMODE(ledger.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(ledger.path.parent.stat().st_mode) == 0o700


def test_a_ledger_that_cannot_be_written_or_read_is_an_error_that_says_what_to_do(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(ConsentError, match="EMOTRACK_STATE") as caught:
        Ledger(blocked / "consent.jsonl").append(GIVEN)
    assert caught.value.exit_code == 10
    with pytest.raises(ConsentError, match="cannot be read"):
        list(Ledger(tmp_path).entries())


def test_a_ledger_that_was_opened_to_others_is_closed_again(ledger):
    ledger.append(GIVEN)
    ledger.path.chmod(0o644)
    ledger.append(GIVEN)
    assert ledger.path.stat().st_mode & 0o777 == 0o600
