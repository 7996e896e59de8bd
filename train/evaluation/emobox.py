"""RAVDESS by the folds of EmoBox (Ma et al., Interspeech 2024): eight emotions, speakers never heard.

The linear reading of the released encoder's tokens, solved anew for each fold: nothing of a checkpoint, whose
training heard some of the actors. With `openface_au.npz` also voice and action units together.

Legend: N clips, T tokens, D token width, C = 8 labels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.encoders import audio as audio_encoder
from core.encoders.audio import AudioEncoder
from core.encoders.silero import SileroVoice
from core.models.peers import Statistics
from train.corpora.ravdess_av import EIGHT, UNITS
from train.corpora.ravdess_av import read as read_seen
from train.corpora.registry import ReadOptions, read_corpus
from train.encoders.moment_readout import part_of, softmax_regression
from train.encoding.features import utterance_tokens
from train.metrics import uar

FOLDS: Final = (
    (1, 11, 20, 21),
    (4, 10, 12, 14),
    (8, 9, 19, 23),
    (3, 5, 7, 24),
    (2, 15, 16, 18),
    (6, 13, 17, 22),
)
"""Actors of the test part of each fold, as published."""

STRENGTH: Final = 0.025
"""Inverse penalty of the reading; between .008 and .25 the figure changes by less than .01."""


@dataclass(frozen=True, slots=True)
class Folds:
    """What was measured.

    Attributes:
        n, actors: clips and actors that were there; the published figures are of 1,440 and 24.
        voice, both: unweighted accuracy of each fold, of the voice and of voice with action units; `both` is
            empty without them.
    """

    n: int
    actors: int
    voice: tuple[float, ...]
    both: tuple[float, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON: with the means."""
        means = {"voice_mean": float(np.mean(self.voice))}
        if self.both:
            means["both_mean"] = float(np.mean(self.both))
        return asdict(self) | means


@torch.no_grad()
def emobox_ravdess(data: Path, locate: Callable[[str], Path]) -> Folds:
    """Measure the folds on what there is of RAVDESS below `data`.

    Args:
        data: folder of the corpora, or of RAVDESS.
        locate: finds third-party weights.

    Raises:
        SourceError: RAVDESS is not there.
    """
    folder = data / "ravdess_speech" if (data / "ravdess_speech").is_dir() else data
    seen = any(folder.glob(f"**/{UNITS}"))
    examples = (
        read_seen(folder, space=EIGHT) if seen else read_corpus("ravdess", data, ReadOptions(space=EIGHT))
    )
    voice = SileroVoice(locate("silero-vad") / "silero_vad_16k_op15.onnx")
    encoder = AudioEncoder.published(locate("whisper-base"))
    tokens = [torch.from_numpy(utterance_tokens(e.path, voice, encoder).values) for e in examples]  # type: ignore[attr-defined]
    answers = np.array([_answer(e.id) for e in examples])
    actors = np.array([int(e.source.split()[-1]) for e in examples])
    units = None
    if seen:
        units = np.stack([e.tokens["visual"].values[0] if e.tokens else np.zeros(35) for e in examples])  # type: ignore[attr-defined]
    return Folds(
        len(examples),
        len(np.unique(actors)),
        _each_fold(tokens, None, answers, actors),
        () if units is None else _each_fold(tokens, units, answers, actors),
    )


def _answer(name: str) -> int:
    """The eight emotions by the number in a clip's name."""
    return int(name.split("-")[2]) - 1


def _each_fold(
    tokens: list[Tensor],
    units: NDArray[np.floating] | None,
    answers: NDArray[np.int64],
    actors: NDArray[np.int64],
) -> tuple[float, ...]:
    rng = np.random.default_rng(0)
    wholes, parts = _features(tokens, units), _features([part_of(t, rng) for t in tokens], units)
    found = []
    for fold in FOLDS:
        test = np.isin(actors, fold)
        if not test.any() or test.all():
            continue
        x, y = np.concatenate([wholes[~test], parts[~test]]), np.tile(answers[~test], 2)
        mean, scale = x.mean(axis=0), x.std(axis=0) + 1e-6
        count = len(EIGHT.names)
        slope, bias = softmax_regression(
            torch.from_numpy((x - mean) / scale).float(),
            torch.from_numpy(np.eye(count)[y]).float(),
            torch.ones(len(y), count, dtype=torch.bool),
            torch.ones(len(y)),
            STRENGTH,
        )
        said = ((wholes[test] - mean) / scale) @ slope.numpy().T + bias.numpy()
        found.append(uar(answers[test], said.argmax(axis=1)))
    return tuple(found)


def _features(tokens: list[Tensor], units: NDArray[np.floating] | None) -> NDArray[np.floating]:
    """(N, 2 D), with action units (N, 2 D + 35)."""
    reading = Statistics(audio_encoder.WIDTH, 1)
    rows = [reading.moments(t[None], torch.ones(1, len(t), dtype=torch.bool))[0].numpy() for t in tokens]
    heard = np.stack(rows)
    return heard if units is None else np.concatenate([heard, units], axis=1)
