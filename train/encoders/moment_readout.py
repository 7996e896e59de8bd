"""The linear reading of a peer's tokens by their mean and deviation, solved rather than trained.

Legend: N utterances, T tokens, D token width, C labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn

from core.models.peers import Peer

_FEWEST: Final = 5
"""Tokens of the shortest part: one block of the live loop."""

_UNSEEN: Final = 4.0
"""How far the logit of a label without examples lies below the lowest bias of the others."""


def solve_statistics(
    peer: Peer,
    tokens: Sequence[Tensor],
    targets: NDArray[np.floating],
    known: NDArray[np.bool_],
    weights: NDArray[np.floating],
    *,
    strength: float,
    parts: int,
    rng: np.random.Generator,
) -> None:
    """Give `peer.statistics` the weights of a multinomial logistic regression on its standardised tokens.

    Labels that a corpus does not know take no part in the softmax of its utterances.

    Args:
        peer: with statistics; its input statistics are set already.
        tokens: N utterances, each (T, D).
        targets: (N, C) shares of the labels, each row's sum is 1.
        known: (N, C).
        weights: (N,) of the utterances; their mean is 1.
        strength: inverse of the penalty on the weights, as scikit-learn's C.
        parts: random parts of each utterance that are learned beside the whole, as in a rolling window.
        rng: chooses the parts.
    """
    assert peer.statistics is not None
    wholes = [(t.float().cpu() - peer.input_mean.cpu()) * peer.input_scale.cpu() for t in tokens]
    runs = wholes + [part_of(x, rng) for _ in range(parts) for x in wholes]
    features = np.concatenate([_moments(peer, x) for x in runs])  # (N * (1 + parts), 2 D)
    scaler = StandardScaler().fit(features)
    times = 1 + parts
    weight, bias = softmax_regression(
        torch.from_numpy(scaler.transform(features)).float(),
        torch.from_numpy(np.tile(targets, (times, 1))).float(),
        torch.from_numpy(np.tile(known, (times, 1))),
        torch.from_numpy(np.tile(weights, times)).float(),
        strength,
    )
    # the standardisation is folded into the linear map
    slope = weight.numpy() / scaler.scale_
    offset = bias.numpy() - slope @ scaler.mean_
    # a label that no utterance has stays improbable
    there = (targets * known).sum(axis=0) > 0
    slope[~there], offset[~there] = 0.0, offset[there].min() - _UNSEEN
    peer.statistics.set_weights(torch.from_numpy(slope).float(), torch.from_numpy(offset).float())


def softmax_regression(
    x: Tensor, targets: Tensor, known: Tensor, weights: Tensor, strength: float
) -> tuple[Tensor, Tensor]:
    """Weights (C, F) and biases (C,) of the regression of (N, C) targets on (N, F) features."""
    slope = torch.zeros(targets.shape[1], x.shape[1], requires_grad=True)
    bias = torch.zeros(targets.shape[1], requires_grad=True)
    solver = torch.optim.LBFGS([slope, bias], max_iter=100, history_size=10, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        solver.zero_grad()
        logits = (x @ slope.T + bias).masked_fill(~known, -1e4)
        entropy = nn.functional.cross_entropy(logits, targets, reduction="none")
        value = (entropy * weights).mean() + slope.square().sum() / (2 * strength * len(x))
        value.backward()
        return value

    solver.step(loss)
    return slope.detach(), bias.detach()


def solve_labels(
    peer: Peer,
    tokens: Sequence[Tensor],
    targets: NDArray[np.floating],
    known: NDArray[np.bool_],
    *,
    strength: float,
) -> None:
    """Give `peer.statistics` one logistic regression for each label, and silence the rest of the peer's head.

    The peer begins as that linear reading; what else it learns comes on top.

    Args:
        peer: with statistics; its input statistics are set already.
        tokens: N examples, each (T, D).
        targets, known: (N, C); a label counts as present from one half on.
        strength: inverse of the penalty on the weights.
    """
    assert peer.statistics is not None
    wholes = [(t.float().cpu() - peer.input_mean.cpu()) * peer.input_scale.cpu() for t in tokens]
    features = np.concatenate([_moments(peer, x) for x in wholes])  # (N, 2 D)
    scaler = StandardScaler().fit(features)
    linear = peer.statistics.linear
    weights, offsets = torch.zeros_like(linear.weight), torch.zeros_like(linear.bias)
    for label in range(targets.shape[1]):
        rows = known[:, label]
        present = targets[rows, label] >= 0.5
        if not present.any() or present.all():
            continue
        solution = LogisticRegression(C=strength, max_iter=500).fit(scaler.transform(features[rows]), present)
        weight = solution.coef_[0] / scaler.scale_
        weights[label] = torch.from_numpy(weight).to(weights)
        offsets[label] = float(solution.intercept_[0] - weight @ scaler.mean_)
    peer.statistics.set_weights(weights, offsets)
    torch.nn.init.zeros_(peer.head.weight)
    torch.nn.init.zeros_(peer.head.bias)


@torch.no_grad()
def _moments(peer: Peer, x: Tensor) -> NDArray[np.float64]:
    assert peer.statistics is not None
    everything = torch.ones(1, len(x), dtype=torch.bool)
    return peer.statistics.moments(x[None], everything).double().numpy()


def part_of(x: Tensor, rng: np.random.Generator) -> Tensor:
    """At least half of (T, D), in one piece."""
    length = min(len(x), max(_FEWEST, round(len(x) * rng.uniform(0.5, 1.0))))
    begin = int(rng.integers(0, len(x) - length + 1))
    return x[begin : begin + length]
