"""A network of one fixed shape serves any number of rows and any shorter text."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.backends.fixed import FixedShape


@given(rows=st.integers(1, 5), pieces=st.integers(1, 8), seed=st.integers(0, 99))
def test_rows_and_lengths_come_back_as_they_went_in(rows, pieces, seed):
    seen = []

    def run(inputs):
        seen.append([x.shape for x in inputs])
        ids, mask = inputs
        return [(ids * mask)[..., None].astype(np.float32) * np.ones(3, np.float32)]

    rng = np.random.default_rng(seed)
    ids, mask = rng.integers(1, 9, (rows, pieces)), rng.random((rows, pieces)) < 0.5
    [tokens] = FixedShape("text", run, [(1, 8), (1, 8)])(ids, mask)
    np.testing.assert_array_equal(tokens, np.repeat((ids * mask)[..., None], 3, axis=2))
    assert seen == [[(1, 8), (1, 8)]] * rows


def test_outputs_are_copied_out_of_buffers_that_are_used_again():
    buffer = np.zeros((1, 2), np.float32)

    def run(inputs):
        buffer[:] = inputs[0]
        return [buffer]

    given_ = np.arange(6, dtype=np.float32).reshape(3, 2)
    np.testing.assert_array_equal(FixedShape("visual", run, [(1, 2)])(given_)[0], given_)


def test_without_shapes_only_the_rows_are_split():
    run = FixedShape("text", lambda inputs: [inputs[0][..., None]], None)
    assert run(np.zeros((2, 5)))[0].shape == (2, 5, 1)


def test_an_input_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"\(1, 9\) does not fit into \(1, 8\)"):
        FixedShape("text", lambda x: x, [(1, 8)])(np.zeros((1, 9)))
