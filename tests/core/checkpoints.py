"""A checkpoint whose networks are small and random, in the formats of a real one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from core.encoders import audio, text, visual
from core.encoders.weight_files import write_tensors
from core.labels import EMOTIONS
from core.models.fusion import EmotionNet
from core.models.storage import save_network
from core.spec import EncoderSpec, FusionSpec, ModelSpec, write_spec
from core.weights import file_sha256, find
from tests.core import fakes

SIZES = FusionSpec(width=32, heads=4, peer_layers=1, fusion_layers=1, feedforward=48, valence_arousal=True)


def write_random_checkpoint(
    folder: Path, weights: Callable[[str], Path], sizes: FusionSpec = SIZES
) -> ModelSpec:
    """Write spec and weights; the adapters change their networks a little. Always the same numbers."""
    torch.manual_seed(7)
    for module, network in (
        (text, text.TextEncoder.adaptable(weights("minilm"))),
        (audio, audio.AudioEncoder.adaptable(weights("whisper-base"))),
    ):
        shaken = {name: value + 0.01 * torch.randn_like(value) for name, value in network.adapters().items()}
        write_tensors(shaken, folder / module.FILE)
    write_tensors(visual.ExpressionNet().state_dict(), folder / visual.FILE)
    widths = {"text": text.WIDTH, "audio": audio.WIDTH, "visual": visual.WIDTH}
    net = EmotionNet(widths, len(EMOTIONS), sizes)
    encoders = {
        "text": _encoder("minilm", "minilm", "model.safetensors", folder / text.FILE, text.WIDTH, 64),
        "audio": _encoder(
            "whisper_truncated", "whisper-base", "model.bin", folder / audio.FILE, audio.WIDTH, 120
        ),
        "visual": _encoder("expression", None, None, folder / visual.FILE, visual.WIDTH, 60),
    }
    options = {"audio": {"block_s": 0.5, "context_s": 1.5}, "visual": {"crop_size": 48}}
    spec = fakes.spec(
        name="random",
        encoders={m: e.model_copy(update={"options": options.get(m, {})}) for m, e in encoders.items()},
        fusion=sizes.model_copy(update={"file_sha256": save_network(net, folder / sizes.file)}),
        summary="Random numbers, for tests.",
    )
    write_spec(spec, folder)
    return spec


def _encoder(
    kind: str, weight: str | None, main_file: str | None, own: Path, width: int, tokens: int
) -> EncoderSpec:
    found = next((f.sha256 for f in find(weight).files if f.name == main_file), None) if weight else None
    return EncoderSpec(
        kind=kind,
        weight=weight,
        weight_sha256=found,
        files={own.name: file_sha256(own)},
        width=width,
        max_tokens=tokens,
    )
