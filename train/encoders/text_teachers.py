"""Earlier checkpoints as teachers of the words: their estimates soften the labels of the training texts.

A label of a comment is the choice of few annotators. What several networks, each trained on all of them, make
of the text is less noisy (born-again networks, Furlanello et al. 2018), and costs nothing when it runs.

Legend: N texts, C = 7 labels.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from core.encoders.text import TextEncoder
from core.encoders.text_tokens import PieceTokenizer
from core.models.calibration import probabilities
from core.models.storage import load_network
from core.spec import read_spec
from train.corpora.base import TextExample
from train.encoders.text_data import make_batch

_BATCH = 64


def taught(
    examples: Sequence[TextExample],
    teachers: Sequence[Path],
    share: float,
    weights: Path,
    tokenizer: PieceTokenizer,
) -> list[TextExample]:
    """The examples, with the targets of the training part moved towards what the teachers say on average.

    A teacher speaks at its operating point of the text's corpus. Of a corpus that it has no point of, it has
    learned nothing, and says nothing.

    Args:
        examples: of all corpora and parts.
        teachers: folders of checkpoints; none = the examples stay as they are.
        share: of a target that the teachers make up, in [0, 1].
        weights: folder of MiniLM.
        tokenizer: of MiniLM.

    Raises:
        SpecMismatch, ModelError: a teacher is no checkpoint, or its files do not fit.
    """
    rows = [i for i, example in enumerate(examples) if example.split == "train"]
    if not teachers or not rows:
        return list(examples)
    texts = [examples[i] for i in rows]
    said = np.stack([_said(texts, teacher, weights, tokenizer) for teacher in teachers])  # (K, N, C)
    changed = list(examples)
    for i, every in zip(rows, said.swapaxes(0, 1), strict=True):
        learned = ~np.isnan(every).any(axis=1)  # (K,)
        if not learned.any():
            continue
        p, labels = every[learned].mean(axis=0), examples[i].labels
        target = np.where(labels.available, (1 - share) * labels.target + share * p, labels.target)
        changed[i] = replace(examples[i], labels=replace(labels, target=target.astype(np.float32)))
    return changed


@torch.no_grad()
def _said(
    texts: Sequence[TextExample], teacher: Path, weights: Path, tokenizer: PieceTokenizer
) -> NDArray[np.float32]:
    """(N, C) probabilities of one teacher; NaN where it knows nothing of the corpus."""
    spec = read_spec(teacher)
    peer = load_network(spec, teacher).peers["text"]
    encoder = TextEncoder.load(weights, teacher)
    order = sorted(range(len(texts)), key=lambda index: len(texts[index].text))
    found = np.zeros((len(texts), len(spec.labels)), np.float32)
    rng = random.Random(0)
    for at in range(0, len(order), _BATCH):
        chosen = order[at : at + _BATCH]
        batch = make_batch([texts[i] for i in chosen], tokenizer, rng)
        with torch.autocast("cpu", torch.bfloat16):
            logits = peer(encoder(batch.ids, batch.mask), batch.times_s, batch.mask).logits
        found[chosen] = logits.float().numpy()
    for corpus in {text.corpus for text in texts}:
        of_it = [i for i, text in enumerate(texts) if text.corpus == corpus]
        point = spec.calibration.operating_points.get(corpus)
        found[of_it] = np.nan if point is None else probabilities(found[of_it], point.peers["text"])
    return found
