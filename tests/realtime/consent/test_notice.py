"""What people are told."""

from __future__ import annotations

from typing import get_args

import pytest

from core.labels import Purpose
from realtime.consent.notice import Notice, notice_for

PURPOSES = get_args(Purpose)


@pytest.mark.parametrize("purpose", PURPOSES)
def test_the_notice_says_what_for_what_is_kept_and_how_to_say_no_later(purpose):
    notice = notice_for(purpose)
    text = " ".join(notice.text.split())
    for words in (f"Purpose of this session: {purpose}.", "Nothing leaves this machine", "Ctrl-C", "Ctrl-\\"):
        assert words in text
    for words in ("within a second", "is deleted", "You may say no", "--out, --record", "often wrong"):
        assert words in text
    assert "You may say no" in " ".join(notice.others.split())


def test_at_work_the_notice_promises_what_the_policy_does_and_names_the_law():
    text = " ".join(notice_for("workplace").text.split())
    for words in ("No camera or screen is looked at", "Art. 5(1)(f)", "Art. 50(3)", "no legal advice"):
        assert words in text
    assert "voices and faces it estimates" not in text
    assert "from our words alone" in " ".join(notice_for("education").others.split())
    assert "our words, voices and faces" in " ".join(notice_for("media").others.split())


def test_a_version_stands_for_exactly_one_text():
    versions = {notice_for(purpose).version for purpose in PURPOSES}
    assert len(versions) == len(PURPOSES)
    assert all(len(version) == 16 and int(version, 16) >= 0 for version in versions)
    notice = Notice("media", "a", "b")
    assert notice.version == Notice("media", "a", "b").version
    assert len({notice.version, Notice("media", "ab", "").version, Notice("media", "a", "b.").version}) == 3


@pytest.mark.parametrize("purpose", PURPOSES)
def test_a_server_tells_of_its_clients_devices_and_not_of_this_machines(purpose):
    notice, here = notice_for(purpose, "clients"), notice_for(purpose)
    text = " ".join(notice.text.split())
    assert "clients of this server send" in text
    assert "of this machine that you configured" not in text
    assert "configured" in here.text
    assert notice.version != here.version
    assert notice.others == here.others
