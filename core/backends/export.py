"""Export of a checkpoint's networks to ONNX, once per checkpoint; the live loop runs what this writes.

    python -m core.backends.export CHECKPOINT OUT

This module imports torch; it runs in a process of its own so that the live loop never does.
"""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from core.backends.artifacts import check_weights, write_manifest
from core.encoders.audio import AudioEncoder
from core.encoders.crop_scaling import CROP_SIZE
from core.encoders.text import TextEncoder
from core.encoders.visual import ExpressionNet
from core.errors import EmotrackError
from core.labels import MODALITIES
from core.models.fusion import EmotionNet
from core.models.storage import load_network
from core.spec import ModelSpec, read_spec
from core.weights import locate


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


def export(checkpoint: Path, out: Path, weights: Callable[[str], Path] = locate) -> None:
    """Export the four networks of a checkpoint into the folder `out`, with a manifest.

    Args:
        checkpoint: folder with spec and weights.
        out: created; must not hold an older export.
        weights: name of a third-party weight -> its folder.

    Raises:
        SpecMismatch: a file is not the one that the spec names.
        ModelError: weights are absent or do not fit.
        WeightsError: a third-party weight is not at hand.
    """
    spec = read_spec(checkpoint)
    check_weights(spec, checkpoint, weights)
    out.mkdir(parents=True, exist_ok=True)
    text = TextEncoder.load(weights("minilm"), checkpoint)
    ids = torch.ones(1, 8, dtype=torch.int64)
    length = torch.export.Dim("pieces", min=2, max=64)
    _write(text, (ids, ids.bool()), out / "text.onnx", ("tokens",), ({1: length}, {1: length}))
    batch = torch.export.Dim("batch", min=1, max=64)
    audio = AudioEncoder.load(weights("whisper-base"), checkpoint)
    _write(audio, (torch.zeros(2, 80, 200),), out / "audio.onnx", ("tokens",), ({0: batch},))
    visual = ExpressionNet.load(checkpoint)
    crops = torch.rand(2, 1, CROP_SIZE, CROP_SIZE)
    _write(visual, (crops,), out / "visual.onnx", ("tokens",), ({0: batch},))
    _export_fusion(spec, checkpoint, out / "fusion.onnx")
    write_manifest(spec, out)


def _export_fusion(spec: ModelSpec, checkpoint: Path, path: Path) -> None:
    net = FlatNet(load_network(spec, checkpoint)).eval()
    shapes = [spec.token_shapes[m] for m in MODALITIES]
    values = tuple(torch.rand(2, s.length, s.width) for s in shapes)
    times = tuple(torch.rand(2, s.length) for s in shapes)
    masks = tuple(torch.ones(2, s.length, dtype=torch.bool) for s in shapes)
    batch = torch.export.Dim("batch", min=1, max=64)
    names = ("logits", "peer_logits", "attribution", *(("affect",) if spec.fusion.valence_arousal else ()))
    _write(net, (*values, *times, *masks), path, names, ({0: batch},) * 9, variadic=True)


def _write(
    net: nn.Module,
    example: tuple[Tensor, ...],
    path: Path,
    outputs: tuple[str, ...],
    dynamic: tuple[dict[int, torch.export.Dim], ...],
    *,
    variadic: bool = False,
) -> None:
    with warnings.catch_warnings(), torch.no_grad():
        # the exporter warns of its own deprecations and of guards on sizes that are meant to be dynamic
        warnings.simplefilter("ignore")
        torch.onnx.export(
            net.eval(),
            example,
            str(path),
            output_names=list(outputs),
            dynamic_shapes=(dynamic,) if variadic else dynamic,
            dynamo=True,
            external_data=False,
            verbose=False,
        )


def main(arguments: list[str]) -> int:
    """Command line of the module: CHECKPOINT OUT."""
    logging.disable(logging.WARNING)
    torch.manual_seed(0)
    try:
        export(Path(arguments[0]), Path(arguments[1]))
    except EmotrackError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
