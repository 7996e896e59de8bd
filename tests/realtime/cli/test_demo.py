"""The demo recording is one uninterrupted conversation out of six clips."""

from __future__ import annotations

import hashlib
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from core.errors import SourceError
from realtime.cli import demo
from realtime.cli.demo import ORDER, build_demo


@pytest.fixture(scope="module")
def pictures(demo_recording: Path) -> list[tuple[float, np.ndarray]]:
    """When each picture appears, and every picture reduced to a small grey one."""
    with av.open(str(demo_recording)) as container:
        return [
            (picture.time, picture.reformat(64, 48, format="gray").to_ndarray().astype(np.int16))
            for picture in container.decode(video=0)
        ]


@pytest.fixture(scope="module")
def loudness(demo_recording: Path) -> np.ndarray:
    """Root mean square of the sound in every 1/30 s."""
    with av.open(str(demo_recording)) as container:
        sound = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    steps = sound[: len(sound) // 1470 * 1470].reshape(-1, 1470)
    return np.sqrt((steps.astype(np.float64) ** 2).mean(axis=1))


def test_the_clips_are_the_six_of_the_manifest(demo_clips: Path):
    names = {path.name for path in demo_clips.glob("*.flv")}
    assert names == {f"1001_DFA_{emotion}_XX.flv" for emotion in ORDER}


def test_pictures_follow_each_other_every_thirtieth_of_a_second(pictures):
    times = [time for time, _ in pictures]
    assert times[0] == 0
    assert times[-1] == pytest.approx(19.0 - 1 / 30)
    assert {round(after - before, 6) for before, after in pairwise(times)} == {round(1 / 30, 6)}


def test_sound_has_no_hole_and_ends_with_the_picture(demo_recording):
    with av.open(str(demo_recording)) as container:
        frames = [(frame.pts, frame.samples) for frame in container.decode(audio=0)]
    assert frames[0][0] == 0
    assert all(before + samples == after for (before, samples), (after, _) in pairwise(frames))
    assert sum(frames[-1]) / 44_100 == pytest.approx(19.0, abs=0.025)


def test_six_utterances_are_separated_by_pauses_that_end_a_turn(loudness):
    silent = np.flatnonzero(loudness < 1e-4)
    pauses = [
        run for run in np.split(silent, np.flatnonzero(np.diff(silent) > 1) + 1) if len(run) >= 0.9 * 30
    ]
    assert len(pauses) == len(ORDER)


def test_the_picture_is_held_during_a_pause_and_moves_while_somebody_speaks(pictures, loudness):
    changes = np.array([np.abs(after - before).mean() for (_, before), (_, after) in pairwise(pictures)])
    spoken = loudness[1 : len(changes) + 1] > 0.01
    paused = loudness[1 : len(changes) + 1] < 1e-5
    assert changes[paused].mean() < 0.2 * changes[spoken].mean()


def test_sound_and_picture_of_a_clip_stay_together(demo_clips, loudness):
    """The loudest moment of the second clip comes as long after the clip's begin as in the clip itself."""
    with av.open(str(demo_clips / "1001_DFA_HAP_XX.flv")) as container:
        sound = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    whole = len(sound) // 1470
    original = np.sqrt((sound[: whole * 1470].reshape(-1, 1470) ** 2).mean(axis=1))
    begin = 62 + 30  # 2.064 s of the first clip on the grid, and the pause of one second
    part = loudness[begin : begin + whole]
    assert np.corrcoef(original, part)[0, 1] > 0.99


def test_the_licence_lies_beside_the_recording_and_a_copy_takes_it_along(demo_recording, tmp_path):
    copy = build_demo(tmp_path / "run")
    assert copy.read_bytes() == demo_recording.read_bytes()
    assert "Open Database License" in (tmp_path / "run" / demo.ATTRIBUTION_NAME).read_text()
    assert (demo_recording.parent / demo.ATTRIBUTION_NAME).exists()


def test_building_it_again_gives_the_same_bytes(demo_recording, demo_clips, tmp_path):
    again = tmp_path / "again.mp4"
    demo._join([demo_clips / f"1001_DFA_{emotion}_XX.flv" for emotion in ORDER], again)
    assert _sha256(again) == _sha256(demo_recording)


def test_a_built_recording_needs_neither_clips_nor_network(demo_recording, monkeypatch):
    def absent(name, **options):
        raise AssertionError(f"{name} was fetched")

    monkeypatch.setattr(demo, "fetch", absent)
    assert build_demo() == demo_recording


def test_a_folder_that_cannot_be_written_says_what_to_do(demo_recording, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SourceError, match="cannot be written"):
        build_demo(tmp_path / "file")


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
