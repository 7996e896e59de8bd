"""Clips of acted speech, ready for the audio encoder's training.

Legend: N clips, W inputs of 2 s, P positions, D = 512, C = 7 labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.encoders.audio import AudioEncoder
from core.encoders.log_mel import INPUT_SAMPLES
from core.encoders.silero import SileroVoice
from core.inputs import SAMPLE_RATE
from train.corpora import cremad, emodb, ravdess
from train.corpora.base import ClipExample, Target, assert_disjoint
from train.corpora.sound import read_samples, speech_span
from train.encoders.blocks_of_speech import Blocks, cut
from train.encoders.torch_log_mel import log_mel
from train.encoders.voice_augmentation import augment

FOLDERS = {ravdess: "ravdess_speech", emodb: "emodb"}


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """One clip: its example, samples (n,) float16, span of speech in samples, and soft target (C,)."""

    example: ClipExample
    samples: NDArray[np.float16]
    span: tuple[int, int]
    target: Target


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """One clip after the frozen part of the encoder.

    Attributes:
        states: (W, P, D) bfloat16.
        newest: tokens per input.
        times_s: (W * newest,) seconds since the utterance's start.
        spoken: (W * newest,) bool.
    """

    states: Tensor
    newest: int
    times_s: Tensor
    spoken: Tensor


def read_clips(data: Path, voice: SileroVoice, vote_share: float, every: int = 1) -> list[Clip]:
    """Read RAVDESS and EmoDB, and soften their labels by how listeners heard acted speech in CREMA-D.

    Args:
        data: folder with `ravdess_speech`, `emodb` and `cremad_votes`.
        voice: finds the speech.
        vote_share: of the target that the listeners' votes make up; the rest is the intended emotion.
        every: take one clip in so many, for a quick try.
    """
    examples = [e for corpus, folder in FOLDERS.items() for e in corpus.read(data / folder)][::every]
    assert_disjoint(examples)
    heard = cremad.vote_shares(data / "cremad_votes", "audio")
    clips = []
    for example in examples:
        samples = read_samples(example.path)
        target = example.labels.target
        if example.intended in heard:
            target = (1 - vote_share) * target + vote_share * heard[example.intended]
        clips.append(Clip(example, samples.astype(np.float16), speech_span(samples, voice), target))
    return clips


def view_of(
    clip: Clip,
    encoder: AudioEncoder,
    blocks: int,
    block_samples: int,
    rng: np.random.Generator | None = None,
) -> View:
    """Cut a clip and run the frozen part of the encoder over it.

    Args:
        clip: what to encode.
        encoder: its first `blocks` blocks are used.
        blocks: number of frozen blocks.
        block_samples: new samples per input; 8,000 is what the live loop does.
        rng: augments when given; otherwise the clip is taken as it is.
    """
    pieces = _pieces(clip, block_samples, rng)
    device = next(encoder.parameters()).device
    with torch.no_grad(), torch.autocast(device.type, torch.bfloat16):
        mel = log_mel(torch.from_numpy(pieces.samples).to(device))
        if rng is not None:
            mel = _mask_bands(mel, rng)
        states = encoder.states(mel, blocks).bfloat16()
    times = torch.from_numpy(pieces.times_s)
    return View(states, pieces.newest, times, torch.from_numpy(pieces.spoken))


def _pieces(clip: Clip, block_samples: int, rng: np.random.Generator | None) -> Blocks:
    samples, (start, end) = clip.samples.astype(np.float32), clip.span
    if rng is None:
        return cut(samples, (start, end), 0, block_samples)
    # Some recordings are preceded by what was there, some by nothing, as at the start of a stream.
    lead = int(rng.integers(0, min(start, INPUT_SAMPLES) + 1))
    changed = augment(samples[start - lead : end], rng)
    pace = len(changed) / (end - start + lead)
    begin = round(lead * pace)
    return cut(changed, (begin, len(changed)), int(rng.integers(0, block_samples)), block_samples)


def _mask_bands(mel: Tensor, rng: np.random.Generator) -> Tensor:
    """Hide up to two bands of up to 12 mels (SpecAugment, Park et al. 2019)."""
    mel = mel.clone()
    for _ in range(int(rng.integers(0, 3))):
        height = int(rng.integers(1, 13))
        low = int(rng.integers(0, 80 - height))
        mel[:, low : low + height] = mel.mean()
    return mel


def pad_tokens(
    tokens: Sequence[Tensor], times_s: Sequence[Tensor], spoken: Sequence[Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    """Spoken tokens of N clips -> (N, T, D), times (N, T), mask (N, T); none spoken = all are kept."""
    kept = [mask if mask.any() else torch.ones_like(mask) for mask in spoken]
    values = torch.nn.utils.rnn.pad_sequence(
        [t[m] for t, m in zip(tokens, kept, strict=True)], batch_first=True
    )
    times = torch.nn.utils.rnn.pad_sequence(
        [t[m] for t, m in zip(times_s, kept, strict=True)], batch_first=True
    )
    lengths = torch.tensor([int(mask.sum()) for mask in kept])
    return values, times, torch.arange(values.shape[1]) < lengths[:, None]


def duration_s(clip: Clip) -> float:
    """Length of the speech in seconds."""
    return (clip.span[1] - clip.span[0]) / SAMPLE_RATE
