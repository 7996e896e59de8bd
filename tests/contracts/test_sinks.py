"""What every sink promises, over the whole table."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from core.errors import ConfigError, EmotrackError, SinkError
from realtime.sinks.base import FanOut
from realtime.sinks.memory import MemorySink
from realtime.sinks.registry import RUN_FOLDER, SINKS, open_sink

FILES = {
    "jsonl": {"events.jsonl"},
    "memory": set(),
    "summary": {"summary.md", "summary.json"},
    "timeline": {"timeline.png"},
    "webvtt": {"transcript.vtt"},
}
WRITERS = sorted(name for name, files in FILES.items() if files)


@contextmanager
def full_disk(room: int) -> Iterator[None]:
    """No file can grow beyond `room` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("name", SINKS)
def test_a_sink_takes_a_whole_run_and_leaves_its_own_file_alone_behind(name, tmp_path, conversation):
    sink = open_sink(name, tmp_path / "run")
    for seq, event in enumerate(conversation):
        sink.write(event, seq)
    sink.close()
    sink.close()
    left = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert left == FILES[name]
    assert all((tmp_path / "run" / file).stat().st_size > 0 for file in left)


@pytest.mark.parametrize("name", SINKS)
@pytest.mark.parametrize("length", [0, 1, 20])
def test_a_run_that_is_interrupted_or_never_begins_can_be_closed(name, length, tmp_path, conversation):
    sink = open_sink(name, tmp_path)
    for seq, event in enumerate(conversation[:length]):
        sink.write(event, seq)
    sink.close()
    sink.close()


@pytest.mark.parametrize("name", WRITERS)
def test_a_folder_that_cannot_be_written_is_an_error_at_once_that_says_what_to_do(name, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(SinkError, match="--out") as caught:
        open_sink(name, blocked / "run")
    assert str(blocked) in str(caught.value)


@pytest.mark.parametrize("name", WRITERS)
def test_when_one_disk_is_full_the_fault_is_told_once_and_the_other_sinks_go_on(name, tmp_path, conversation):
    told: list[tuple[str, EmotrackError]] = []
    other = MemorySink()
    sinks = {name: open_sink(name, tmp_path), "memory": other}
    both = FanOut(sinks, on_fault=lambda who, error: told.append((who, error)))
    with full_disk(room=12):
        for seq, event in enumerate(conversation):
            both.write(event, seq)
        both.close()
    assert [who for who, _ in told] == [name]
    assert isinstance(told[0][1], SinkError)
    assert [event for event, _ in other.events] == conversation
    assert other.closed
    assert both.names == ()


def test_an_unknown_sink_is_refused_with_the_names_that_exist(tmp_path):
    with pytest.raises(ConfigError, match="jsonl"):
        open_sink("parquet", tmp_path)


def test_every_sink_of_the_run_folder_is_in_the_table_and_has_a_file():
    assert set(RUN_FOLDER) == set(WRITERS)
    assert set(FILES) == set(SINKS)


class Broken:
    """Fails with whatever it is given, when it is written to or when it is closed."""

    def __init__(self, error: Exception, *, late: bool) -> None:
        self.error, self.late = error, late

    def write(self, event, seq):
        if not self.late:
            raise self.error

    def close(self):
        raise self.error


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), "cannot be written (No space left on device)."),
        (OSError(errno.EIO, os.strerror(errno.EIO)), "cannot be written (Input/output error)."),
        (ValueError("the words that were said"), "failed (ValueError)."),
        (SinkError("is gone."), "is gone."),
    ],
)
def test_any_failure_of_one_output_is_told_once_without_content_and_the_others_get_all(
    error, said, late, conversation
):
    told, other = [], MemorySink()
    both = FanOut({"broken": Broken(error, late=late), "memory": other}, lambda *each: told.append(each))
    for seq, event in enumerate(conversation):
        both.write(event, seq)
    both.close()
    assert [(name, str(failure)) for name, failure in told] == [("broken", said)]
    assert [str(failure) for failure in both.failures.values()] == [said]
    assert [event for event, _ in other.events] == conversation
    assert other.closed
