"""What a recipe does on voices never heard: what is left out stays out, and is counted right."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.errors import ConfigError
from core.labels import EMOTIONS
from train.corpora.base import ClipExample, labels_of
from train.encoders.audio import AudioTraining
from train.encoders.audio_data import Clip
from train.encoders.command import read_voice_recipe
from train.evaluation import unseen
from train.evaluation.unseen import LeftOut, fit_temperature, leave_of, measure_unseen, summarise

KNOWN = ("anger", "happiness", "sadness", "neutral")


def clips(corpus: str, people: int, each: int = 8, split: str = "train") -> list[Clip]:
    found = []
    for person in range(people):
        for number in range(each):
            name = KNOWN[number % len(KNOWN)]
            labels = labels_of({name: 1.0}, known=KNOWN)
            example = ClipExample(
                f"{corpus} {person} {number}",
                corpus,
                f"speaker {person}",
                split,
                labels,
                Path("none.wav"),
                name,
            )
            found.append(Clip(example, np.zeros(16_000, np.float16), (0, 16_000), labels.target))
    return found


def logits(chosen: list[Clip], scale: float, right: float, seed: int = 0) -> np.ndarray:
    """Of a predictor that is right in a share of the cases and as sure as `scale` says."""
    rng = np.random.default_rng(seed)
    rows = np.full((len(chosen), len(EMOTIONS)), -scale, np.float32)
    for row, clip in enumerate(chosen):
        truth = int(clip.target.argmax())
        other = EMOTIONS.index(KNOWN[(KNOWN.index(EMOTIONS[truth]) + 1) % len(KNOWN)])
        rows[row, truth if rng.random() < right else other] = scale
    return rows


def part(name: str, scale: float, right: float, people: int = 8) -> LeftOut:
    chosen = clips(name, people)
    return LeftOut(name, chosen, {"none": logits(chosen, scale, right)})


def test_the_table_holds_figures_intervals_and_constants():
    chosen = clips("nemo", 8)
    perfect, poor = logits(chosen, 3.0, 1.0), logits(chosen, 3.0, 0.0)
    found = summarise([LeftOut("nemo", chosen, {"none": poor, "all": perfect})], "corpora")
    none, everything = found.rows
    assert (none.history, none.uar, none.low, none.high) == ("none", 0.0, 0.0, 0.0)
    assert (everything.uar, everything.n, everything.speakers, everything.labels) == (1.0, 64, 8, 4)
    assert everything.constant == 0.25
    assert found.mean == {"none": 0.0, "all": 1.0}


def test_a_boastful_predictor_gets_a_high_temperature_and_an_honest_one_about_1():
    honest = float(np.log(0.9 / 0.1))  # two of four labels are right in .8, the others always
    assert fit_temperature([part("a", honest, 0.8)]) == pytest.approx(1.0, abs=0.2)
    assert fit_temperature([part("a", 3 * honest, 0.8)]) == pytest.approx(3.0, abs=0.6)


def test_a_corpus_gets_the_temperature_of_the_others():
    boastful, sure = part("a", 8.0, 0.6), part("b", 2.0, 1.0)
    first, second = summarise([boastful, sure], "corpora").rows
    assert first.temperature == fit_temperature([sure])
    assert second.temperature == fit_temperature([boastful])
    assert second.n_at_90 == 0
    assert second.precision_at_90 is None


def heard(monkeypatch, everything: list[Clip]) -> list[tuple[set[str], set[str]]]:
    """Measure without networks; gives what each training had: speakers of training, and of the rest."""
    seen: list[tuple[set[str], set[str]]] = []

    def learn(config, chosen, *given):
        assert config.temperature == 1.0
        names = {
            s: {f"{c.example.corpus} {c.example.source}" for c in chosen if (c.example.split == "test") == s}
            for s in (False, True)
        }
        seen.append((names[False], names[True]))
        return None, None

    monkeypatch.setattr(unseen, "SileroVoice", lambda path: None)
    monkeypatch.setattr(unseen, "read_clips", lambda *given: everything)
    monkeypatch.setattr(unseen, "learn_voices", learn)
    monkeypatch.setattr(unseen, "live_views", lambda model, chosen: chosen)
    monkeypatch.setattr(unseen, "predict", lambda model, held, *given: logits(held, 2.0, 0.9))
    return seen


CONFIG = AudioTraining.from_mapping(
    {"corpora": {"nemo": {}, "turev": {}, "korean": {}}, "baseline": {}, "temperature": 2.0}, where="test"
)
EVERYTHING = [
    *clips("nemo", 10),
    *clips("turev", 5),
    *clips("turev", 2, split="validation"),
    *clips("korean", 3, split="test"),
]


def test_a_corpus_that_is_left_out_is_heard_by_nobody(monkeypatch, tmp_path):
    seen = heard(monkeypatch, EVERYTHING)
    found = measure_unseen(CONFIG, tmp_path, tmp_path, lambda name: tmp_path)
    assert [{name.split()[0] for name in out} for _, out in seen] == [{"nemo"}, {"turev"}]
    for learned, out in seen:
        assert not learned & out
        assert not any(name.startswith("korean") for name in learned)  # a test part that nobody asked about
    assert [(row.corpus, row.history) for row in found.rows] == [
        ("nemo", "none"),
        ("nemo", "all"),
        ("turev", "none"),
        ("turev", "all"),
    ]
    assert sum(row.n for row in found.rows if row.history == "none") == 10 * 8 + 7 * 8


def test_each_speaker_is_left_out_exactly_once(monkeypatch, tmp_path):
    seen = heard(monkeypatch, EVERYTHING)
    found = measure_unseen(CONFIG, tmp_path, tmp_path, lambda name: tmp_path, leave="speakers")
    counted = [person for _, out in seen for person in out]
    assert len(counted) == len(set(counted)) == 10 + 5
    assert all(not learned & out for learned, out in seen)
    assert {row.corpus for row in found.rows} == {"nemo", "turev"}


def test_what_cannot_be_left_out_is_an_error(tmp_path):
    assert leave_of("speakers") == "speakers"
    with pytest.raises(ConfigError, match="corpora or speakers"):
        leave_of("words")
    with pytest.raises(ConfigError, match="no corpus 'ravdess'"):
        measure_unseen(CONFIG, tmp_path, tmp_path, lambda name: tmp_path, only=("ravdess",))


def test_a_recipe_is_read_from_its_own_file_and_from_a_preset(tmp_path):
    own, preset, text = tmp_path / "audio.yaml", tmp_path / "preset.yaml", tmp_path / "text.yaml"
    own.write_text("modality: audio\naudio: {epochs: 3}\n", encoding="utf-8")
    preset.write_text("name: x\naudio: audio.yaml\n", encoding="utf-8")
    text.write_text("modality: text\n", encoding="utf-8")
    assert read_voice_recipe(own, []).epochs == 3
    assert read_voice_recipe(preset, []).epochs == 3
    assert read_voice_recipe(own, ["audio.epochs=4"]).epochs == 4
    with pytest.raises(ConfigError, match="not for voices"):
        read_voice_recipe(text, [])
