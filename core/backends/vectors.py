"""Parity vectors: inputs that reach every branch of the networks, with eager's float32 outputs.

The fusion's tokens are drawn around the mean and deviation that the checkpoint was trained with, so that they
lie where real ones lie. What a mask hides is garbage, eight times as far from the mean: a lowering that looks
behind a mask, or takes it for a causal one, cannot pass.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from core.backends.base import NetworkName
from core.backends.modules import FlatNet
from core.backends.parity import FULL_TOLERANCE, Array, Case, Cases
from core.encoders.crop_scaling import CROP_SIZE
from core.encoders.log_mel import INPUT_SAMPLES, log_mel
from core.encoders.text_tokens import MAX_PIECES
from core.errors import ModelError
from core.inputs import SAMPLE_RATE
from core.labels import MODALITIES, Modality
from core.models.peers import Peer
from core.spec import ModelSpec, pattern

_SEED: Final = 20
_GARBAGE: Final = 8.0
_SPAN_S: Final = 6.0

_PATTERNS: Final = [p for n in (1, 2, 3) for p in itertools.combinations(MODALITIES, n)]

Flat = tuple[Array, ...]


def make_cases(spec: ModelSpec, modules: Mapping[NetworkName, nn.Module]) -> Cases:
    """Make the vectors of a checkpoint; always the same ones.

    Args:
        spec: of the checkpoint.
        modules: its networks, eager, float32.

    Raises:
        ModelError: eager itself looks behind the masks, or the vectors could not tell who does.
    """
    rng = np.random.default_rng(_SEED)
    inputs: dict[NetworkName, dict[str, Flat]] = {
        "text": _texts(rng),
        "audio": _sounds(rng),
        "visual": _faces(rng),
        "fusion": _FusionInputs(spec, modules["fusion"], rng).all(),
    }
    cases: dict[NetworkName, Sequence[Case]] = {
        network: [Case(name, flat, run_eager(modules[network], flat)) for name, flat in named.items()]
        for network, named in inputs.items()
    }
    _check_sensitivity(modules["fusion"], inputs["fusion"]["garbage behind the masks"])
    return cases


@torch.inference_mode()
def run_eager(module: nn.Module, inputs: Flat) -> Flat:
    """Run a module on numpy arrays."""
    answer = module(*(torch.from_numpy(x) for x in inputs))
    outputs = (answer,) if isinstance(answer, torch.Tensor) else answer
    return tuple(output.numpy() for output in outputs)


def _texts(rng: np.random.Generator) -> dict[str, Flat]:
    def text(pieces: int, real: int) -> Flat:
        ids = rng.integers(1_000, 30_000, (1, pieces)).astype(np.int64)
        ids[0, 0], ids[0, real - 1] = 101, 102  # the marks at both ends
        return ids, (np.arange(pieces) < real)[None]

    return {
        "eight pieces": text(8, 8),
        "shortest text": text(3, 3),
        "longest text": text(MAX_PIECES, MAX_PIECES),
        "garbage behind the text": text(20, 9),
    }


def _sounds(rng: np.random.Generator) -> dict[str, Flat]:
    """Voice-like sound: a gliding tone with overtones that swells four times a second, and breath."""
    time_s = np.arange(INPUT_SAMPLES) / SAMPLE_RATE

    def block() -> NDArray[np.float32]:
        pitch_hz = rng.uniform(90, 220) * (1 + 0.1 * np.sin(2 * np.pi * rng.uniform(0.3, 1) * time_s))
        phase = 2 * np.pi * np.cumsum(pitch_hz) / SAMPLE_RATE
        tone = sum(np.sin(k * phase) / k for k in range(1, 20))
        swell = 0.5 + 0.5 * np.sin(2 * np.pi * 4 * time_s + rng.uniform(0, 6))
        sound = 0.05 * tone * swell + 0.005 * rng.normal(size=INPUT_SAMPLES)
        return log_mel(sound.astype(np.float32))

    quiet = log_mel((1e-4 * rng.normal(size=INPUT_SAMPLES)).astype(np.float32))
    return {
        "one block": (block()[None],),
        "three blocks": (np.stack([block() for _ in range(3)]),),
        "near silence": (quiet[None],),
    }


def _faces(rng: np.random.Generator) -> dict[str, Flat]:
    def faces(rows: int) -> Flat:
        coarse = np.repeat(np.repeat(rng.random((rows, 1, 6, 6)), CROP_SIZE // 6, 2), CROP_SIZE // 6, 3)
        noise = rng.normal(size=(rows, 1, CROP_SIZE, CROP_SIZE)) * 0.05
        return (np.clip(coarse + noise, 0, 1).astype(np.float32),)

    grey = np.full((1, 1, CROP_SIZE, CROP_SIZE), 0.5, np.float32)
    return {"one face": faces(1), "four faces": faces(4), "a grey face": (grey,)}


class _FusionInputs:
    """Windows for the fusion network, as its nine flat inputs."""

    def __init__(self, spec: ModelSpec, module: nn.Module, rng: np.random.Generator) -> None:
        assert isinstance(module, FlatNet)
        self._shapes = spec.token_shapes
        self._peers = module.net.peers
        self._rng = rng

    def all(self) -> dict[str, Flat]:
        full = {m: shape.length for m, shape in self._shapes.items()}
        named: dict[str, Flat] = {
            pattern(p): self._windows([{m: self._some(m) for m in p}]) for p in _PATTERNS[::-1]
        }
        named["shortest window"] = self._windows([dict.fromkeys(MODALITIES, 1)])
        named["longest window"] = self._windows([full])
        named["garbage behind the masks"] = self._windows([{m: max(1, n // 4) for m, n in full.items()}])
        named["holes in the masks"] = self._with_holes(self._windows([full]))
        named["one token of text in a batch of all patterns"] = self._windows(
            [{"text": 1}, *({m: self._some(m) for m in p} for p in _PATTERNS)]
        )
        return named

    def _some(self, modality: Modality) -> int:
        return int(self._rng.integers(1, self._shapes[modality].length))

    def _windows(self, counts: Sequence[Mapping[Modality, int]]) -> Flat:
        values: list[Array] = []
        times: list[Array] = []
        masks: list[Array] = []
        for m in MODALITIES:
            length = self._shapes[m].length
            visible = np.array([[count.get(m, 0)] for count in counts])
            mask = np.arange(length)[None] < visible  # (B, T)
            mean, deviation = self._statistics(m)
            noise = self._rng.normal(size=(len(counts), length, len(mean)))
            spread = np.where(mask[..., None], 1.0, _GARBAGE)
            values.append((mean + noise * deviation * spread).astype(np.float32))
            times.append(np.sort(self._rng.uniform(0, _SPAN_S, mask.shape)).astype(np.float32))
            masks.append(mask)
        return (*values, *times, *masks)

    def _statistics(self, modality: Modality) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        peer = self._peers[modality]
        assert isinstance(peer, Peer)
        return peer.input_mean.numpy(), (1.0 / peer.input_scale).numpy()

    @staticmethod
    def _with_holes(flat: Flat) -> Flat:
        """Every second token hidden: a mask that no causal one resembles."""
        masks = [np.broadcast_to(np.arange(x.shape[1]) % 2 == 1, x.shape).copy() for x in flat[6:]]
        return (*flat[:6], *masks)


def _check_sensitivity(module: nn.Module, flat: Flat) -> None:
    """What is hidden must not count, and must count as soon as it is shown."""
    masked = run_eager(module, flat)[0]
    hidden = tuple(
        np.where(mask[..., None], values, 0).astype(np.float32)
        for values, mask in zip(flat[:3], flat[6:], strict=True)
    )
    cleaned = run_eager(module, (*hidden, *flat[3:]))[0]
    shown = run_eager(module, (*flat[:6], *(np.ones_like(mask) for mask in flat[6:])))[0]
    leak = float(np.abs(_sigmoid(masked) - _sigmoid(cleaned)).max())
    seen = float(np.abs(_sigmoid(masked) - _sigmoid(shown)).max())
    if leak > FULL_TOLERANCE / 10 or seen < FULL_TOLERANCE * 10:
        raise ModelError(
            f"the parity vectors cannot tell whether a mask is obeyed: what is hidden moves a probability "
            f"by {leak:.2g}, shown by {seen:.2g}.",
            fix="The checkpoint's fusion network does not depend on its input; train it again.",
        )


def _sigmoid(logits: Array) -> NDArray[np.float64]:
    result: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-np.asarray(logits, np.float64)))
    return result
