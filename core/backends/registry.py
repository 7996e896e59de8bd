"""Every backend by name, imported when it is asked for, and the order in which `auto` tries them."""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module
from typing import Final, cast

from core.backends.base import Backend
from core.errors import ConfigError

BACKENDS: Final[dict[str, str]] = {
    "tensorrt": "core.backends.tensorrt:TensorRt",
    "tensorrt-rtx": "core.backends.tensorrt_rtx:TensorRtRtx",
    "cuda": "core.backends.cuda:Cuda",
    "onnx-int8": "core.backends.onnx_int8:OnnxInt8",
    "openvino": "core.backends.openvino:OpenVino",
    "aoti": "core.backends.aoti:AotInductor",
    "onnx": "core.backends.onnx:Onnx",
    "eager": "core.backends.eager:Eager",
}
"""Name -> "module:class"."""

AUTO: Final = ("tensorrt", "tensorrt-rtx", "cuda", "onnx-int8", "openvino", "onnx", "eager")
"""Fastest first. onnx-int8 takes part only when validation data spoke for it; aoti only when it is named: it
costs the start-up of torch and gains little over ONNX Runtime."""


def backend(name: str) -> Backend:
    """The backend of that name.

    Raises:
        ConfigError: there is none.
    """
    if name not in BACKENDS:
        near = get_close_matches(name, BACKENDS, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"There are auto, {', '.join(BACKENDS)}."
        raise ConfigError(f"there is no backend {name!r}.", fix=hint)
    module, _, cls = BACKENDS[name].partition(":")
    return cast(Backend, getattr(import_module(module), cls)())
