"""The networks of a checkpoint as torch modules with positional inputs, and inputs to export them with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn

from core.backends.base import NetworkName, Precision
from core.backends.precision import reduce_precision
from core.encoders.audio import AudioEncoder
from core.encoders.crop_scaling import CROP_SIZE
from core.encoders.text import TextEncoder
from core.encoders.text_tokens import MAX_PIECES
from core.encoders.visual import ExpressionNet
from core.labels import MODALITIES
from core.models.fusion import EmotionNet
from core.models.storage import load_network
from core.spec import ModelSpec

MAX_BATCH: Final = 64


class FlatNet(nn.Module):
    """`EmotionNet` with nine positional inputs (values, times, mask per modality): ONNX has no dicts."""

    def __init__(self, net: EmotionNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Values (B, T_m, D_m), times (B, T_m) and masks (B, T_m), text audio visual each."""
        values, times_s, mask = (dict(zip(MODALITIES, inputs[i : i + 3], strict=True)) for i in (0, 3, 6))
        answer: tuple[Tensor, ...] = self.net(values, times_s, mask)
        return answer


def load_module(
    network: NetworkName,
    spec: ModelSpec,
    checkpoint: Path,
    weights: Callable[[str], Path],
    precision: Precision = "fp32",
) -> nn.Module:
    """One network of a checkpoint, ready for inference.

    Raises:
        SpecMismatch, ModelError: weights of ours are absent or do not fit.
        WeightsError: a third-party weight is not at hand.
    """
    net: nn.Module
    if network == "text":
        net = TextEncoder.load(weights("minilm"), checkpoint)
    elif network == "audio":
        net = AudioEncoder.load(weights("whisper-base"), checkpoint)
    elif network == "visual":
        net = ExpressionNet.load(checkpoint)
    else:
        net = FlatNet(load_network(spec, checkpoint))
    return reduce_precision(net.eval().requires_grad_(False), precision)


def example_inputs(network: NetworkName, spec: ModelSpec, batch: int, pieces: int = 8) -> tuple[Tensor, ...]:
    """Inputs of the right shapes and types: `batch` rows, all tokens visible."""
    if network == "text":
        ids = torch.ones(batch, pieces, dtype=torch.int64)
        return ids, ids.bool()
    if network == "audio":
        return (torch.zeros(batch, 80, 200),)
    if network == "visual":
        return (torch.rand(batch, 1, CROP_SIZE, CROP_SIZE),)
    shapes = [spec.token_shapes[m] for m in MODALITIES]
    values = tuple(torch.rand(batch, s.length, s.width) for s in shapes)
    times = tuple(torch.rand(batch, s.length) for s in shapes)
    masks = tuple(torch.ones(batch, s.length, dtype=torch.bool) for s in shapes)
    return (*values, *times, *masks)


def fixed_shape_inputs(network: NetworkName, spec: ModelSpec) -> tuple[Tensor, ...]:
    """Inputs of the one shape that static networks take: one row, texts padded to the longest."""
    return example_inputs(network, spec, 1, MAX_PIECES)


def output_names(network: NetworkName, spec: ModelSpec) -> tuple[str, ...]:
    """Names of the outputs, in order."""
    if network != "fusion":
        return ("tokens",)
    return ("logits", "peer_logits", "attribution", *(("affect",) if spec.fusion.valence_arousal else ()))


def dynamic_shapes(network: NetworkName) -> tuple[object, ...]:
    """Per input, the axes that vary: the pieces of a text, the rows of everything else."""
    if network == "text":
        # one text at a time: an axis less that varies is an operator less that asks for sizes
        pieces = torch.export.Dim("pieces", min=2, max=MAX_PIECES)
        return {1: pieces}, {1: pieces}
    rows = torch.export.Dim("batch", min=1, max=MAX_BATCH)
    # FlatNet takes *inputs: torch wants the shapes of a variadic argument as one tuple
    return (({0: rows},) * 9,) if network == "fusion" else ({0: rows},)
