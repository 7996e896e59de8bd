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
from torch import Tensor

from core.models.peers import Peer

_FEWEST: Final = 5
"""Tokens of the shortest part: one block of the live loop."""

_UNSEEN: Final = 4.0
"""How far the logit of a label without examples lies below the lowest bias of the others."""


def solve_statistics(
    peer: Peer,
    tokens: Sequence[Tensor],
    classes: NDArray[np.int64],
    *,
    strength: float,
    parts: int,
    rng: np.random.Generator,
) -> None:
    """Give `peer.statistics` the weights of a multinomial logistic regression on its standardised tokens.

    Args:
        peer: with statistics; its input statistics are set already.
        tokens: N utterances, each (T, D).
        classes: (N,) the label of each.
        strength: inverse of the penalty on the weights.
        parts: random parts of each utterance that are learned beside the whole, as in a rolling window.
        rng: chooses the parts.
    """
    assert peer.statistics is not None
    wholes = [(t.float().cpu() - peer.input_mean.cpu()) * peer.input_scale.cpu() for t in tokens]
    runs = wholes + [_part(x, rng) for _ in range(parts) for x in wholes]
    features = np.concatenate([_moments(peer, x) for x in runs])  # (N * (1 + parts), 2 D)
    scaler = StandardScaler().fit(features)
    solution = LogisticRegression(C=strength, max_iter=500).fit(
        scaler.transform(features), np.tile(classes, 1 + parts)
    )
    # the standardisation is folded into the linear map
    weight = solution.coef_ / scaler.scale_
    bias = solution.intercept_ - weight @ scaler.mean_
    linear = peer.statistics.linear
    # a label that no utterance has stays improbable
    whole, offset = torch.zeros_like(linear.weight), torch.full_like(linear.bias, float(bias.min()) - _UNSEEN)
    rows = torch.from_numpy(solution.classes_)
    whole[rows] = torch.from_numpy(weight).to(whole)
    offset[rows] = torch.from_numpy(bias).to(offset)
    peer.statistics.set_weights(whole, offset)


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


def _part(x: Tensor, rng: np.random.Generator) -> Tensor:
    """At least half of (T, D), in one piece."""
    length = min(len(x), max(_FEWEST, round(len(x) * rng.uniform(0.5, 1.0))))
    begin = int(rng.integers(0, len(x) - length + 1))
    return x[begin : begin + length]
