"""Recordings to tokens: nothing is computed twice, nothing computed is lost, mistakes name their row."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.errors import SourceError, WeightsError
from core.labels import EMOTIONS
from tests.train.small_checkpoint import write_checkpoint
from train.corpora.base import labels_of
from train.corpora.numeric import FeatureExample
from train.corpora.recordings import RecordingExample
from train.recordings.cache import load_cut, place_of, recipe_key
from train.recordings.cutting import Job, Recipe
from train.recordings.encoding import encode_recordings
from train.recordings.processes import in_processes, in_this_process
from train.recordings.testing import Absent, MadeUpLoader, write_sound

ROOT = Path(__file__).resolve().parents[3]


def example(path: Path, t0_s: float, t1_s: float | None, row: int = 0) -> RecordingExample:
    name = f"{path.stem}/{t0_s:g}"
    labels = labels_of({"fear": 1.0})
    return RecordingExample(
        name, "mine", path.stem, "train", labels, path, t0_s, t1_s, "s", row=f"labels.csv, line {row}"
    )


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    write_checkpoint(tmp_path / "checkpoint")
    return tmp_path / "checkpoint"


@pytest.fixture
def examples(tmp_path: Path) -> list[RecordingExample]:
    one = write_sound(tmp_path / "one.wav", (0.5, 1.5), (2.0, 3.5))
    two = write_sound(tmp_path / "two.wav", (0.2, 2.0))
    return [example(one, 0.5, 1.5, 2), example(two, 0.0, None, 3), example(one, 2.0, 3.5, 4)]


class Counting:
    """A runner in this process that remembers the jobs."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []

    def __call__(self, recipe, jobs):
        for number, result in in_this_process(recipe, jobs):
            self.jobs.append(jobs[number])
            yield number, result


def recipe(checkpoint: Path, **changes) -> Recipe:
    return replace(Recipe(MadeUpLoader(), checkpoint, "base", None), **changes)


def same(one: list[FeatureExample], two: list[FeatureExample]) -> bool:
    return [e.id for e in one] == [e.id for e in two] and all(
        a.tokens.keys() == b.tokens.keys()
        and all(np.array_equal(a.tokens[m].values, b.tokens[m].values) for m in a.tokens)
        for a, b in zip(one, two, strict=True)
    )


def test_every_stretch_becomes_an_example_with_its_labels_and_each_recording_is_read_once(
    checkpoint, examples, tmp_path
):
    run = Counting()
    found, findings = encode_recordings(examples, recipe(checkpoint), run, tmp_path / "cache")
    assert [job.path.name for job in run.jobs] == ["one.wav", "two.wav"]
    assert [(e.id, e.source, e.split) for e in found] == [(e.id, e.source, e.split) for e in examples]
    assert all(np.array_equal(e.labels.target, examples[0].labels.target) for e in found)
    assert set(found[0].tokens) == {"text", "audio"}
    assert found[0].tokens["audio"].values.dtype == np.float32
    assert findings.sentences() == []


def test_what_was_computed_is_never_computed_again(checkpoint, examples, tmp_path):
    first, second = Counting(), Counting()
    before, _ = encode_recordings(examples, recipe(checkpoint), first, tmp_path / "cache")
    relabelled = [replace(e, labels=labels_of({"anger": 1.0}), split="test") for e in examples]
    after, _ = encode_recordings(relabelled, recipe(checkpoint), second, tmp_path / "cache")
    assert second.jobs == []
    assert same(before, after)
    assert {e.split for e in after} == {"test"}
    assert after[0].labels.target[EMOTIONS.index("anger")] == 1


@pytest.mark.parametrize("change", ["sound", "stretch", "recogniser", "encoder"])
def test_what_the_tokens_depend_on_is_noticed(checkpoint, examples, tmp_path, change):
    encode_recordings(examples, recipe(checkpoint), Counting(), tmp_path / "cache")
    other = recipe(checkpoint)
    if change == "sound":
        write_sound(examples[1].path, (0.2, 3.0))
    elif change == "stretch":
        examples[1] = replace(examples[1], t1_s=1.9)
    elif change == "recogniser":
        other = recipe(checkpoint, whisper="tiny")
    else:
        text = (checkpoint / "spec.json").read_text().replace('"kind": "made-up"', '"kind": "other"')
        (checkpoint / "spec.json").write_text(text)
    run = Counting()
    encode_recordings(examples, other, run, tmp_path / "cache")
    names = [job.path.name for job in run.jobs]
    assert names == (["two.wav"] if change in ("sound", "stretch") else ["one.wav", "two.wav"])


def test_a_copy_of_a_recording_under_another_name_costs_nothing(checkpoint, examples, tmp_path):
    encode_recordings(examples, recipe(checkpoint), Counting(), tmp_path / "cache")
    moved = tmp_path / "three.wav"
    moved.write_bytes(examples[1].path.read_bytes())
    run = Counting()
    encode_recordings([replace(examples[1], path=moved)], recipe(checkpoint), run, tmp_path / "cache")
    assert run.jobs == []


def test_long_stretches_are_cut_into_parts_also_those_without_an_end(checkpoint, tmp_path):
    path = write_sound(tmp_path / "long.wav", *[(t, t + 0.8) for t in range(30)], seconds=30.0)
    found, _ = encode_recordings(
        [example(path, 0.0, None), example(path, 1.0, 14.0)],
        recipe(checkpoint),
        in_this_process,
        tmp_path / "cache",
    )
    assert [e.id for e in found] == ["long/0#0", "long/0#1", "long/0#2", "long/1#0", "long/1#1"]
    assert all(e.tokens["audio"].times_s.max() <= 12.0 for e in found)


# --- mistakes ----------------------------------------------------------------------------------------


@pytest.fixture
def damaged(examples, tmp_path) -> list[RecordingExample]:
    """Among good ones: a file that is none, one that is missing, one that is too short."""
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"this is no sound")
    return [
        example(broken, 0.0, 1.0, 5),
        *examples,
        example(tmp_path / "missing.wav", 0.0, 1.0, 6),
        example(examples[0].path, 3.0, 9.0, 7),
    ]


def test_mistakes_name_every_row_and_cost_nothing_of_the_rest(checkpoint, damaged, tmp_path):
    run = Counting()
    with pytest.raises(SourceError) as caught:
        encode_recordings(damaged, recipe(checkpoint), run, tmp_path / "cache")
    said = str(caught.value)
    assert "3 of 6 examples cannot be read" in said
    assert "labels.csv, line 5: broken.wav: cannot be decoded" in said
    assert "labels.csv, line 6: missing.wav: cannot be read (No such file or directory)" in said
    assert "labels.csv, line 7: one.wav: ends at 4.00 s, before the stretch" in said
    assert "--skip-unreadable" in said
    again = Counting()
    good = [e for e in damaged if e.path.name == "two.wav"]
    encode_recordings(good, recipe(checkpoint), again, tmp_path / "cache")
    assert again.jobs == []


def test_mistakes_can_be_left_out_and_are_listed(checkpoint, damaged, examples, tmp_path):
    found, findings = encode_recordings(
        damaged, recipe(checkpoint), in_this_process, tmp_path / "cache", lenient=True
    )
    assert [e.id for e in found] == [e.id for e in examples]
    assert len(findings.unusable) == 3
    assert "line 6: missing.wav" in findings.sentences()[0]


def test_silence_is_counted_and_left_out(checkpoint, tmp_path):
    path = write_sound(tmp_path / "quiet.wav", (0.5, 1.5))
    rows = [example(path, 0.4, 1.6), example(path, 2.0, 3.0)]
    found, findings = encode_recordings(rows, recipe(checkpoint), in_this_process, tmp_path / "cache")
    assert len(found) == 1
    assert findings.sentences() == ["In 1 examples nothing was heard or seen; they are left out."]


# --- processes ---------------------------------------------------------------------------------------


def test_processes_give_what_one_process_gives_and_tell_of_mistakes(checkpoint, damaged, tmp_path):
    one, first = encode_recordings(
        damaged, recipe(checkpoint), in_this_process, tmp_path / "one", lenient=True
    )
    two, second = encode_recordings(
        damaged, recipe(checkpoint), in_processes(2), tmp_path / "two", lenient=True
    )
    assert same(one, two)
    assert first == second
    files = [sorted(p.name for p in (tmp_path / n).rglob("*.npz")) for n in ("one", "two")]
    assert files[0] == files[1]
    assert files[0]


def test_an_absent_weight_is_told_as_such(checkpoint, examples, tmp_path):
    with pytest.raises(WeightsError, match="models pull x"):
        encode_recordings(examples, recipe(checkpoint, stages=Absent()), in_this_process, tmp_path / "cache")


KILLED = """
import sys
from pathlib import Path
from train.corpora.base import labels_of
from train.corpora.recordings import RecordingExample
from train.recordings.cutting import Recipe
from train.recordings.encoding import encode_recordings
from train.recordings.processes import in_this_process
from train.recordings.testing import MadeUpLoader

folder = Path(sys.argv[1])
labels = labels_of({"fear": 1.0})

def stuck(recipe, jobs):
    for number, result in in_this_process(recipe, jobs):
        if number == 2:
            print("two are done", flush=True)
            sys.stdin.read()
        yield number, result

rows = [
    RecordingExample(path.name, "mine", "s", "train", labels, path, 0.0, None, "s")
    for path in sorted(folder.glob("*.wav"))
]
encode_recordings(rows, Recipe(MadeUpLoader(), folder / "checkpoint", "base", None), stuck, folder / "cache")
"""


def test_a_killed_run_goes_on_where_it_was(checkpoint, tmp_path):
    paths = [write_sound(tmp_path / f"{name}.wav", (0.5, 1.5), seconds=2.0) for name in "abcd"]
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "two are done\n"
        process.send_signal(signal.SIGKILL)
    run = Counting()
    rows = [example(path, 0.0, None) for path in paths]
    found, _ = encode_recordings(rows, recipe(checkpoint), run, tmp_path / "cache")
    assert [job.path.name for job in run.jobs] == ["c.wav", "d.wav"]
    assert len(found) == 4


def test_a_stored_result_is_the_result(checkpoint, examples, tmp_path):
    knife = recipe(checkpoint).load()
    job = Job(examples[0].path, ((0.5, 1.5), (3.0, 9.0)))
    result = knife(job)
    place = place_of(job, recipe_key(recipe(checkpoint)), tmp_path)
    encode_recordings(
        [example(job.path, *span) for span in job.spans],
        recipe(checkpoint),
        in_this_process,
        tmp_path,
        lenient=True,
    )
    stored = load_cut(place)
    assert stored.spans[1] == result.spans[1]
    for modality, tokens in result.spans[0][0].items():
        assert np.array_equal(stored.spans[0][0][modality].values, tokens.values)
