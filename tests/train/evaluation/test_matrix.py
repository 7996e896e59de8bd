"""The cross-corpus matrix: labels in common, every operating point."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from core.errors import ConfigError
from core.labels import EMOTIONS
from train.evaluation.matrix import cross_corpus, table
from train.evaluation.prepared_split import PreparedSplit
from train.metrics import single_answers
from train.testing import corpus


def reader(spec, **labels):
    def prepared(folder, name):
        tokens = corpus(name, ("text",), examples=40, seed=len(name))
        known = np.tile([e in labels.get(name, EMOTIONS) for e in EMOTIONS], (40, 1))
        tokens = replace(tokens, known=known)
        return PreparedSplit(folder, spec, [], tokens, single_answers(tokens.targets, tokens.known), ())

    return prepared


def test_every_point_is_judged_on_every_corpus_on_the_labels_in_common(checkpoint):
    folder, spec = checkpoint
    asked = {"talk": ("anger", "fear", "neutral"), "letters": ("fear", "anger", "disgust")}
    found = cross_corpus([folder], ["talk", "letters"], "test", reader(spec, **asked))
    assert found.labels == ("anger", "fear")
    assert [row.operating_point for row in found.rows] == ["default", "talk"]
    assert all(set(row.corpora) == {"talk", "letters"} for row in found.rows)
    assert found.rows[0].corpora["letters"]["ece"] != found.rows[1].corpora["letters"]["ece"]
    assert json.loads(json.dumps(found.as_dict()))["labels"] == ["anger", "fear"]
    assert table(found).row_count == 2


def test_corpora_without_a_common_label_are_refused(checkpoint):
    folder, spec = checkpoint
    with pytest.raises(ConfigError, match="no label in common"):
        cross_corpus([folder], ["a", "b"], "test", reader(spec, a=("anger",), b=("fear",)))
