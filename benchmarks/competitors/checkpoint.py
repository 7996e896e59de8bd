"""The weights of a CTranslate2 folder as OpenAI's checkpoint holds them.

WhisperLiveKit's default policy reads attention out of a decoder in PyTorch. So that it hears with the very
same weights as everybody else, they are written once in the form that it reads.
"""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.encoders.whisper_weights import read_tensors

Tensors = dict[str, NDArray[np.float32]]

_HEAD_SIZE: Final = 64  # of every Whisper


def openai_checkpoint(folder: Path, target: Path) -> Path:
    """Write the weights of `folder` as `target`, unless it is there.

    Raises:
        WeightsError: the folder holds no such weights.
    """
    if target.exists():
        return target
    import torch

    tensors = read_tensors(folder / "model.bin")
    state = {name: torch.from_numpy(value).half() for name, value in openai_names(tensors).items()}
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_suffix(".tmp")
    torch.save({"dims": dimensions(tensors), "model_state_dict": state}, temporary)
    return temporary.replace(target)


def alignment_heads(folder: Path) -> str:
    """Which heads of the decoder follow the sound, as OpenAI writes it down: packed, in base 85."""
    sizes = dimensions(read_tensors(folder / "model.bin"))
    mask = np.zeros((sizes["n_text_layer"], sizes["n_text_head"]), bool)
    for layer, head in json.loads((folder / "config.json").read_text(encoding="utf-8"))["alignment_heads"]:
        mask[layer, head] = True
    return base64.b85encode(gzip.compress(mask.tobytes(), mtime=0)).decode()


def dimensions(tensors: Tensors) -> dict[str, int]:
    """Sizes of the network under OpenAI's names."""
    audio, text = (
        tensors["encoder/position_encodings/encodings"],
        tensors["decoder/position_encodings/encodings"],
    )
    return {
        "n_mels": tensors["encoder/conv1/weight"].shape[1],
        "n_audio_ctx": audio.shape[0],
        "n_audio_state": audio.shape[1],
        "n_audio_head": audio.shape[1] // _HEAD_SIZE,
        "n_audio_layer": _layers(tensors, "encoder"),
        "n_vocab": tensors["decoder/embeddings/weight"].shape[0],
        "n_text_ctx": text.shape[0],
        "n_text_state": text.shape[1],
        "n_text_head": text.shape[1] // _HEAD_SIZE,
        "n_text_layer": _layers(tensors, "decoder"),
    }


def openai_names(tensors: Tensors) -> Tensors:
    """Every weight under OpenAI's name; what CTranslate2 joined is taken apart.

    CTranslate2 joins the linear maps to query, key and value; OpenAI's key has no bias.
    """
    found = {
        "encoder.positional_embedding": tensors["encoder/position_encodings/encodings"],
        "decoder.positional_embedding": tensors["decoder/position_encodings/encodings"],
        "decoder.token_embedding.weight": tensors["decoder/embeddings/weight"],
        **_norm("encoder.ln_post", tensors, "encoder/layer_norm"),
        **_norm("decoder.ln", tensors, "decoder/layer_norm"),
    }
    for conv in ("conv1", "conv2"):
        found |= _linear(f"encoder.{conv}", tensors, f"encoder/{conv}")
    for part in ("encoder", "decoder"):
        for layer in range(_layers(tensors, part)):
            found |= _block(f"{part}.blocks.{layer}", tensors, f"{part}/layer_{layer}")
    return found


def _block(name: str, tensors: Tensors, source: str) -> Tensors:
    found = {
        **_norm(f"{name}.attn_ln", tensors, f"{source}/self_attention/layer_norm"),
        **_parts(name + ".attn", ("query", "key", "value"), tensors, f"{source}/self_attention/linear_0"),
        **_linear(f"{name}.attn.out", tensors, f"{source}/self_attention/linear_1"),
        **_norm(f"{name}.mlp_ln", tensors, f"{source}/ffn/layer_norm"),
        **_linear(f"{name}.mlp.0", tensors, f"{source}/ffn/linear_0"),
        **_linear(f"{name}.mlp.2", tensors, f"{source}/ffn/linear_1"),
    }
    if f"{source}/attention/linear_0/weight" in tensors:
        found |= {
            **_norm(f"{name}.cross_attn_ln", tensors, f"{source}/attention/layer_norm"),
            **_linear(f"{name}.cross_attn.query", tensors, f"{source}/attention/linear_0"),
            **_parts(name + ".cross_attn", ("key", "value"), tensors, f"{source}/attention/linear_1"),
            **_linear(f"{name}.cross_attn.out", tensors, f"{source}/attention/linear_2"),
        }
    return found


def _parts(name: str, maps: tuple[str, ...], tensors: Tensors, source: str) -> Tensors:
    weights = np.split(tensors[f"{source}/weight"], len(maps))
    biases = np.split(tensors[f"{source}/bias"], len(maps))
    found = {f"{name}.{part}.weight": weight for part, weight in zip(maps, weights, strict=True)}
    return found | {
        f"{name}.{part}.bias": bias for part, bias in zip(maps, biases, strict=True) if part != "key"
    }


def _linear(name: str, tensors: Tensors, source: str) -> Tensors:
    return {f"{name}.weight": tensors[f"{source}/weight"], f"{name}.bias": tensors[f"{source}/bias"]}


def _norm(name: str, tensors: Tensors, source: str) -> Tensors:
    return {f"{name}.weight": tensors[f"{source}/gamma"], f"{name}.bias": tensors[f"{source}/beta"]}


def _layers(tensors: Tensors, part: str) -> int:
    return len(
        {name.split("/")[1] for name in tensors if name.startswith(f"{part}/layer_") and "norm" not in name}
    )
