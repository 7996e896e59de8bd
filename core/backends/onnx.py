"""Running an exported network through ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import ModelError


class OnnxNetwork:
    """One network.

    Args:
        path: an ONNX file.
        threads: processor threads within one call, >= 1.

    Raises:
        ModelError: the file is absent, damaged, or needs operators that this ONNX Runtime lacks.
    """

    def __init__(self, path: Path, threads: int = 1) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # threads that spin while they wait would take the recogniser's core
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
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
