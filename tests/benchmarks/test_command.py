"""The verb bench: its figures have the keys that are promised, and are what they say."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks.cli import _median
from benchmarks.looping_source import LoopingSource
from core.inputs import SAMPLE_RATE, AudioChunk, EndOfStream
from realtime.sources.memory import MemorySource
from tests.command import emotrack
from tests.core.fakes import chunks, frames, merged


def test_the_median_is_taken_figure_by_figure():
    runs = [{"a": 1.0, "b": {"c": 10}, "n": "x"}, {"a": 3.0, "b": {"c": 30}}, {"a": 2.0, "b": {"c": 20}}]
    assert _median(runs) == {"a": 2.0, "b": {"c": 20}, "n": "x"}


def test_a_recording_played_over_and_over_has_no_gap_and_one_end():
    inputs = merged(chunks(np.ones(8_000, np.float32)), frames(0.0, 1.0, 1))
    source = LoopingSource(MemorySource(inputs), 3)
    # one round is 0.9 s long: the sound ends after 0.5 s, the last picture comes at 0.9 s
    audio = []
    times: dict[str, list[float]] = {"video": []}
    ends = []
    for item in source.inputs():
        if isinstance(item, AudioChunk):
            assert item.start_sample == (audio[-1].end_sample if audio else 0)
            audio.append(item)
        elif isinstance(item, EndOfStream):
            ends.append((item.stream, round(item.t_s, 3)))
        else:
            times["video"].append(item.t_s)
    assert times["video"] == sorted(times["video"])
    assert len(times["video"]) == 30
    assert sorted(ends) == [("audio", 2.7), ("video", 2.7)]
    assert audio[-1].end_sample == round(2.7 * SAMPLE_RATE)
    assert float(sum(np.sum(chunk.samples) for chunk in audio)) == 3 * 8_000


def test_the_figures_of_a_short_run_have_the_promised_keys(weights, demo_clips, tmp_path):
    for name in ("silero-vad", "yunet", "minilm", "whisper-base"):
        weights(name)
    out = tmp_path / "figures.json"
    clip = demo_clips / "1001_DFA_HAP_XX.flv"
    words = ["bench", "replay", str(clip), "--seconds", "1", "--language", "en", "--json", "--out", str(out)]
    done = emotrack(*words)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures == json.loads(out.read_text())
    assert set(figures) >= {"times_real_time", "peak_rss_mb", "stages", "whisper", "machine", "commit"}
    assert figures["whisper"] == "base"
    assert figures["times_real_time"] == pytest.approx(figures["stream_s"] / figures["wall_s"], rel=0.01)
    assert 100 < figures["peak_rss_mb"] < 1_200
    for kind in ("transcribe", "faces", "encode_visual", "encode_audio", "encode_text", "fuse"):
        stage = figures["stages"][kind]
        assert stage["count"] > 0
        assert 0 < stage["run_p50_ms"] <= stage["run_p95_ms"]
        assert stage["wait_p50_ms"] <= stage["wait_p95_ms"]
    assert all(0 < share <= 1.01 for share in figures["lanes"].values())
    assert 0 < figures["start_up"]["imports_s"] < figures["start_up"]["first_estimate_s"]
