"""OpenVINO on the processor, from the export.

Without a hint OpenVINO computes in bfloat16 wherever the processor can and says nothing of it; so the
precision is always named. Its Python package brings a telemetry package along, and importing the one calls an
address in the Internet by the other; so the other is kept out before the import.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from core.backends.base import Form, Network, NetworkName, Precision
from core.backends.fixed import Arrays, FixedShape
from core.backends.host import installed, processor

if TYPE_CHECKING:
    from core.backends.source import Source

HINTS: Final[dict[Precision, str]] = {"fp32": "f32", "bf16": "bf16"}

FULL_ONLY: Final[NetworkName] = "audio"
"""Whisper's layers in bfloat16 throughout move an estimate from voice alone by .033; .02 is allowed."""


class OpenVino:
    """OpenVINO, float32 unless bfloat16 is asked for."""

    name: ClassVar[str] = "openvino"
    precisions: ClassVar[tuple[Precision, ...]] = ("fp32", "bf16")
    reduced: ClassVar[bool] = False
    runs: ClassVar[Form] = "artifact"
    suffix: ClassVar[str] = ".onnx"

    def probe(self) -> str | None:
        """The package, without importing it."""
        if installed("openvino") is None:
            return "openvino is not installed; pip install 'emotrack[openvino]'."
        return None

    def identity(self) -> dict[str, str]:
        """Its version and the processor."""
        return {"openvino": installed("openvino") or "", "processor": processor()}

    def lower(self, source: Source, network: NetworkName, precision: Precision, path: Path) -> None:
        """The export itself: OpenVINO compiles it when it is loaded, in a tenth of a second."""
        source.write_onnx(network, "fp32", path)

    def load(self, path: Path, network: NetworkName, precision: Precision, threads: int) -> Network:
        """Compile for this processor; every input but a text's pieces has a fixed shape."""
        _keep_silent()
        import openvino

        core: Any = openvino.Core()
        model: Any = core.read_model(str(path))
        shapes: list[tuple[int, ...]] | None = None
        if network != "text":
            model.reshape({port: _one_row(port) for port in model.inputs})
            shapes = [tuple(port.shape) for port in model.inputs]
        compiled = core.compile_model(model, "CPU", settings(network, precision, threads))
        request = compiled.create_infer_request()

        def run(inputs: Arrays) -> list[NDArray[np.generic]]:
            return list(request.infer(list(inputs)).values())

        return FixedShape(network, run, shapes)


def _keep_silent() -> None:
    """Make the import of the telemetry package fail: OpenVINO has a stand-in for that, which does nothing."""
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]


def settings(network: NetworkName, precision: Precision, threads: int) -> dict[str, object]:
    """Of the processor plug-in."""
    return {
        "INFERENCE_PRECISION_HINT": HINTS["fp32" if network == FULL_ONLY else precision],
        "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": "LATENCY",
        "ENABLE_CPU_PINNING": False,
    }


def _one_row(port: Any) -> list[int]:  # noqa: ANN401
    rest = [int(size.get_length()) for size in list(port.partial_shape)[1:]]
    return [1, *rest]
