"""RAVDESS by EmoBox' folds: the actors of a fold are heard by nobody, whatever actors are there."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from core.encoders.audio import AudioEncoder
from core.window import Tokens
from train.evaluation import emobox
from train.evaluation.emobox import FOLDS, emobox_ravdess


def test_the_folds_are_all_actors_once():
    assert sorted(actor for fold in FOLDS for actor in fold) == list(range(1, 25))


@pytest.fixture
def voices(monkeypatch, tmp_path):
    """Clips of ten actors; tokens tell the emotion, or the actor only."""

    def write(told: str) -> None:
        folder = tmp_path / "ravdess_speech"
        folder.mkdir()
        for actor in range(1, 11):
            for emotion in range(1, 9):
                (folder / f"03-01-{emotion:02d}-01-01-01-{actor:02d}.flac").touch()

        def tokens(path, voice, encoder) -> Tokens:
            _, _, emotion, *_, actor = path.stem.split("-")
            place = int(emotion) if told == "emotion" else int(actor) % 8
            rng = np.random.default_rng(int(actor) * 10 + int(emotion))
            values = np.zeros((12, 512), np.float32)
            values[:, :12] = 0.3 * rng.standard_normal((12, 12))
            values[:, place] += 4.0
            return Tokens(values, np.arange(12, dtype=np.float32))

        monkeypatch.setattr(emobox, "utterance_tokens", tokens)

    monkeypatch.setattr(emobox, "SileroVoice", lambda path: None)
    monkeypatch.setattr(AudioEncoder, "published", classmethod(lambda cls, weights: SimpleNamespace()))
    return write


def test_emotions_that_can_be_heard_are_heard_in_actors_never_heard(voices, tmp_path):
    voices("emotion")
    found = emobox_ravdess(tmp_path, lambda name: tmp_path)
    assert (found.n, found.actors) == (80, 10)
    assert len(found.voice) == 6  # one of the ten actors at least in each fold
    assert found.as_dict()["voice_mean"] > 0.95
    assert found.both == ()


def test_a_voice_that_tells_the_actor_alone_is_worth_no_more_than_a_constant(voices, tmp_path):
    voices("actor")
    assert emobox_ravdess(tmp_path, lambda name: tmp_path).as_dict()["voice_mean"] == pytest.approx(
        0.125, abs=0.08
    )
