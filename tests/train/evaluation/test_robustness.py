"""Worse conditions: noise, word errors, lost faces."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import soundfile

from core.inputs import SAMPLE_RATE
from core.window import Tokens
from train.corpora.base import ClipExample, TextExample, labels_of
from train.encoding.corpus import EncodingContext
from train.evaluation import robustness
from train.evaluation.prepared_split import PreparedSplit
from train.evaluation.robustness import (
    NoisyClips,
    TextsWithWordErrors,
    under_conditions,
    with_noise,
    with_word_errors,
    without_faces,
)
from train.testing import corpus


@pytest.mark.parametrize("snr_db", [20.0, 10.0, 0.0])
def test_noise_has_the_power_that_was_asked_for(snr_db):
    samples = np.sin(np.arange(16_000) / 10).astype(np.float32)
    noise = with_noise(samples, snr_db, np.random.default_rng(0)) - samples
    assert 10 * np.log10(np.mean(samples**2) / np.mean(noise**2)) == pytest.approx(snr_db, abs=0.2)
    assert not with_noise(np.zeros(10, np.float32), snr_db, np.random.default_rng(0)).any()


@pytest.mark.parametrize("rate", [0.0, 0.2, 0.4])
def test_words_are_in_error_at_the_rate_that_was_asked_for(rate):
    words = [f"w{i}" for i in range(4000)]
    heard = with_word_errors(words, rate, ["other"], np.random.default_rng(0))
    kept = sum(word != "other" for word in heard)
    substituted_or_left_out = len(words) - kept
    inserted = len(heard) - kept - round(0.65 * rate * len(words))
    assert (substituted_or_left_out + inserted) / len(words) == pytest.approx(rate, abs=0.03)
    if rate == 0:
        assert heard == words


def test_lost_faces_leave_labels_and_other_modalities_alone():
    tokens = corpus("paired", ("audio", "visual"), examples=200)
    left = without_faces(tokens, 0.6)
    before, after = tokens.tokens["visual"].lengths.sum(), left.tokens["visual"].lengths.sum()
    assert after / before == pytest.approx(0.4, abs=0.06)
    assert left.tokens["audio"] is tokens.tokens["audio"]
    assert (left.ids, len(left)) == (tokens.ids, len(tokens))
    assert (left.tokens["visual"].lengths == 0).any()


def test_figures_under_lost_faces_say_how_many_examples_are_left(checkpoint, tmp_path):
    folder, spec = checkpoint
    tokens = corpus("directory", ("visual",), examples=100)
    prepared = PreparedSplit(folder, spec, [], tokens, np.full(100, -1), ())
    context = EncodingContext(folder, tmp_path, lambda name: tmp_path, lambda: folder)
    found = under_conditions(prepared, context, branch="fusion", point="default")
    assert list(found) == ["faces lost 30%", "faces lost 60%"]
    assert 100 > found["faces lost 30%"]["n"] > found["faces lost 60%"]["n"] > 0


def clip(folder, name: str = "one") -> ClipExample:
    path = folder / f"{name}.wav"
    soundfile.write(path, np.sin(np.arange(SAMPLE_RATE) / 20).astype(np.float32), SAMPLE_RATE)
    return ClipExample(name, "ravdess", "actor 1", "test", labels_of({"anger": 1.0}), path, "anger")


def test_every_run_hears_the_same_noise_and_the_cache_can_tell_it_apart(tmp_path, monkeypatch):
    heard = []
    monkeypatch.setattr(
        robustness,
        "speech_tokens",
        lambda samples, *_: heard.append(samples) or Tokens(samples[:1, None], samples[:1]),
    )
    monkeypatch.setattr(robustness.EncodeClips, "__init__", lambda self, folder, locate: None)
    example = clip(tmp_path)
    loud, quiet = (NoisyClips.__new__(NoisyClips) for _ in range(2))
    for encoder, snr_db in ((loud, 0.0), (quiet, 20.0)):
        NoisyClips.__init__(encoder, tmp_path, lambda name: tmp_path, snr_db)
        encoder._voice = encoder._encoder = None
    loud([example])
    loud([example])
    quiet([example])
    np.testing.assert_array_equal(heard[0], heard[1])
    assert np.abs(heard[0]).max() > np.abs(heard[2]).max()
    assert loud.content(example) != quiet.content(example)


def test_a_misheard_text_depends_on_the_example_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(robustness.EncodeTexts, "__init__", lambda self, folder, locate: None)
    encoder = TextsWithWordErrors(tmp_path, lambda name: tmp_path, 0.4, ["other"])
    text = " ".join(f"w{i}" for i in range(50))
    one = TextExample("1", "xed", "1", "test", labels_of({}), text)
    assert encoder.text(one) == encoder.text(one) != text
    assert encoder.text(replace(one, id="2")) != encoder.text(one)
    assert encoder.content(one) == encoder.text(one).encode()
