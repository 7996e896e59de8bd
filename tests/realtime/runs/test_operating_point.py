"""A run uses the operating point that its configuration names, for the networks and for what it says."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest

from core.errors import ConfigError
from core.spec import BranchCalibration, OperatingPoint
from realtime.config import resolve
from realtime.runs import replay
from tests.core.fakes import spec

POINT = OperatingPoint(
    fusion={"text": BranchCalibration(temperature=(2.0,) * 7, bias=(1.0,) * 7)},
    peers={},
    abstain_below=0.3,
    examples=10,
    sources=5,
)


class Loaded(Exception):
    pass


@pytest.fixture
def loaded_for(monkeypatch):
    """A function: assignments -> the specification that the networks are loaded with."""
    base = spec()
    points = base.calibration.model_copy(update={"operating_points": {"forum": POINT}})
    whole = base.model_copy(update={"calibration": points})

    def load(found, *_):
        raise Loaded(found)

    monkeypatch.setattr(replay, "prepare", lambda *_: (whole, Path()))
    monkeypatch.setattr(replay, "load_worker_threads", load)
    monkeypatch.setattr(replay, "_open", lambda *_: nullcontext())

    def run(*assignments: str):
        with pytest.raises(Loaded) as caught:
            replay.run_replay(
                Path("film.mp4"), resolve(None, {"feed.enabled": False}, list(assignments)), console=False
            )
        return whole, caught.value.args[0]

    return run


def test_without_a_word_it_is_the_default(loaded_for):
    whole, found = loaded_for()
    assert found is whole


def test_a_named_point_replaces_the_calibration(loaded_for):
    whole, found = loaded_for("operating_point=forum")
    assert found.calibration.fusion["text"] == POINT.fusion["text"]
    assert found.calibration.fusion["audio"] == whole.calibration.fusion["audio"]
    assert found.calibration.abstain_below == 0.3


def test_an_unknown_point_is_answered_with_those_of_the_checkpoint(loaded_for, monkeypatch):
    with pytest.raises(ConfigError, match=r"'forun'.*default, forum"):
        replay.run_replay(
            Path("film.mp4"), resolve(None, {"feed.enabled": False}, ["operating_point=forun"]), console=False
        )
