"""How well the audio encoder and its peer hear people whom they were not trained on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.stages.baseline import TOKEN_S, BaselineConfig
from train.encoders.audio_data import Clip, View, pad_tokens
from train.encoders.audio_fitting import spoken_of
from train.encoders.audio_recipe import AudioModel
from train.encoders.voice_memory import Voices
from train.metrics import uar

Held = Sequence[tuple[Clip, View]]

WITH_HISTORY: Final = "_history"
"""End of the name of a figure with all other clips of the person as history."""


@torch.no_grad()
def predict(
    model: AudioModel,
    held: Held,
    baseline: BaselineConfig | None = None,
    voices: Voices | None = None,
) -> NDArray[np.float32]:
    """(N, C) logits of whole utterances.

    Args:
        model: encoder and peer.
        held: N clips with their live views.
        baseline: compare each with all other clips of its person; None = with nothing.
        voices: all training voices on the whole.
    """
    model.eval()
    tokens: list[Tensor] = []
    for at in range(0, len(held), 16):
        views = [view for _, view in held[at : at + 16]]
        with torch.autocast(views[0].states.device.type, torch.bfloat16):
            tokens += model.tokens(views)
    if baseline is not None and voices is not None:
        tokens = _compared(tokens, held, baseline, voices)
    rows = []
    for at in range(0, len(held), 16):
        views = [view for _, view in held[at : at + 16]]
        padded = pad_tokens(
            tokens[at : at + 16], [view.times_s for view in views], [view.spoken for view in views]
        )
        rows.append(model.peer(*padded).logits.numpy())
    return np.concatenate(rows)


def _compared(tokens: list[Tensor], held: Held, baseline: BaselineConfig, voices: Voices) -> list[Tensor]:
    spoken = [spoken_of(t, view) for t, (_, view) in zip(tokens, held, strict=True)]
    sums = [torch.stack([t.sum(dim=0), (t**2).sum(dim=0)]) for t in spoken]  # (2, D) each
    people: dict[tuple[str, str], list[int]] = defaultdict(list)
    for row, (clip, _) in enumerate(held):
        people[clip.example.corpus, clip.example.source].append(row)
    found = list(tokens)
    for rows in people.values():
        total = torch.stack([sums[row] for row in rows]).sum(dim=0)
        count = sum(len(spoken[row]) for row in rows)
        for row in rows:
            left = count - len(spoken[row])
            if left:
                mean, square = (total - sums[row]) / left
                found[row] = voices.compared(tokens[row], mean, square, left * TOKEN_S, baseline)
    return found


def audio_figures(
    model: AudioModel,
    held: Held,
    split: str,
    baseline: BaselineConfig | None = None,
    voices: Voices | None = None,
) -> dict[str, float]:
    """UAR per corpus; the guess is the most probable label among those that the corpus has.

    With a baseline also with all history; see `predict`.
    """
    if not held:
        return {}
    found = {"": predict(model, held)}
    if baseline is not None:
        found[WITH_HISTORY] = predict(model, held, baseline, voices)
    figures = {}
    for corpus in dict.fromkeys(clip.example.corpus for clip, _ in held):
        rows = [i for i, (clip, _) in enumerate(held) if clip.example.corpus == corpus]
        for end, logits in found.items():
            figures[f"{corpus}_{split}_uar{end}"] = corpus_uar([held[i][0] for i in rows], logits[rows])
    return figures


def corpus_uar(clips: Sequence[Clip], logits: NDArray[np.float32]) -> float:
    """UAR of one corpus: N clips, (N, C) logits."""
    available = np.stack([clip.example.labels.available for clip in clips])
    truth = np.stack([clip.example.labels.target for clip in clips]).argmax(axis=1)
    return uar(truth, np.where(available, logits, -np.inf).argmax(axis=1))
