"""`AudioEncoder`: the first layers of Whisper's encoder with our adapters, five tokens per block of speech.

Legend: B batch, S = 512 width of a state, D = 2 S width of a token, P = 100 positions (20 ms each) of 2 s.

    mel (B, 80, 200) -> convolutions -> P positions -> 3 layers -> newest 25 -> means of 5 -> (B, 5, D)

A token holds what the second layer says, as released, beside what the adapted third one does: the second
carries further to voices and languages never heard, the third knows more of acted emotion. Checkpoints from
before have tokens of the third layer alone; `AudioEncoder.load` tells them by their file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from core.encoders.attention import attend
from core.encoders.lora import OLD_LAYER_NAMES, add_adapters, merge_adapters
from core.encoders.weight_files import load_tensors, read_tensors
from core.encoders.whisper_weights import read_encoder_tensors

FILE: Final = "audio_adapter.safetensors"
"""Name of the adapters inside a checkpoint folder."""

STATE_WIDTH: Final = 512
"""S: width of a state, and of a token of one layer."""

WIDTH: Final = 2 * STATE_WIDTH
"""D: width of an audio token."""

LAYERS: Final = 3
"""Of Whisper base's six: emotion is best read in the middle of the encoder."""

POOLED: Final = 5
"""Positions of 20 ms per token: tokens come at 10 Hz."""

BLOCK_TOKENS: Final = 5
"""Tokens of one block of 0.5 s."""

RANK: Final = 32
"""Rank of the adapters."""

ADAPTED: Final = ("query", "key", "value", "out", "fc1", "fc2")
"""Linear layers that are adapted, in every block."""

_HEADS, _INNER, _POSITIONS = 8, 2048, 100

_STORED: Final = {
    "self_attention/layer_norm/gamma": "self_attn_norm.weight",
    "self_attention/layer_norm/beta": "self_attn_norm.bias",
    "self_attention/linear_1/weight": "out.weight",
    "self_attention/linear_1/bias": "out.bias",
    "ffn/layer_norm/gamma": "mlp_norm.weight",
    "ffn/layer_norm/beta": "mlp_norm.bias",
    "ffn/linear_0/weight": "fc1.weight",
    "ffn/linear_0/bias": "fc1.bias",
    "ffn/linear_1/weight": "fc2.weight",
    "ffn/linear_1/bias": "fc2.bias",
}


class WhisperBlock(nn.Module):
    """One pre-norm transformer block."""

    def __init__(self) -> None:
        super().__init__()
        self.self_attn_norm = nn.LayerNorm(STATE_WIDTH)
        self.query, self.key, self.value, self.out = (nn.Linear(STATE_WIDTH, STATE_WIDTH) for _ in range(4))
        self.mlp_norm = nn.LayerNorm(STATE_WIDTH)
        self.fc1 = nn.Linear(STATE_WIDTH, _INNER)
        self.fc2 = nn.Linear(_INNER, STATE_WIDTH)

    def forward(self, x: Tensor, newest: int | None = None) -> Tensor:
        """(B, P, D) -> (B, P, D), or only the `newest` positions of the result (all are attended to)."""
        y = self.self_attn_norm(x)
        x = x if newest is None else x[:, -newest:]
        queried = y if newest is None else y[:, -newest:]
        x = x + self.out(attend(self.query(queried), self.key(y), self.value(y), _HEADS))
        x = x + self.fc2(functional.gelu(self.fc1(self.mlp_norm(x))))
        return x


class AudioEncoder(nn.Module):
    """Build it with `load` (our adapters merged) or `published` (as released).

    Args:
        both: tokens of the second and the third layer; else of the third alone.
    """

    def __init__(self, both: bool = True) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(80, STATE_WIDTH, 3, padding=1)
        self.conv2 = nn.Conv1d(STATE_WIDTH, STATE_WIDTH, 3, stride=2, padding=1)
        self.positions = nn.Parameter(torch.zeros(_POSITIONS, STATE_WIDTH))
        self.blocks = nn.ModuleList(WhisperBlock() for _ in range(LAYERS))
        self.lower_norm = nn.LayerNorm(STATE_WIDTH) if both else None
        self.norm = nn.LayerNorm(STATE_WIDTH)

    def forward(self, mel: Tensor) -> Tensor:
        """Encode one block with its left context.

        Args:
            mel: (B, 80, 200) float: 2.0 s as `core.encoders.log_mel.log_mel` gives them.

        Returns:
            (B, 5, D): tokens of the last 0.5 s, oldest first; token i covers 0.1 s.
        """
        return self.tokens(self.states(mel, 0), 0, BLOCK_TOKENS)

    def states(self, mel: Tensor, blocks: int) -> Tensor:
        """(B, 80, 200) -> (B, P, D): what the first `blocks` blocks make of it."""
        x: Tensor = functional.gelu(self.conv2(functional.gelu(self.conv1(mel)))).transpose(1, 2)
        x = x + self.positions
        for block in self.blocks[:blocks]:
            x = block(x)
        return x

    def tokens(self, states: Tensor, blocks: int, newest: int) -> Tensor:
        """States after the first `blocks` blocks -> (B, newest, D): the last `newest` tokens of the input."""
        for block in self.blocks[blocks:-1]:
            states = block(states)
        last = self.norm(self.blocks[-1](states, newest * POOLED))
        if self.lower_norm is not None:
            last = torch.cat([self.lower_norm(states[:, -newest * POOLED :]), last], dim=-1)
        tokens: Tensor = last.unflatten(1, (newest, POOLED)).mean(dim=2)
        return tokens

    @classmethod
    def published(cls, weights: Path, both: bool = True) -> AudioEncoder:
        """Whisper's layers as released, frozen. `weights` is the folder that holds `model.bin`.

        Raises:
            WeightsError: the file is absent or is not the float16 Whisper base.
        """
        network = cls(both)
        network.load_state_dict(_renamed(weights / "model.bin", network), strict=True)
        return network.requires_grad_(False).eval()

    @classmethod
    def adaptable(cls, weights: Path, both: bool = True) -> AudioEncoder:
        """The published layers with fresh adapters, which change nothing yet; only they are trained."""
        network = cls.published(weights, both)
        add_adapters(network, ADAPTED, RANK)
        network.norm.requires_grad_(True)
        return network

    @classmethod
    def load(cls, weights: Path, checkpoint: Path) -> AudioEncoder:
        """Whisper's layers with the adapters of a checkpoint merged in, for inference and export.

        Raises:
            WeightsError, ModelError: a file is absent or does not fit.
        """
        stored = load_tensors(checkpoint / FILE, fix="Restore the checkpoint folder as a whole.")
        network = cls.adaptable(weights, any(name.startswith("lower_norm.") for name in stored))
        adapters = read_tensors(checkpoint / FILE, expected=network.adapters(), renamed=OLD_LAYER_NAMES)
        network.load_state_dict(adapters, strict=False)
        merge_adapters(network)
        return network.requires_grad_(False).eval()

    def adapters(self) -> dict[str, Tensor]:
        """What a checkpoint stores: everything that differs from the published layers."""
        state = self.state_dict()
        own = ("norm.", "lower_norm.")
        return {
            name: state[name] for name in state if name.endswith((".up", ".down")) or name.startswith(own)
        }


def _renamed(path: Path, network: AudioEncoder) -> dict[str, Tensor]:
    """CTranslate2's names in ours; its query, key and value are one matrix."""
    found = {name: torch.from_numpy(value) for name, value in read_encoder_tensors(path, LAYERS).items()}
    ours = {f"norm.{name}": value for name, value in network.norm.state_dict().items()}
    if network.lower_norm is not None:
        ours |= {f"lower_norm.{name}": value for name, value in network.lower_norm.state_dict().items()}
    ours["positions"] = found["position_encodings/encodings"][:_POSITIONS]
    for part in ("weight", "bias"):
        ours[f"conv1.{part}"] = found[f"conv1/{part}"]
        ours[f"conv2.{part}"] = found[f"conv2/{part}"]
        for layer in range(LAYERS):
            fused = found[f"layer_{layer}/self_attention/linear_0/{part}"]
            for name, third in zip(("query", "key", "value"), fused.chunk(3), strict=True):
                ours[f"blocks.{layer}.{name}.{part}"] = third
    for layer in range(LAYERS):
        for theirs, name in _STORED.items():
            ours[f"blocks.{layer}.{name}"] = found[f"layer_{layer}/{theirs}"]
    return ours
