"""Reading and writing the weights of `EmotionNet` beside a spec."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from core.errors import SpecMismatch
from core.models.fusion import EmotionNet
from core.spec import ModelSpec
from core.weights import file_sha256


def save_network(net: EmotionNet, path: Path) -> str:
    """Write the weights, atomically; learned ones as float16, statistics as float32.

    Returns:
        sha256 of the file, for `FusionSpec.file_sha256`.
    """
    learned = {name for name, _ in net.named_parameters()}
    tensors = {
        name: (value.half() if name in learned else value).contiguous().cpu()
        for name, value in net.state_dict().items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    save_file(tensors, str(partial))
    os.replace(partial, path)
    return file_sha256(path)


def load_network(spec: ModelSpec, checkpoint: Path) -> EmotionNet:
    """Build the network of a checkpoint and fill it with its weights, float32, ready for inference.

    Raises:
        SpecMismatch: the file is absent, is not the one that the spec names, or does not fit its sizes.
    """
    path = checkpoint / spec.fusion.file
    if not path.is_file():
        raise SpecMismatch("is named by the spec but is not there.", where=str(path), fix="Restore the file.")
    if file_sha256(path) != spec.fusion.file_sha256:
        raise SpecMismatch(
            "is not the file that the spec names (its hash differs).",
            where=str(path),
            fix="Restore the checkpoint folder as a whole.",
        )
    net = EmotionNet.from_spec(spec)
    tensors = {name: value.to(torch.float32) for name, value in load_file(str(path)).items()}
    try:
        net.load_state_dict(tensors)
    except RuntimeError as error:
        raise SpecMismatch(f"does not fit the sizes in the spec: {error}", where=str(path)) from error
    return net
