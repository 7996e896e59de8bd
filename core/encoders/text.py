"""`TextEncoder`: MiniLM (six layers of BERT, Wang et al. 2020) with our adapters, one token per word piece.

Legend: B batch, T word pieces, D = 384.

The network is written out here, in the shapes of the published weights, because it exports to ONNX without
surprises; `transformers` gives the same numbers (tested).
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
from core.errors import ModelError

FILE: Final = "text_adapter.safetensors"
"""Name of the adapters inside a checkpoint folder."""

WIDTH: Final = 384
"""D: width of a text token."""

RANK: Final = 16
"""Rank of the adapters."""

ADAPTED: Final = ("query", "key", "value", "out", "fc1", "fc2")
"""Linear layers that are adapted, in every block."""

_LAYERS, _HEADS, _INNER, _VOCABULARY, _POSITIONS, _EPSILON = 6, 12, 1536, 30_522, 512, 1e-12

_PUBLISHED: Final = {
    "attention.self.query": "query",
    "attention.self.key": "key",
    "attention.self.value": "value",
    "attention.output.dense": "out",
    "attention.output.LayerNorm": "self_attn_norm",
    "intermediate.dense": "fc1",
    "output.dense": "fc2",
    "output.LayerNorm": "mlp_norm",
}


class BertBlock(nn.Module):
    """One post-norm transformer block."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value, self.out = (nn.Linear(WIDTH, WIDTH) for _ in range(4))
        self.self_attn_norm = nn.LayerNorm(WIDTH, eps=_EPSILON)
        self.fc1 = nn.Linear(WIDTH, _INNER)
        self.fc2 = nn.Linear(_INNER, WIDTH)
        self.mlp_norm = nn.LayerNorm(WIDTH, eps=_EPSILON)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """x (B, T, D), bias (B, 1, 1, T) added to the attention's scores -> (B, T, D)."""
        x = self.self_attn_norm(x + self.out(attend(self.query(x), self.key(x), self.value(x), _HEADS, bias)))
        x = self.mlp_norm(x + self.fc2(functional.gelu(self.fc1(x))))
        return x


class TextEncoder(nn.Module):
    """MiniLM's token states. Build it with `load` (our adapters merged) or `published` (as released)."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(_VOCABULARY, WIDTH)
        self.positions = nn.Embedding(_POSITIONS, WIDTH)
        self.segment = nn.Parameter(torch.zeros(WIDTH))
        self.norm = nn.LayerNorm(WIDTH, eps=_EPSILON)
        self.blocks = nn.ModuleList(BertBlock() for _ in range(_LAYERS))

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Encode word pieces.

        Args:
            input_ids: (B, T) int64, from `core.encoders.text_tokens`.
            attention_mask: (B, T) bool or 0/1, 1 for a real piece.

        Returns:
            (B, T, 384): one token per piece; padded positions hold finite numbers without meaning.
        """
        place = self.positions.weight[: input_ids.shape[1]]
        x: Tensor = self.norm(self.words(input_ids) + place + self.segment)
        bias = (1.0 - attention_mask[:, None, None, :].to(x.dtype)) * -1e4
        for block in self.blocks:
            x = block(x, bias)
        return x

    @classmethod
    def published(cls, weights: Path) -> TextEncoder:
        """MiniLM as released, frozen. `weights` is the folder that holds `model.safetensors`.

        Raises:
            ModelError: the file is absent or is not MiniLM.
        """
        path = weights / "model.safetensors"
        found = load_tensors(path, fix="Fetch the weights again: emotrack models pull.")
        network = cls()
        try:
            network.load_state_dict(_renamed(found))
        except (KeyError, RuntimeError) as error:
            raise ModelError(f"is not MiniLM-L6: {error}", where=str(path)) from error
        return network.requires_grad_(False).eval()

    @classmethod
    def adaptable(cls, weights: Path) -> TextEncoder:
        """MiniLM with fresh adapters, which change nothing yet; only they can be trained."""
        network = cls.published(weights)
        add_adapters(network, ADAPTED, RANK)
        return network

    @classmethod
    def load(cls, weights: Path, checkpoint: Path) -> TextEncoder:
        """MiniLM with the adapters of a checkpoint merged in: a plain network for inference and export.

        Raises:
            ModelError: a file is absent or does not fit.
        """
        network = cls.adaptable(weights)
        adapters = read_tensors(checkpoint / FILE, expected=network.adapters(), renamed=OLD_LAYER_NAMES)
        network.load_state_dict(adapters, strict=False)
        merge_adapters(network)
        return network.requires_grad_(False).eval()

    def adapters(self) -> dict[str, Tensor]:
        """What a checkpoint stores: everything that differs from the published network."""
        return {name: value for name, value in self.state_dict().items() if name.endswith((".up", ".down"))}


def _renamed(found: dict[str, Tensor]) -> dict[str, Tensor]:
    """The published names in ours."""
    ours = {
        "words.weight": found["embeddings.word_embeddings.weight"],
        "positions.weight": found["embeddings.position_embeddings.weight"],
        "segment": found["embeddings.token_type_embeddings.weight"][0],
    }
    for part in ("weight", "bias"):
        ours[f"norm.{part}"] = found[f"embeddings.LayerNorm.{part}"]
        for layer in range(_LAYERS):
            for theirs, name in _PUBLISHED.items():
                ours[f"blocks.{layer}.{name}.{part}"] = found[f"encoder.layer.{layer}.{theirs}.{part}"]
    return ours
