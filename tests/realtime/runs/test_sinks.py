"""What surrounds a run: names that are no text, ports that are taken, signals, exit codes."""

from __future__ import annotations

import os
import signal
import socket
import threading

import pytest

from core.errors import FeedError, SinkError
from core.events import End
from core.wire import encode
from realtime.config import FeedConfig, ReplayConfig, RunConfig, resolve
from realtime.feed.control import RunControl
from realtime.runs.build import hello
from realtime.runs.sinks import check_feed, ending_signals, exit_code, interruptible, open_sinks
from realtime.sinks.run_folder import claim
from realtime.sources.memory import MemorySource
from tests.core import fakes

NOT_TEXT = os.fsdecode(b"caf\xe9")


def test_a_recording_and_a_folder_whose_names_are_no_text_make_a_run_like_any_other(tmp_path):
    out = tmp_path / NOT_TEXT
    config = resolve(None, {"run.out": out, "feed.enabled": False}, [])
    source = MemorySource([], streams=())
    source.name = f"recording {NOT_TEXT}.flv"
    greeting = hello(fakes.spec(), config, source)
    control = RunControl(threading.Event())
    sinks = open_sinks(config, control, console=False, pace=None, folders=claim(out))
    sinks.write(greeting, 0)
    sinks.write(End(1.0, "finished", 0, 0, 0, ()), 1)
    sinks.close()
    assert sinks.failures == {}
    assert greeting.source == "recording caf\N{REPLACEMENT CHARACTER}.flv"
    assert (out / "events.jsonl").read_text(encoding="utf-8").startswith(encode(greeting, 0))
    assert (out / "timeline.png").stat().st_size > 1000
    assert ReplayConfig.from_yaml(out / "config.yaml").run.out == out


def test_an_older_run_stays_when_the_port_is_taken(tmp_path):
    (tmp_path / "events.jsonl").write_text("yesterday")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        feed = FeedConfig(port=taken.getsockname()[1])
        with pytest.raises(FeedError, match="is in use by another program"):
            check_feed(feed)
        config = ReplayConfig(feed=feed, run=RunConfig(out=tmp_path))
        folders = claim(tmp_path, force=True)
        with pytest.raises(FeedError):
            open_sinks(config, RunControl(threading.Event()), console=False, pace=None, folders=folders)
    assert (tmp_path / "events.jsonl").read_text() == "yesterday"
    claim(tmp_path, force=True)[0].close()  # it was let go


def test_a_feed_that_is_not_wanted_needs_no_port():
    check_feed(FeedConfig(enabled=False, host="192.0.2.1"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_closed_terminal_ends_a_run_in_order_as_the_other_signals_do(number):
    interrupted = threading.Event()
    before = signal.getsignal(number)
    with interruptible(interrupted):
        os.kill(os.getpid(), number)
        assert interrupted.wait(10)
    assert signal.getsignal(number) == before


@pytest.mark.parametrize(("said", "shown"), [("ending ...\n", "ending ...\n"), ("", "")])
def test_that_a_run_ends_is_said_at_the_signal_itself(said, shown, capfd):
    interrupted = threading.Event()
    with interruptible(interrupted, said):
        assert capfd.readouterr().err == ""
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupted.wait(10)
        assert capfd.readouterr().err == shown


def test_a_run_that_is_to_outlive_its_terminal_does():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert signal.SIGHUP not in ending_signals()
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize(
    ("reason", "failed", "code"),
    [
        ("finished", 0, 0),
        ("finished", 1, 9),
        ("interrupted", 0, 130),
        ("interrupted", 1, 9),
        ("failed", 1, 4),
    ],
)
def test_what_could_not_be_written_shows_in_the_exit_code(reason, failed, code):
    end = End(1.0, reason, 0, 0, 0, ())
    codes = {"finished": 0, "failed": 4, "interrupted": 130}
    assert exit_code(end, codes, [SinkError("is full.")] * failed) == code
