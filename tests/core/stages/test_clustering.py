import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.stages.clustering import group, most_likely_path

DIRECTIONS = np.eye(8, dtype=np.float32)


def around(direction, count, seed):
    rng = np.random.default_rng(seed)
    found = DIRECTIONS[direction] + 0.12 * rng.standard_normal((count, 8))
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


@given(st.lists(st.integers(1, 12), min_size=1, max_size=4), st.integers(0, 1000))
def test_clear_voices_are_found_whatever_their_order(sizes, seed):
    windows = np.concatenate([around(i, size, seed + i) for i, size in enumerate(sizes)])
    voices = np.repeat(np.arange(len(sizes)), sizes)
    order = np.random.default_rng(seed).permutation(len(windows))
    labels = group(windows[order], np.ones(len(windows), np.float32), link=0.45)
    for label in set(labels):
        assert len(set(voices[order][labels == label])) == 1


def test_a_mean_of_windows_counts_as_those_windows():
    windows = np.concatenate([around(0, 6, 1), around(1, 6, 2)])
    means = np.stack([windows[:6].mean(axis=0), *windows[6:]])
    whole = group(windows, np.ones(12, np.float32), link=0.3)
    fewer = group(means, np.array([6, *[1] * 6], np.float32), link=0.3)
    assert len(set(whole)) == len(set(fewer)) == 2


def test_no_fewer_groups_than_there_are_people():
    windows = np.concatenate([around(0, 5, 3), around(0, 5, 4)])
    weights = np.ones(10, np.float32)
    assert len(set(group(windows, weights, link=0.2))) == 1
    assert len(set(group(windows, weights, link=0.2, at_least=3))) == 3


@given(
    st.integers(1, 6),
    st.integers(1, 3),
    st.floats(0, 1.5),
    st.integers(0, 10**6),
)
def test_the_path_is_the_best_of_all(count, voices, cost, seed):
    rng = np.random.default_rng(seed)
    likeness, entering = rng.uniform(-1, 1, (count, voices)), rng.uniform(-1, 0, voices)
    costs = np.full(count, cost)

    def worth(path):
        changes = sum(a != b for a, b in itertools.pairwise(path))
        return entering[path[0]] + sum(likeness[i, v] for i, v in enumerate(path)) - cost * changes

    best = max(worth(path) for path in itertools.product(range(voices), repeat=count))
    assert worth(most_likely_path(likeness, entering, costs)) == pytest.approx(best)
