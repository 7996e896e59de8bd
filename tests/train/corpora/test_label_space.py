import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ConfigError
from core.labels import EMOTIONS
from train.corpora.label_space import (
    DEFAULT,
    EXTRA_LABELS,
    OWN_LABELS,
    SHARED,
    LabelSpace,
    asked_by,
    in_common,
    moved,
    translated,
)


def named(space: LabelSpace, values: np.ndarray) -> dict[str, float]:
    return dict(zip(space.names, values.tolist(), strict=True))


def test_what_a_corpus_never_asked_for_is_not_available_rather_than_absent() -> None:
    labels = DEFAULT.of_corpus("mosei", {"happy": 1.0})
    assert not labels.available[DEFAULT.names.index("neutral")]
    assert named(DEFAULT, labels.target)["happiness"] == 1.0
    assert labels.available.sum() == 6


def test_labels_beyond_the_space_are_left_out() -> None:
    own = {"curiosity": 1.0, "fear": 1.0}
    assert named(DEFAULT, DEFAULT.of_corpus("emoreact", own).target)["fear"] == 1.0
    assert named(SHARED, SHARED.of_corpus("emoreact", own).target)["curiosity"] == 1.0
    assert SHARED.of_corpus("emoreact", own).available.sum() == 8


def test_a_label_that_the_corpus_does_not_have_is_named_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"'surprized'.*Did you mean surprise\?"):
        translated("elderreact", {"surprized": 1.0})


def test_a_label_without_counterpart_says_no_to_all_others() -> None:
    labels = DEFAULT.of_corpus("emotionlines", {"non-neutral": 1.0})
    assert labels.available.all()
    assert not labels.target.any()


@pytest.mark.parametrize("corpus", sorted(OWN_LABELS))
def test_every_table_leads_into_the_shared_vocabulary(corpus: str) -> None:
    assert set(asked_by(corpus)) <= set(SHARED.names)
    assert asked_by(corpus)


def test_excitement_counts_as_happiness_too() -> None:
    assert translated("iemocap", {"excited": 0.5, "happiness": 0.25}) == {
        "happiness": 0.75,
        "excitement": 0.5,
    }


def test_a_space_needs_different_labels() -> None:
    with pytest.raises(ConfigError, match="different"):
        LabelSpace(("fear", "fear"))


@given(st.permutations(SHARED.names), st.integers(1, 6), st.integers(0, 99))
def test_moving_there_and_back_loses_only_what_is_not_there(names: list[str], rows: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    other = LabelSpace(tuple(names[:8]))
    known = rng.random((rows, len(SHARED))) < 0.7
    targets = np.where(known, rng.random(known.shape), 0).astype(np.float32)
    there = moved(targets, known, SHARED, other)
    back_targets, back_known = moved(*there, other, SHARED)
    kept = np.array([name in other.names for name in SHARED.names])
    assert (back_known == known & kept).all()
    assert (back_targets == np.where(kept, targets, 0)).all()


def test_corpora_are_compared_on_the_labels_that_both_know() -> None:
    mosei = np.stack([SHARED.of_corpus("mosei", {}).available] * 2)
    emoreact = SHARED.of_corpus("emoreact", {}).available[None]
    assert in_common(SHARED, mosei, emoreact) == ("disgust", "fear", "happiness", "surprise")
    assert in_common(SHARED, emoreact)[-4:] == EXTRA_LABELS
    assert in_common(DEFAULT, np.ones((1, 7), bool)) == EMOTIONS
