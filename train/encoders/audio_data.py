"""Clips of acted speech, cut into the audio encoder's inputs as live: blocks on a grid with left context.

Legend: N clips, W inputs of 2 s, P positions, S = 512, C = 7 labels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.encoders.audio import POOLED, AudioEncoder
from core.encoders.log_mel import BLOCK_SAMPLES, HOP, INPUT_SAMPLES, WINDOW, mel_filters
from core.encoders.silero import SileroVoice
from core.errors import ConfigError
from core.inputs import SAMPLE_RATE, Samples
from train.corpora import cremad
from train.corpora.base import ClipExample, Target, assert_disjoint, bucket
from train.corpora.registry import read_corpus
from train.corpora.sound import read_samples, speech_span
from train.encoders.voice_augmentation import augment


def log_mel(samples: Tensor) -> Tensor:
    """The live log-mel (`core.encoders.log_mel`) on a device: (B, n) float samples -> (B, 80, n / 160)."""
    window = torch.hann_window(WINDOW, device=samples.device)
    spectrum = torch.stft(samples, WINDOW, HOP, window=window, return_complex=True, pad_mode="reflect")
    power = spectrum[..., :-1].abs().square()
    filters = torch.from_numpy(mel_filters()).to(samples)
    mel = (filters @ power).clamp(min=1e-10).log10()
    floor = mel.amax(dim=(-2, -1), keepdim=True) - 8.0
    return (torch.maximum(mel, floor) + 4.0) / 4.0


TOKEN_S = POOLED * 0.02
"""Seconds per audio token."""


@dataclass(frozen=True, slots=True, eq=False)
class Blocks:
    """Inputs of one utterance.

    Attributes:
        samples: (n, 32000) float32: blocks with their context.
        newest: tokens that each of them gives.
        times_s: (n * newest,) float32, middles of the tokens since the utterance's start.
        spoken: (n * newest,) bool: the token lies within the utterance.
    """

    samples: NDArray[np.float32]
    newest: int
    times_s: NDArray[np.float32]
    spoken: NDArray[np.bool_]


def cut(samples: Samples, span: tuple[int, int], offset: int, block_samples: int = BLOCK_SAMPLES) -> Blocks:
    """Cut the utterance `span` out of a recording.

    Args:
        samples: (n,) the whole recording; before and after it there is silence.
        span: first and one past the last sample of the utterance.
        offset: place of the grid, in samples; live it is 0 on the stream's clock.
        block_samples: new samples per block; live 0.5 s. Longer ones are cheaper to train on.
    """
    start, end = span
    first = (start - offset) // block_samples
    last = -(-(end - offset) // block_samples)
    padded = np.concatenate(
        [np.zeros(INPUT_SAMPLES, np.float32), samples, np.zeros(INPUT_SAMPLES, np.float32)]
    )
    begins = offset + np.arange(first, last) * block_samples
    ends = begins + block_samples + INPUT_SAMPLES  # places in `padded`
    inputs = np.stack([padded[at - INPUT_SAMPLES : at] for at in ends])
    newest = round(block_samples / SAMPLE_RATE / TOKEN_S)
    within = (np.arange(newest) + 0.5) * TOKEN_S
    times = (begins[:, None] / SAMPLE_RATE + within - start / SAMPLE_RATE).reshape(-1)
    spoken = (times > 0) & (times < (end - start) / SAMPLE_RATE)
    return Blocks(inputs, newest, times.astype(np.float32), spoken)


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
        states: (W, P, S) bfloat16.
        newest: tokens per input.
        times_s: (W * newest,) seconds since the utterance's start.
        spoken: (W * newest,) bool.
    """

    states: Tensor
    newest: int
    times_s: Tensor
    spoken: Tensor


def read_clips(
    data: Path, limits: Mapping[str, int], voice: SileroVoice, vote_share: float, every: int = 1
) -> list[Clip]:
    """Read corpora of speech, and soften their labels by how listeners heard acted speech in CREMA-D.

    Args:
        data: folder with the corpora and `cremad_votes`.
        limits: corpus -> training clips that are used at most, chosen by a hash of their names (0 = all).
        voice: finds the speech.
        vote_share: of the target that the listeners' votes make up; the rest is the intended emotion.
        every: take one clip in so many, for a quick try.

    Raises:
        ConfigError: one of them is no corpus of sound files.
    """
    examples = [e for name, limit in limits.items() for e in _limited(_examples(name, data), limit)][::every]
    assert_disjoint(examples)
    heard = cremad.vote_shares(data / "cremad_votes", "audio")
    return [_clip(example, voice, heard, vote_share) for example in examples]


def _examples(name: str, data: Path) -> list[ClipExample]:
    examples = [e for e in read_corpus(name, data) if isinstance(e, ClipExample)]
    if not examples:
        raise ConfigError(f"{name} is no corpus of sound files.", where="audio.corpora")
    return examples


def _limited(examples: list[ClipExample], limit: int) -> list[ClipExample]:
    """The training part cut to its limit; the other parts whole."""
    train = sorted((e for e in examples if e.split == "train"), key=lambda e: bucket(e.id))
    kept = {e.id for e in train[: limit or None]}
    return [e for e in examples if e.split != "train" or e.id in kept]


def _clip(example: ClipExample, voice: SileroVoice, heard: Mapping[str, Target], vote_share: float) -> Clip:
    samples = read_samples(example.path)
    target = example.labels.target
    if example.intended in heard:
        softened = (1 - vote_share) * target + vote_share * heard[example.intended] * example.labels.available
        target = softened / softened.sum()
    return Clip(example, samples.astype(np.float16), speech_span(samples, voice), target)


def view_of(
    clip: Clip,
    encoder: AudioEncoder,
    blocks: int,
    block_samples: int,
    rng: np.random.Generator | None = None,
    place_seed: int = 0,
) -> View:
    """Cut a clip and run the frozen part of the encoder over it.

    Args:
        clip: what to encode.
        encoder: its first `blocks` blocks are used.
        blocks: number of frozen blocks.
        block_samples: new samples per input; 8,000 is what the live loop does.
        rng: augments when given; otherwise the clip is taken as it is.
        place_seed: clips with one seed are put into one place (room, line, noise).
    """
    pieces = _pieces(clip, block_samples, rng, place_seed)
    device = next(encoder.parameters()).device
    with torch.no_grad(), torch.autocast(device.type, torch.bfloat16):
        mel = log_mel(torch.from_numpy(pieces.samples).to(device))
        if rng is not None:
            mel = _mask_bands(mel, rng)
        states = encoder.states(mel, blocks).bfloat16()
    times = torch.from_numpy(pieces.times_s)
    return View(states, pieces.newest, times, torch.from_numpy(pieces.spoken))


def _pieces(clip: Clip, block_samples: int, rng: np.random.Generator | None, place_seed: int) -> Blocks:
    samples, (start, end) = clip.samples.astype(np.float32), clip.span
    if rng is None:
        return cut(samples, (start, end), 0, block_samples)
    # Some recordings are preceded by what was there, some by nothing, as at the start of a stream.
    lead = int(rng.integers(0, min(start, INPUT_SAMPLES) + 1))
    changed = augment(samples[start - lead : end], rng, np.random.default_rng(place_seed))
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
