"""A token that stays the same over launches: viewers come in with it, and nobody else learns it."""

from __future__ import annotations

import logging
import os
import stat

import pytest

from core.errors import FeedError
from realtime.config import FeedConfig
from realtime.feed.auth import Tokens
from realtime.feed.sink import FeedSink, tokens_of
from realtime.feed.token_file import token_of
from tests.contracts.test_sinks import full_disk
from tests.realtime.feed.feedside import asynchronous, joined, watching

TOKEN = "a-token_of-my-own-0123456789-abcdefghij"
posix = pytest.mark.skipif(os.name != "posix", reason="modes of files mean nothing here")


def written(path, text, mode=0o600):
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


@asynchronous
async def test_a_viewer_comes_in_with_the_same_token_after_a_restart_and_controls_nothing(
    tmp_path, conversation
):
    path = tmp_path / "token"
    shown = []
    for _ in range(2):
        sink = FeedSink.configured(FeedConfig(port=0, token_file=path))
        try:
            sink.write(conversation[0], 0)
            async with joined(sink) as viewer:
                assert viewer.identified["rights"] == ["view"]
            shown.append((sink.tokens.view, sink.tokens.control, sink.tokens.ingest))
        finally:
            sink.close()
    (view, control, ingest), again = shown
    assert view == again[0] == path.read_text().strip()
    assert len({view, control, ingest, *again}) == 5


@asynchronous
async def test_a_token_of_one_s_own_can_be_put_there(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    sink = FeedSink.configured(FeedConfig(port=0, token_file=written(tmp_path / "token", f"{TOKEN}\n")))
    try:
        async with watching(sink) as viewer:
            assert viewer.identified["type"] == "identified"
        assert sink.page_url.endswith(f"#token={TOKEN}")
    finally:
        sink.close()
    assert TOKEN not in caplog.text
    assert TOKEN not in repr(tokens_of(FeedConfig(token_file=tmp_path / "token")))


@posix
def test_the_file_is_made_for_its_owner_alone_whatever_the_mask(tmp_path):
    before = os.umask(0)
    try:
        token = token_of(tmp_path / "token")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "token").stat().st_mode) == 0o600
    assert token == token_of(tmp_path / "token")
    assert len(token) >= 43


@posix
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666, 0o620])
def test_a_file_that_others_can_read_is_refused_and_its_token_is_not_shown(tmp_path, mode):
    with pytest.raises(FeedError, match=r"can be read by others.*chmod 600") as caught:
        token_of(written(tmp_path / "token", TOKEN, mode))
    assert TOKEN not in str(caught.value)


@posix
def test_a_file_of_somebody_else_is_refused(tmp_path, monkeypatch):
    path = written(tmp_path / "token", TOKEN)
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    with pytest.raises(FeedError, match="belongs to somebody else"):
        token_of(path)


@pytest.mark.parametrize(
    "text", ["", "short", "x" * 31, "x" * 257, "two words " * 5, f"{TOKEN}\n{TOKEN}", "ä" * 40]
)
def test_what_is_no_token_is_refused_and_not_shown(tmp_path, text):
    with pytest.raises(FeedError, match=r"holds no token.*Delete it") as caught:
        token_of(written(tmp_path / "token", text))
    assert not text or text not in str(caught.value)


def test_where_no_file_can_be_the_place_is_named(tmp_path):
    for path in (tmp_path, tmp_path / "absent" / "token"):
        with pytest.raises(FeedError) as caught:
            token_of(path)
        assert caught.value.where == str(path)


def test_without_a_file_every_launch_draws_its_own():
    assert tokens_of(FeedConfig()).view != tokens_of(FeedConfig()).view
    assert Tokens.drawn(TOKEN).rights(TOKEN) == ("view",)


def test_a_full_disk_is_told_and_leaves_no_empty_file_that_would_keep_the_next_launch_from_starting(tmp_path):
    path = tmp_path / "token"
    with full_disk(room=0), pytest.raises(FeedError, match="cannot be written"):
        token_of(path)
    assert not path.exists()
    assert token_of(path) == token_of(path)
