"""RAVDESS heard and seen: sound files beside OpenFace's action units, joined by take."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

import train.encoding.voice_tokens
from core.errors import SourceError
from core.window import Tokens
from train.corpora.ravdess_av import EIGHT, UNITS, WIDTH, read
from train.corpora.registry import ReadOptions, read_corpus
from train.encoding.corpus import EncodingContext, tokens_of
from train.encoding.voice_tokens import slower

CLIPS = ("03-01-02-01-01-01-01", "03-01-05-02-01-01-17", "03-01-08-01-02-01-15", "03-01-01-01-01-02-02")


def write(folder, clips=CLIPS, units=None, seen=CLIPS, field="clip"):
    folder.mkdir(exist_ok=True)
    for clip in clips:
        (folder / f"{clip}.flac").write_bytes(clip.encode())
    values = np.arange(len(seen) * WIDTH, dtype=np.float32).reshape(len(seen), WIDTH)
    names = np.array(["01" + clip[2:] for clip in seen])
    np.savez(folder / UNITS, **{field: names, "au": values if units is None else units})
    return folder


def test_sound_and_face_of_a_take_are_joined_whatever_the_first_field_says(tmp_path):
    examples = {e.id: e for e in read(write(tmp_path))}
    assert set(examples) == set(CLIPS)
    for row, clip in enumerate(CLIPS):
        units = examples[clip].tokens["visual"].values[0]
        raw = row * WIDTH + np.arange(WIDTH, dtype=np.float32)
        np.testing.assert_allclose(units[:17], np.sqrt(raw[:17]))
        np.testing.assert_allclose(units[17:], raw[17:])
        assert examples[clip].path.stem == clip


def test_calm_is_neutral_unless_the_label_space_has_it(tmp_path):
    folder = write(tmp_path)
    calm = next(e for e in read(folder) if e.id == CLIPS[0])
    assert calm.labels.target.tolist() == [0, 0, 0, 0, 0, 0, 1]
    calm = next(e for e in read(folder, space=EIGHT) if e.id == CLIPS[0])
    assert calm.labels.target.tolist() == [0, 0, 0, 0, 0, 0, 0, 1]
    assert calm.labels.available.all()


def test_actors_of_the_test_part_are_unseen(tmp_path):
    splits = {e.id: e.split for e in read_corpus("ravdess_av", write(tmp_path), ReadOptions(space=EIGHT))}
    assert [splits[clip] for clip in CLIPS] == ["train", "test", "validation", "train"]


def test_a_clip_without_action_units_is_heard_only(tmp_path):
    units = np.zeros((2, WIDTH), np.float32)
    units[1, 3] = np.nan  # the face was not tracked
    examples = read(write(tmp_path, units=units, seen=CLIPS[:2]))
    assert [e.id for e in examples if e.tokens] == [CLIPS[0]]


@pytest.mark.parametrize("wrong", [{"field": "name"}, {"units": np.zeros((4, 17), np.float32)}])
def test_action_units_of_another_form_are_refused_by_name(tmp_path, wrong):
    with pytest.raises(SourceError, match=UNITS):
        read(write(tmp_path, **wrong))


def test_means_over_spans_leave_out_spans_without_a_token():
    times_s = np.array([0.05, 0.15, 0.45, 1.05, 1.15], np.float32)
    found = slower(Tokens(np.arange(10, dtype=np.float32).reshape(5, 2), times_s), 0.5)
    np.testing.assert_allclose(found.values, [[2, 3], [7, 8]])
    np.testing.assert_allclose(found.times_s, [np.mean(times_s[:3]), 1.1], rtol=1e-6)


class Digests:
    """An encoder whose one token tells which file it heard."""

    timing = "timed"
    heard = 0

    def __init__(self, locate):
        pass

    def __call__(self, examples):
        Digests.heard += len(examples)
        return [
            Tokens(np.array([[self.content(e)[0]]], np.float32), np.zeros(1, np.float32)) for e in examples
        ]

    def content(self, example):
        return hashlib.sha256(example.path.read_bytes()).digest()


def test_voice_and_face_stay_together_though_the_cache_sorts_by_split(tmp_path, monkeypatch):
    monkeypatch.setattr(train.encoding.voice_tokens, "EncodeVoices", Digests)
    examples = read_corpus("ravdess_av", write(tmp_path / "data"), ReadOptions(space=EIGHT))
    means = EncodingContext(tmp_path, tmp_path / "cache", lambda name: tmp_path, lambda: tmp_path)
    tokens, _ = tokens_of("ravdess_av", examples, means)
    assert tokens.splits == ("train", "train", "validation", "test")
    for row, clip in enumerate(tokens.ids):
        voice = tokens.tokens["audio"][row].values
        assert voice.tolist() == [[hashlib.sha256(clip.encode()).digest()[0]]]
        assert tokens.tokens["visual"][row].values[0, 20] == CLIPS.index(clip) * WIDTH + 20
    before = Digests.heard
    tokens_of("ravdess_av", examples, means)
    assert Digests.heard == before
