"""`collate`: padding to static shapes, the contract between training and the live loop."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.labels import MODALITIES
from core.window import Tokens, TokenShape, Window, collate

SHAPES = {"text": TokenShape(3, 2), "audio": TokenShape(4, 1), "visual": TokenShape(2, 5)}


def window(**counts: int) -> Window:
    tokens = {}
    for modality, count in counts.items():
        values = np.arange(1, count + 1, dtype=np.float32)[:, None].repeat(SHAPES[modality].width, axis=1)
        tokens[modality] = Tokens(values, np.arange(count, dtype=np.float32) + 0.5)
    return Window("p1", 0.0, 6.0, tokens)


def test_tokens_come_first_and_the_rest_is_zero_and_masked():
    batch = collate([window(text=2, visual=1)], SHAPES)
    assert batch.values["text"][0].tolist() == [[1, 1], [2, 2], [0, 0]]
    assert batch.times_s["text"][0].tolist() == [0.5, 1.5, 0.0]
    assert batch.mask["text"][0].tolist() == [True, True, False]
    assert not batch.mask["audio"].any()
    assert batch.available.tolist() == [[True, False, True]]


def test_of_too_many_tokens_the_newest_are_kept():
    batch = collate([window(audio=7)], SHAPES)
    assert batch.values["audio"][0, :, 0].tolist() == [4, 5, 6, 7]
    assert batch.times_s["audio"][0].tolist() == [3.5, 4.5, 5.5, 6.5]


def test_tokens_of_another_width_are_refused_by_name():
    wrong = Window("p1", 0.0, 1.0, {"audio": Tokens(np.zeros((1, 9), np.float32), np.zeros(1, np.float32))})
    with pytest.raises(ValueError, match="audio tokens are 9 wide, the model takes 1"):
        collate([wrong], SHAPES)


counts = st.dictionaries(st.sampled_from(MODALITIES), st.integers(1, 6))


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(counts, min_size=1, max_size=4))
def test_shapes_are_static_and_each_row_is_as_if_it_were_alone(rows):
    windows = [window(**row) for row in rows]
    batch = collate(windows, SHAPES)
    for modality, shape in SHAPES.items():
        assert batch.values[modality].shape == (len(rows), shape.length, shape.width)
        assert batch.values[modality].dtype == batch.times_s[modality].dtype == np.float32
        assert batch.mask[modality].dtype == np.bool_
        assert not batch.values[modality][~batch.mask[modality]].any()
        for row, one in enumerate(windows):
            alone = collate([one], SHAPES)
            np.testing.assert_array_equal(batch.values[modality][row], alone.values[modality][0])
            np.testing.assert_array_equal(batch.mask[modality][row], alone.mask[modality][0])
    expected = [[m in one.modalities for m in MODALITIES] for one in windows]
    assert batch.available.tolist() == expected


def test_modalities_of_a_window_are_named_in_canonical_order():
    assert window(visual=1, text=1).modalities == ("text", "visual")
