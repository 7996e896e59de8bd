"""The linear reading of a peer's tokens: solved by a library, folded into the network."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from core.models.peers import Peer
from train.config import TrainingConfig
from train.encoders.moment_readout import solve_statistics
from train.encoders.peer_training import PeerSizes, new_peer

SIZES = PeerSizes(width=8, heads=2, layers=1, feedforward=8, statistics=True)


def speech_like(count: int, seed: int) -> tuple[list[torch.Tensor], np.ndarray]:
    """Utterances of 6 to 30 tokens whose class is in their mean (0 or 1) or in how they vary (2)."""
    rng = np.random.default_rng(seed)
    tokens, classes = [], []
    for _ in range(count):
        kind = int(rng.integers(0, 3))
        mean = np.array([1.5, 0, 0, 0]) * (kind == 1)
        deviation = np.array([1, 1, 4, 1]) if kind == 2 else np.ones(4)
        length = int(rng.integers(6, 31))
        tokens.append(torch.from_numpy(mean + deviation * rng.standard_normal((length, 4))).float())
        classes.append(kind)
    return tokens, np.array(classes)


def silent_attention() -> Peer:
    """A peer of which only the reading says something."""
    peer = new_peer(4, SIZES).eval()
    torch.nn.init.zeros_(peer.head.weight)
    torch.nn.init.zeros_(peer.head.bias)
    return peer


def solve(peer: Peer, tokens: list[torch.Tensor], classes: np.ndarray, parts: int = 0, **changed) -> None:
    given = {
        "targets": np.eye(7)[classes],
        "known": np.ones((len(classes), 7), np.bool_),
        "weights": np.ones(len(classes)),
        "strength": 0.1,
    }
    solve_statistics(peer, tokens, **{**given, **changed}, parts=parts, rng=np.random.default_rng(0))


def guesses(peer: Peer, tokens: list[torch.Tensor]) -> np.ndarray:
    with torch.no_grad():
        rows = [
            peer(t[None], torch.zeros(1, len(t)), torch.ones(1, len(t), dtype=torch.bool)).logits[0]
            for t in tokens
        ]
    return torch.stack(rows).argmax(dim=1).numpy()


def test_classes_in_the_mean_and_in_the_deviation_are_both_read() -> None:
    peer = silent_attention()
    train, classes = speech_like(300, seed=1)
    whole = torch.cat(train)
    peer.set_input_statistics(whole.mean(dim=0), whole.std(dim=0))
    solve(peer, train, classes, parts=2)
    unseen, truth = speech_like(200, seed=2)
    assert (guesses(peer, unseen) == truth).mean() > 0.9


def test_a_label_that_no_utterance_has_is_never_the_most_probable() -> None:
    peer = silent_attention()
    train, classes = speech_like(120, seed=3)
    solve(peer, train, classes)
    assert set(guesses(peer, speech_like(60, seed=4)[0])) <= {0, 1, 2}


def test_the_solution_is_the_one_of_scikit_learn() -> None:
    peer = silent_attention()
    train, classes = speech_like(200, seed=5)
    solve(peer, train, classes)
    mask = [torch.ones(1, len(t), dtype=torch.bool) for t in train]
    features = torch.cat(
        [peer.statistics.moments(t[None], m) for t, m in zip(train, mask, strict=True)]
    ).numpy()
    scaler = StandardScaler().fit(features)
    wanted = LogisticRegression(C=0.1, max_iter=500).fit(scaler.transform(features), classes)
    found = peer.statistics.linear(torch.from_numpy(features)).detach().softmax(dim=1)[:, :3].numpy()
    assert found == pytest.approx(wanted.predict_proba(scaler.transform(features)), abs=0.02)


def test_labels_that_a_corpus_does_not_know_are_not_denied_by_its_clips() -> None:
    peer = silent_attention()
    train, classes = speech_like(300, seed=6)
    known = np.ones((300, 7), np.bool_)
    blind = (np.arange(300) % 2 == 0) & (classes != 2)
    known[blind, 2] = False
    solve(peer, train, classes, known=known)
    unseen, truth = speech_like(200, seed=7)
    assert (guesses(peer, unseen) == truth).mean() > 0.85


def test_padding_does_not_change_the_reading() -> None:
    torch.manual_seed(0)
    peer = new_peer(4, SIZES).eval()
    tokens = torch.randn(1, 7, 4)
    padded = torch.cat([tokens, torch.full((1, 5, 4), 9.0)], dim=1)
    seen = torch.ones(1, 7, dtype=torch.bool)
    mask = torch.cat([seen, torch.zeros(1, 5, dtype=torch.bool)], dim=1)
    alone = peer(tokens, torch.zeros(1, 7), seen).logits
    together = peer(padded, torch.zeros(1, 12), mask).logits
    torch.testing.assert_close(alone, together)


def test_a_row_without_tokens_and_a_row_of_one_token_are_finite() -> None:
    peer = new_peer(4, SIZES).eval()
    mask = torch.tensor([[False, False], [True, False]])
    assert peer(torch.randn(2, 2, 4), torch.zeros(2, 2), mask).logits.isfinite().all()


def test_sizes_must_say_which_peers_of_the_first_stage_have_the_reading() -> None:
    values = {
        "summary": "s",
        "license": "l",
        "corpora": {"ravdess": {}},
        "audio": {"peer": {"statistics": True}},
    }
    with pytest.raises(Exception, match=r"sizes.statistics is \(\), but \('audio',\) in the first stage"):
        TrainingConfig.from_mapping(values, where="here")
