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


def unit(x: np.ndarray) -> np.ndarray:
    """Rows of length 1."""
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def info_nce(
    a: np.ndarray, b: np.ndarray, groups: np.ndarray, present: np.ndarray, older: tuple[np.ndarray, ...] = ()
) -> list[float]:
    """Symmetric InfoNCE, row by row; `older` = (a, b, groups, present) of remembered rows."""
    a, b = unit(a), unit(b)
    similarity = a @ b.T / 0.07
    out = []
    for i in range(len(a)):
        rivals = [j for j in range(len(a)) if j == i or (groups[j] != groups[i] and present[j])]
        forth, back = np.exp(similarity[i, rivals]).sum(), np.exp(similarity[rivals, i]).sum()
        if older:
            strange = (older[2] != groups[i]) & older[3]
            forth += np.exp(unit(older[1])[strange] @ a[i] / 0.07).sum()
            back += np.exp(unit(older[0])[strange] @ b[i] / 0.07).sum()
        forward, backward = (-np.log(np.exp(similarity[i, i]) / total) for total in (forth, back))
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


def evidence(
    peers: np.ndarray, available: np.ndarray, reliability: np.ndarray, base: np.ndarray
) -> np.ndarray:
    """Common base rate plus each peer's evidence; against a label, only the most reliable counts in full."""
    out = np.zeros((len(peers), peers.shape[2]))
    for i, here in enumerate(available):
        if not here.any():
            continue
        part = reliability[here] / reliability[here].max()
        beyond = peers[i][here] - base[here]
        heard = np.where((beyond < 0) & (part[:, None] < 1), 0.5 * beyond, beyond)
        out[i] = base[here].mean(axis=0) + (part[:, None] * heard).sum(axis=0)
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

    older = (rng.normal(size=(3, 6)).round(3), rng.normal(size=(3, 6)).round(3))
    older_groups, older_present = np.array([1, 7, 8]), np.array([1, 1, 0], bool)
    base = rng.normal(-1, 1, (3, 4)).round(3)

    share = reliability[None, :] * available
    share = share / np.maximum(share.sum(1, keepdims=True), 1e-12)
    taught = (share[:, :, None] * peers).sum(1)
    q, s = sigmoid(taught / 2), sigmoid(z / 2)
    kl = 4 * (q * np.log(q / s) + (1 - q) * np.log((1 - q) / (1 - s)))
    qp, sp = sigmoid(peers), sigmoid(z)[:, None]
    each = qp * np.log(qp / sp) + (1 - qp) * np.log((1 - qp) / (1 - sp))
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
            "older_a": older[0],
            "older_b": older[1],
            "older_groups": older_groups,
            "older_present": older_present,
            "base": base,
        },
        "expected": {
            "supervised": masked_mean(bce(z, y), known),
            "supervised_adjusted": masked_mean(bce(z + prior, y), known),
            "teacher": taught,
            "bernoulli_kl": kl,
            "teacher_trust": np.where(known, 1 - np.abs(sigmoid(taught) - y), 1.0),
            "info_nce": info_nce(a, b, groups, present),
            "info_nce_queue": info_nce(a, b, groups, present, (*older, older_groups, older_present)),
            "teacher_evidence": evidence(peers, available, reliability, base),
            "product_teacher": np.where(available[:, :, None], peers, 1.0).prod(axis=1),
            "half_kl": 4 * q * np.log(q / s),
            "peers_kl": [
                each[i][here].mean(axis=0) if here.any() else np.zeros(4) for i, here in enumerate(available)
            ],
            "label_consistency": consistency(z, y, known),
            "affect": masked_mean((affect - goal) ** 2, affect_known),
        },
    }
    path = Path(__file__).with_name("losses.json")
    path.write_text(json.dumps(golden, default=lambda x: x.tolist(), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
