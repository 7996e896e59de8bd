"""The history of a clip: other clips of its person, in any amount, the same on every machine."""

from __future__ import annotations

import numpy as np
import pytest

from core.errors import ConfigError
from core.stages.baseline import BaselineConfig
from core.window import Tokens
from train.data.token_set import Ragged, TokenSet
from train.encoding.history import drawn_amount, history_of, with_drawn_history, with_history

CONFIG = BaselineConfig(shrinkage_s=1e-9, horizon_s=1e9)
"""The whole mean of the history is taken off."""


def clips(values: dict[str, tuple[str, float]]) -> TokenSet:
    """One clip of two equal tokens for each name: its person, and the value of its tokens."""
    rows = [
        Tokens(np.full((2, 3), value, np.float32), np.zeros(2, np.float32)) for _, value in values.values()
    ]
    count = len(values)
    return TokenSet(
        "ravdess",
        tuple(values),
        tuple(person for person, _ in values.values()),
        ("test",) * count,
        np.zeros((count, 7), np.float32),
        np.ones((count, 7), np.bool_),
        {"audio": Ragged.of(rows, "timed")},
    )


SOME = clips({"a1": ("anna", 1.0), "a2": ("anna", 2.0), "a3": ("anna", 6.0), "b1": ("ben", 5.0)})


def heard(tokens: TokenSet) -> list[float]:
    return [float(tokens.tokens["audio"][row].values[0, 0]) for row in range(len(tokens))]


def test_all_history_is_the_mean_of_the_persons_other_clips():
    assert heard(with_history(SOME, CONFIG, "all")) == pytest.approx([1 - 4, 2 - 3.5, 6 - 1.5, 5])


def test_no_history_and_no_baseline_change_nothing():
    assert heard(with_history(SOME, CONFIG, "none")) == heard(SOME)
    assert with_history(SOME, None, "all") is SOME


def test_a_number_takes_so_many_other_clips_and_always_the_same():
    found = heard(with_history(SOME, CONFIG, 1))
    assert found[0] in (1 - 2, 1 - 6)
    assert found == heard(with_history(SOME, CONFIG, 1))
    assert heard(with_history(SOME, CONFIG, 9)) == heard(with_history(SOME, CONFIG, "all"))


def test_parts_of_one_clip_are_not_each_others_history():
    parts = clips({"a#0": ("anna", 1.0), "a#1": ("anna", 2.0), "c": ("anna", 4.0)})
    assert heard(with_history(parts, CONFIG, "all")) == pytest.approx([1 - 4, 2 - 4, 4 - 1.5])


def test_in_training_a_third_has_none_and_the_rest_anything_up_to_all():
    amounts = [drawn_amount(f"clip {number}", 40) for number in range(2000)]
    assert np.mean([amount == 0 for amount in amounts]) == pytest.approx(0.35, abs=0.04)
    assert set(amounts) >= {1, 2, 5, 40}
    assert max(amounts) == 40
    assert [drawn_amount(f"clip {number}", 0) for number in range(5)] == [0] * 5
    assert heard(with_drawn_history(SOME, CONFIG)) == heard(with_drawn_history(SOME, CONFIG))


@pytest.mark.parametrize(("text", "history"), [("none", "none"), ("all", "all"), ("12", 12)])
def test_what_somebody_writes(text, history):
    assert history_of(text) == history


def test_another_word_is_refused():
    with pytest.raises(ConfigError, match="no amount of history"):
        history_of("some")
