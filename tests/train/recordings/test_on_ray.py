"""Ray gives what one process gives: a cluster of two workers on this machine."""

from __future__ import annotations

import sys
import time

import numpy as np
import pytest

from core.errors import NotAvailable, WeightsError
from tests.train.small_checkpoint import write_checkpoint
from train.corpora.base import labels_of
from train.corpora.recordings import RecordingExample
from train.recordings.cutting import Recipe
from train.recordings.encoding import encode_recordings
from train.recordings.on_ray import import_ray, join, on_ray
from train.recordings.processes import in_this_process
from train.recordings.testing import Absent, MadeUpLoader, write_sound


@pytest.fixture
def checkpoint(tmp_path):
    write_checkpoint(tmp_path / "checkpoint")
    return tmp_path / "checkpoint"


@pytest.fixture
def examples(tmp_path):
    paths = [write_sound(tmp_path / f"{name}.wav", (0.5, 1.5), seconds=2.0) for name in "abc"]
    paths.append(tmp_path / "missing.wav")
    labels = labels_of({"fear": 1.0})
    return [RecordingExample(p.stem, "mine", "s", "train", labels, p, 0.0, None, "s") for p in paths]


@pytest.fixture(scope="module")
def cluster():
    """Two workers on this machine. On a very busy one Ray gives up after 30 s: then again, for longer."""
    from ray._private import node

    for patience in (1, 2, 4):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(node, "time", SlowClock(patience))  # the 30 s cannot be configured
            try:
                assert join("local", 2)
                break
            except NotAvailable as error:
                if "not up within 30 s" not in error.what or patience == 4:
                    raise
    yield
    import_ray().shutdown()


class SlowClock:
    """`time`, but it takes `times` as long until 30 s are over."""

    def __init__(self, times):
        self._times = times

    def __getattr__(self, name):
        return getattr(time, name)

    def monotonic(self):
        return time.monotonic() / self._times


@pytest.mark.usefixtures("cluster")
def test_two_workers_of_a_cluster_give_what_one_process_gives(checkpoint, examples, tmp_path):
    recipe = Recipe(MadeUpLoader(), checkpoint, "base", None)
    here, told = encode_recordings(examples, recipe, in_this_process, tmp_path / "here", lenient=True)
    there, said = encode_recordings(examples, recipe, on_ray("local", 2), tmp_path / "there", lenient=True)
    assert told == said
    assert [e.id for e in here] == [e.id for e in there] == ["a", "b", "c"]
    for one, two in zip(here, there, strict=True):
        assert one.tokens.keys() == two.tokens.keys() == {"text", "audio"}
        assert all(np.array_equal(one.tokens[m].values, two.tokens[m].values) for m in one.tokens)
    names = [sorted(p.name for p in (tmp_path / n).rglob("*.npz")) for n in ("here", "there")]
    assert names[0] == names[1]
    with pytest.raises(WeightsError, match="models pull x"):
        encode_recordings(
            examples[:1], Recipe(Absent(), checkpoint, "base", None), on_ray("local", 1), tmp_path
        )


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (Exception("The current node timed out during startup. This could"), "not up within 30 s.*Run this"),
        (ConnectionError("Could not find any running Ray instance."), "no Ray cluster answers.*ray start"),
    ],
)
def test_a_cluster_that_does_not_start_says_what_to_do(monkeypatch, error, words):
    class Ray:
        down = False

        def is_initialized(self):
            return False

        def init(self, **told):
            raise error

        def shutdown(self):
            self.down = True

    monkeypatch.setattr("train.recordings.on_ray.import_ray", Ray)
    with pytest.raises(NotAvailable, match=words) as caught:
        join("local", 2)
    assert caught.value.where == "local"


def test_any_other_failure_of_ray_is_not_hidden(monkeypatch):
    class Ray:
        def is_initialized(self):
            return False

        def init(self, **told):
            raise KeyError("a defect")

    monkeypatch.setattr("train.recordings.on_ray.import_ray", Ray)
    with pytest.raises(KeyError, match="a defect"):
        join("local", 2)


def test_without_ray_it_is_told_how_to_get_it(checkpoint, examples, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(NotAvailable, match=r"pip install 'emotrack\[ray\]'"):
        encode_recordings(
            examples[:1], Recipe(MadeUpLoader(), checkpoint, "base", None), on_ray("auto", 1), tmp_path
        )
