"""ONNX Runtime on the processor: the default. It runs the export as it is; its own optimiser does the rest.

Static shapes and saving the optimised graph were measured and gain nothing that can be told from noise
(fusion .57 of eager instead of .58, loading 0.20 s of processor time instead of 0.28).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from core.backends.base import Form, Network, NetworkName, Precision
from core.backends.host import installed, processor
from core.errors import ModelError
from core.onnx_session import open_session

if TYPE_CHECKING:
    from core.backends.source import Source


class OnnxNetwork:
    """One network.

    Args:
        path: an ONNX file.
        threads: processor threads within one call, >= 1.

    Raises:
        ModelError: the file is absent, damaged, or needs operators that this ONNX Runtime lacks.
    """

    def __init__(self, path: Path, threads: int = 1) -> None:
        try:
            self._session = open_session(path, threads=threads, log_severity=3)
        except Exception as error:  # the library raises its own types without a common base
            raise ModelError(
                f"cannot be run ({type(error).__name__}).",
                where=str(path),
                fix="Delete the export's folder; it is made again on the next run.",
            ) from error
        self._names = [value.name for value in self._session.get_inputs()]

    def __call__(self, *inputs: NDArray[np.generic]) -> list[NDArray[np.float32]]:
        """Run once; inputs and outputs in the order in which the network was exported."""
        outputs = self._session.run(None, dict(zip(self._names, inputs, strict=True)))
        return [np.asarray(output, np.float32) for output in outputs]


class Onnx:
    """ONNX Runtime, float32."""

    name: ClassVar[str] = "onnx"
    precisions: ClassVar[tuple[Precision, ...]] = ("fp32",)
    reduced: ClassVar[bool] = False
    runs: ClassVar[Form] = "export"
    suffix: ClassVar[str] = ".onnx"

    def probe(self) -> str | None:
        """ONNX Runtime is part of every installation."""
        return None if installed("onnxruntime") else "onnxruntime is not installed."

    def identity(self) -> dict[str, str]:
        """Its version and the processor."""
        return {"onnxruntime": installed("onnxruntime") or "", "processor": processor()}

    def lower(self, source: Source, network: NetworkName, precision: Precision, path: Path) -> None:
        """There is nothing to lower."""
        raise ModelError("onnx runs the export as it is; there is nothing to compile.")

    def load(self, path: Path, network: NetworkName, precision: Precision, threads: int) -> Network:
        """A session of its own per network."""
        return OnnxNetwork(path, threads)
