"""Admission of a backend that changes the estimates: who is compared, and what is said."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core.backends.base import Unusable
from core.backends.compiled import Validation
from core.errors import ConfigError
from train.evaluation.backend_accuracy import BackendEncoder, admit, verdict


def test_a_runner_takes_an_encoders_place_texts_one_by_one():
    rows = []

    def run(ids, mask):
        rows.append(len(ids))
        return [np.where(mask, ids, 0)[..., None].astype(np.float32)]

    ids = torch.arange(6).reshape(2, 3)
    mask = torch.tensor([[True, True, False], [True, True, True]])
    tokens = BackendEncoder(run, one_by_one=True)(ids, mask)
    assert rows == [1, 1]
    assert tokens[..., 0].tolist() == [[0, 1, 0], [3, 4, 5]]
    assert BackendEncoder(run, one_by_one=False)(ids, mask).shape == (2, 3, 1)
    assert rows == [1, 1, 2]


@pytest.mark.parametrize(("ours", "said"), [(69.6, "0.40 points"), (69.0, "1.00 points")])
def test_the_verdict_follows_the_corpus_that_lost_most(ours, said):
    validation = Validation(eager={"a": 70.0, "b": 60.0}, compiled={"a": ours, "b": 61.0})
    sentence = verdict("onnx-int8", validation)
    assert said in sentence
    assert ("may not use" in sentence) == (validation.points_lost >= 0.5)


def test_a_backend_that_is_not_compiled_cannot_be_admitted(random_checkpoint, weights, tmp_path):
    known = {"data": tmp_path, "cache": tmp_path, "locate": weights, "root": tmp_path}
    with pytest.raises(Unusable, match="emotrack compile --backend onnx-int8"):
        admit(random_checkpoint, "onnx-int8", ["goemotions"], **known)
    with pytest.raises(ConfigError, match="nothing to admit"):
        admit(random_checkpoint, "onnx", ["goemotions"], **known)
