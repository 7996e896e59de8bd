"""A run's folder: never over another run, never two at a time, for its owner alone, watched for room."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from core.errors import SinkError
from realtime.sinks.files import TextFile, create, make_folder, printable, replace_file
from realtime.sinks.run_folder import (
    LEAST_FREE_BYTES,
    LOW_BYTES,
    RunFolder,
    claim,
    launch_stamp,
    unused,
)
from tests.contracts.test_sinks import full_disk


@pytest.fixture(params=[0o000, 0o022, 0o777])
def any_umask(request):
    before = os.umask(request.param)
    yield
    os.umask(before)


def mode(path) -> int:
    return path.stat().st_mode & 0o777


def test_a_folder_with_a_run_is_refused_and_named_and_nothing_of_it_is_touched(tmp_path):
    (tmp_path / "events.jsonl").write_text("yesterday")
    (tmp_path / "report.html").write_text("about yesterday")
    with pytest.raises(SinkError, match=r"events.jsonl, report.html.*--force") as refused:
        RunFolder(tmp_path)
    assert refused.value.exit_code == 9
    assert (tmp_path / "events.jsonl").read_text() == "yesterday"
    RunFolder(tmp_path, force=True).close()  # the run did not begin: nothing was replaced
    assert (tmp_path / "events.jsonl").read_text() == "yesterday"


def test_with_force_the_older_run_goes_with_its_report_when_the_new_one_begins_and_other_files_stay(tmp_path):
    for name in ("events.jsonl", "timeline.png", "report.html", "report.png", "notes.txt"):
        (tmp_path / name).write_text("old")
    folder = RunFolder(tmp_path, force=True)
    folder.clear()
    folder.close()
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_recording_may_be_rerun_into_its_own_folder_and_a_second_one_is_refused_there(tmp_path):
    (tmp_path / "inputs.mcap").write_bytes(b"recorded")
    for folder in claim(tmp_path, force=True):
        folder.clear()
        folder.close()
    assert (tmp_path / "inputs.mcap").read_bytes() == b"recorded"
    with pytest.raises(SinkError, match=r"inputs\.mcap"):
        claim(None, tmp_path)


def test_a_folder_that_is_named_twice_is_taken_once(tmp_path):
    [folder] = claim(tmp_path / "run", tmp_path / "other" / ".." / "run")
    folder.close()


def test_a_second_process_is_refused_while_the_first_one_writes_and_let_in_afterwards(tmp_path):
    program = (
        "import sys; from pathlib import Path; from realtime.sinks.run_folder import RunFolder\n"
        "from core.errors import SinkError\n"
        "try: RunFolder(Path(sys.argv[1])).close()\n"
        "except SinkError as error: print(error); sys.exit(error.exit_code)"
    )

    def other() -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-c", program, str(tmp_path / "run")]
        return subprocess.run(words, capture_output=True, text=True, check=False)

    folder = RunFolder(tmp_path / "run")
    refused = other()
    assert (refused.returncode, "another run is being written there" in refused.stdout) == (9, True)
    folder.close()
    assert other().returncode == 0


def test_a_folder_that_was_made_for_a_run_that_never_began_goes_again(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.close()
    folder.close()
    assert not (tmp_path / "run").exists()


def test_without_room_no_run_begins_and_little_room_is_told_once(tmp_path, hello):
    with pytest.raises(SinkError, match="no room for a run: 16 MB"):
        RunFolder(tmp_path, free=lambda _: LEAST_FREE_BYTES - 1)
    now_s, left, told = [0.0], [LOW_BYTES], []
    folder = RunFolder(tmp_path, free=lambda _: left[0], clock=lambda: now_s[0], warn=told.append)
    for now_s[0], left[0] in ((6.0, LOW_BYTES), (7.0, 1), (12.0, 5_000_000), (20.0, 0)):
        folder.write(hello, 0)
    folder.close()
    assert told == [f"{tmp_path}: only 5 MB are left on this disk."]


def test_what_a_launch_writes_has_a_name_of_its_own(tmp_path):
    stamp = launch_stamp(datetime(2025, 1, 31, 12, 0, 5, tzinfo=UTC))
    assert stamp == "20250131T120005Z"
    for name in ("s1", "s1-2", "s1-3"):
        path = unused(tmp_path, "s1")
        assert path == tmp_path / name
        path.mkdir()


def test_files_and_folders_are_for_their_owner_alone_whatever_the_umask(tmp_path, any_umask):
    folder = tmp_path / "run"
    assert make_folder(folder)
    assert not make_folder(folder)
    os.close(create(folder / "a"))
    replace_file(folder / "b", b"b")
    TextFile(folder / "c").close()
    assert (mode(folder), *(mode(folder / name) for name in "abc")) == (0o700, 0o600, 0o600, 0o600)


def test_a_link_in_the_folder_is_replaced_and_what_it_points_to_stays(tmp_path):
    target = tmp_path / "target"
    target.write_text("precious")
    for name in ("a", "b", "c"):
        (tmp_path / name).symlink_to(target)
    os.close(create(tmp_path / "a"))
    replace_file(tmp_path / "b", b"new")
    TextFile(tmp_path / "c").close()
    assert target.read_text() == "precious"
    assert not any((tmp_path / name).is_symlink() for name in ("a", "b", "c"))


def test_a_file_that_does_not_fit_is_as_it_was_and_no_draft_is_left(tmp_path):
    path = tmp_path / "timeline.png"
    replace_file(path, b"old")
    with full_disk(room=100), pytest.raises(SinkError, match="cannot be written"):
        replace_file(path, b"n" * 1000)
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [("timeline.png", b"old")]


def test_a_line_that_does_not_fit_leaves_the_whole_lines_before_it(tmp_path):
    file = TextFile(tmp_path / "events.jsonl")
    file.append("first\n")
    with full_disk(room=9), pytest.raises(SinkError, match="cannot be written"):
        file.append("second\n")
    file.close()
    assert (tmp_path / "events.jsonl").read_text() == "first\n"


def test_a_rewritten_file_goes_on_behind_the_new_text(tmp_path):
    file = TextFile(tmp_path / "transcript.vtt")
    for step, text in ((file.append, "ab"), (file.rewrite, "c"), (file.append, "d")):
        step(text)
    file.close()
    assert (tmp_path / "transcript.vtt").read_text() == "cd"


def test_a_name_that_is_no_text_is_shown_with_a_mark_in_its_place():
    assert printable(os.fsdecode(b"caf\xe9.flv")) == "caf\N{REPLACEMENT CHARACTER}.flv"
    assert printable("naïve \N{GRINNING FACE}") == "naïve \N{GRINNING FACE}"
