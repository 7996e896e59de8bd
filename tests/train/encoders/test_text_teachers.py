"""Teachers move the targets of what they learned from, and of nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from train.corpora.base import Labels, TextExample
from train.encoders import text_teachers

EVERYTHING = np.ones(7, np.bool_)


def example(name: str, corpus: str, split: str = "train") -> TextExample:
    target = np.zeros(7, np.float32)
    target[0] = 1.0
    return TextExample(name, corpus, name, split, Labels(target, EVERYTHING), "a text")


@pytest.fixture
def said(monkeypatch):
    """Two teachers: the first knows only goemotions, where it says .5 of everything; the second says .1."""

    def answer(texts, teacher, weights, tokenizer):
        rows = np.full((len(texts), 7), 0.5 if teacher.name == "first" else 0.1, np.float32)
        if teacher.name == "first":
            rows[[t.corpus != "goemotions" for t in texts]] = np.nan
        return rows

    monkeypatch.setattr(text_teachers, "_said", answer)


def taught(examples, *teachers: str, share: float = 0.5):
    return text_teachers.taught(examples, [Path(t) for t in teachers], share, Path(), None)


def test_targets_lie_between_the_label_and_the_mean_of_the_teachers_that_know_the_corpus(said):
    found = taught([example("a", "goemotions"), example("b", "emotionlines")], "first", "second")
    assert found[0].labels.target == pytest.approx([0.65, *[0.15] * 6])
    assert found[1].labels.target == pytest.approx([0.55, *[0.05] * 6])


def test_nobody_is_taught_by_a_teacher_that_does_not_know_the_corpus(said):
    (found,) = taught([example("b", "emotionlines")], "first")
    assert found.labels.target.tolist() == example("b", "emotionlines").labels.target.tolist()


def test_other_parts_and_unknown_labels_stay(said):
    held = example("a", "goemotions", "validation")
    partly = example("c", "goemotions")
    partly = replace(partly, labels=replace(partly.labels, available=np.arange(7) < 3))
    found = taught([held, partly], "second")
    assert found[0].labels.target.tolist() == held.labels.target.tolist()
    assert found[1].labels.target[3:].tolist() == [0.0] * 4


def test_without_teachers_nothing_changes():
    rows = [example("a", "goemotions")]
    assert taught(rows) == rows
