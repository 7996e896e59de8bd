"""Grouping windows of speech by voice: agglomerative clustering with average linkage.

A window is an embedding of length 1, or the mean of several. The similarity of two groups is the mean of all
products between their windows, which is the product of their means: so old windows can be kept as means, and
the result stays the same.

Legend: N windows, E embedding width.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def group(
    windows: NDArray[np.float32],
    weights: NDArray[np.float32],
    *,
    link: float,
    at_least: int = 1,
) -> NDArray[np.intp]:
    """Join the two most similar groups until none are similar enough.

    Args:
        windows: (N, E), each of length 1, or a mean of such.
        weights: (N,) how many windows each stands for, > 0.
        link: similarity in [-1, 1] from which on two groups are one.
        at_least: no group is joined once there are so few.

    Returns:
        (N,) group of each window: the index of its first window.
    """
    count = len(windows)
    labels = np.arange(count)
    if count < 2:
        return labels
    sizes = weights.astype(np.float64)
    likeness = (windows @ windows.T).astype(np.float64)
    np.fill_diagonal(likeness, -np.inf)
    groups = count
    while groups > max(1, at_least):
        first, second = divmod(int(likeness.argmax()), count)
        if likeness[first, second] < link:
            break
        first, second = min(first, second), max(first, second)
        total = sizes[first] + sizes[second]
        joined = (likeness[first] * sizes[first] + likeness[second] * sizes[second]) / total
        joined[[first, second]] = -np.inf
        likeness[first], likeness[:, first] = joined, joined
        likeness[second], likeness[:, second] = -np.inf, -np.inf
        sizes[first] = total
        labels[labels == second] = first
        groups -= 1
    return labels


def most_likely_path(
    likeness: NDArray[np.float64], entering: NDArray[np.float64], costs: NDArray[np.float64]
) -> list[int]:
    """The sequence of voices that explains windows best, when a change has its price (Viterbi 1967).

    Args:
        likeness: (N, K) similarity of each window to each of K >= 1 voices.
        entering: (K,) what is added for beginning with each voice.
        costs: (N,) what a change right before each window costs, >= 0.

    Returns:
        N indices of voices.
    """
    best = likeness[0] + entering
    origins = []
    for row, cost in zip(likeness[1:], costs[1:], strict=True):
        leader = int(best.argmax())
        moved = best[leader] - cost
        origins.append(np.where(best >= moved, np.arange(len(best)), leader))
        best = np.maximum(best, moved) + row
    path = [int(best.argmax())]
    for origin in reversed(origins):
        path.append(int(origin[path[-1]]))
    return path[::-1]
