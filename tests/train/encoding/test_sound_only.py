"""The sound of one's own recordings is judged alone: no stage of the live loop is needed for sound files."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

import train.encoding.sound_only
from core.encoders import audio as audio_encoder
from core.errors import ConfigError, SourceError
from core.inputs import SAMPLE_RATE
from core.media.recording import RecordingSource
from tests.core.media.files import make
from tests.train.small_checkpoint import write_checkpoint
from train.encoding.corpus import RecordingWork, modalities_of
from train.encoding.sound_only import EncodeStretches
from train.evaluation.evaluate import evaluate_corpus
from train.recordings.testing import MadeUpLoader


class Loudness(EncodeStretches):
    """Tokens of how loud each tenth of a second is, without any weights."""

    def __init__(self, folder, locate, opened):
        self._opened = opened

    def __call__(self, examples):
        from core.window import Tokens

        found = []
        for example in examples:
            samples = self._samples(example)
            loud = np.abs(samples[: len(samples) // 1600 * 1600]).reshape(-1, 1600).mean(axis=1)
            values = np.repeat(loud[:, None], audio_encoder.WIDTH, axis=1).astype(np.float32)
            found.append(Tokens(values, np.arange(len(values), dtype=np.float32) / 10))
        return found


@pytest.fixture
def checkpoint(tmp_path, monkeypatch):
    monkeypatch.setattr(train.encoding.sound_only, "EncodeStretches", Loudness)
    folder = tmp_path / "checkpoint"
    write_checkpoint(folder)
    return folder


def sounds(folder, rows: list[str], seconds: float = 2.0) -> None:
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    for name in {row.split(",")[0] for row in rows}:
        samples = 0.1 * rng.standard_normal(round(seconds * SAMPLE_RATE)).astype(np.float32)
        soundfile.write(folder / name, samples, SAMPLE_RATE)
    table = ["path,start,end,speaker,split,anger,happiness", *rows]
    (folder / "labels.csv").write_text("\n".join(table) + "\n", encoding="utf-8")


def judge(checkpoint, data, cache, **options):
    return evaluate_corpus(
        checkpoint,
        "directory",
        data,
        "all",
        cache=cache,
        locate=None,
        resamples=0,
        modalities=("audio",),
        **options,
    )


def test_a_table_of_sound_files_is_judged_by_the_voice_without_the_live_loop(checkpoint, tmp_path):
    data = tmp_path / "data"
    sounds(data, ["a.wav,,,anna,,1,0", "b.wav,0.5,1.5,anna,,0,1", "c.wav,,,ben,,1,0"])
    report = judge(checkpoint, data, tmp_path / "cache")
    assert report.n == 3
    assert set(report.branches) == {"fusion", "audio"}
    assert set(report.patterns) == {"audio"}
    assert "n_at_90" in report.metrics


def test_a_long_stretch_gives_several_examples_as_live(checkpoint, tmp_path):
    data = tmp_path / "data"
    sounds(data, ["a.wav,,,anna,,1,0"], seconds=30.0)
    assert judge(checkpoint, data, tmp_path / "cache").n == 3


def test_history_changes_what_a_checkpoint_with_a_baseline_says(checkpoint, tmp_path):
    from core.spec import read_spec, write_spec
    from core.stages.baseline import BaselineConfig

    spec = read_spec(checkpoint)
    audio = spec.encoders["audio"]
    options = audio.options | BaselineConfig(0.01, 600.0).options()
    encoders = {**spec.encoders, "audio": audio.model_copy(update={"options": options})}
    write_spec(spec.model_copy(update={"encoders": encoders}), checkpoint)
    data = tmp_path / "data"
    sounds(data, [f"{n}.wav,,,anna,,{n % 2},{1 - n % 2}" for n in range(6)])
    found = {
        h: judge(checkpoint, data, tmp_path / "cache", history=h).metrics["brier"] for h in ("none", 1, "all")
    }
    assert found["none"] != found["all"]
    assert found["none"] != found[1]


def test_films_are_opened_as_the_live_loop_does(checkpoint, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    make(data / "a.mp4", seconds=1.2)
    (data / "labels.csv").write_text("path,speaker,anger\na.mp4,anna,1\n", encoding="utf-8")
    live = RecordingWork(MadeUpLoader(RecordingSource))
    assert judge(checkpoint, data, tmp_path / "cache", recordings=live).n == 1


def test_a_stretch_after_the_end_is_told_with_its_place(checkpoint, tmp_path):
    data = tmp_path / "data"
    sounds(data, ["a.wav,5,6,anna,,1,0"])
    with pytest.raises(SourceError, match="no sound from 5 s on"):
        judge(checkpoint, data, tmp_path / "cache")


def test_a_corpus_without_that_modality_is_an_error(checkpoint, tmp_path):
    sounds(tmp_path / "data", ["a.wav,,,anna,,1,0"])
    with pytest.raises(ConfigError, match="Known: text, audio, visual"):
        modalities_of("audio,smell")
    assert modalities_of("visual, text") == ("text", "visual")
