"""Writes losses.json from the formulas of docs/method.md with numpy alone; run it as a script."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np


def sigmoid(z: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-z))."""
    return 1 / (1 + np.exp(-z))


def masked_mean(values: np.ndarray, mask: np.ndarray) -> list[float]:
    """Mean of each row's entries where `mask`, 0 where there are none."""
    return [float(v[m].mean()) if m.any() else 0.0 for v, m in zip(values, mask, strict=True)]


def bce(z: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Binary cross entropy of probabilities."""
    p = sigmoid(z)
    return -(y * np.log(p) + (1 - y) * np.log(1 - p))


def info_nce(a: np.ndarray, b: np.ndarray, groups: np.ndarray, present: np.ndarray) -> list[float]:
    """Symmetric InfoNCE, row by row."""
    a = a / np.linalg.norm(a, axis=1, keepdims=True)
    b = b / np.linalg.norm(b, axis=1, keepdims=True)
    similarity = a @ b.T / 0.07
    out = []
    for i in range(len(a)):
        rivals = [j for j in range(len(a)) if j == i or (groups[j] != groups[i] and present[j])]
        forward = -np.log(np.exp(similarity[i, i]) / np.exp(similarity[i, rivals]).sum())
        backward = -np.log(np.exp(similarity[i, i]) / np.exp(similarity[rivals, i]).sum())
        out.append(float((forward + backward) / 2) if present[i] else 0.0)
    return out


def consistency(z: np.ndarray, y: np.ndarray, known: np.ndarray) -> list[float]:
    """Softmax of each positive against the negatives only."""
    out = []
    for row, target, mask in zip(z, y, known, strict=True):
        negative = np.exp(row[mask & (target < 0.2)]).sum()
        positives = row[mask & (target >= 0.5)]
        terms = [-np.log(np.exp(p) / (np.exp(p) + negative)) for p in positives]
        out.append(float(np.mean(terms)) if terms and negative > 0 else 0.0)
    return out


def main() -> None:
    """Compute and write."""
    rng = np.random.default_rng(20260101)
    z = rng.normal(0, 2, (5, 4)).round(3)
    y = rng.choice([0.0, 0.1, 0.3, 0.5, 1.0], (5, 4))
    known = rng.random((5, 4)) < 0.8
    known[3] = False
    peers = rng.normal(0, 2, (5, 3, 4)).round(3)
    available = np.array([[1, 1, 1], [1, 0, 0], [0, 1, 1], [0, 0, 0], [0, 0, 1]], bool)
    reliability = np.array([0.5, 0.3, 0.2])
    prior = rng.normal(-1, 1, 4).round(3)
    a, b = rng.normal(size=(5, 6)).round(3), rng.normal(size=(5, 6)).round(3)
    groups, present = np.array([0, 0, 1, 2, 3]), np.array([1, 1, 1, 0, 1], bool)
    affect, goal = rng.uniform(-1, 1, (5, 2)).round(3), rng.uniform(-1, 1, (5, 2)).round(3)
    affect_known = rng.random((5, 2)) < 0.6

    share = reliability[None, :] * available
    share = share / np.maximum(share.sum(1, keepdims=True), 1e-12)
    taught = (share[:, :, None] * peers).sum(1)
    q, s = sigmoid(taught / 2), sigmoid(z / 2)
    kl = 4 * (q * np.log(q / s) + (1 - q) * np.log((1 - q) / (1 - s)))
    golden = {
        "inputs": {
            "logits": z,
            "targets": y,
            "known": known,
            "peer_logits": peers,
            "available": available,
            "reliability": reliability,
            "prior_logit": prior,
            "a": a,
            "b": b,
            "groups": groups,
            "present": present,
            "affect": affect,
            "affect_targets": goal,
            "affect_known": affect_known,
        },
        "expected": {
            "supervised": masked_mean(bce(z, y), known),
            "supervised_adjusted": masked_mean(bce(z + prior, y), known),
            "teacher": taught,
            "bernoulli_kl": kl,
            "teacher_trust": np.where(known, 1 - np.abs(sigmoid(taught) - y), 1.0),
            "info_nce": info_nce(a, b, groups, present),
            "label_consistency": consistency(z, y, known),
            "affect": masked_mean((affect - goal) ** 2, affect_known),
        },
    }
    path = Path(__file__).with_name("losses.json")
    path.write_text(json.dumps(golden, default=lambda x: x.tolist(), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
