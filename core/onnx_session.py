"""The one place where ONNX Runtime is started. Its telemetry is off: see `core/__init__.py`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


def open_session(network: Path | bytes, *, threads: int, log_severity: int) -> InferenceSession:
    """Load a network onto the processor. What fails raises the library's own errors, which share no base.

    Args:
        network: an ONNX file, or its content.
        threads: processor threads within one call, >= 1.
        log_severity: from which on the library writes to stderr by itself, 0 (all) to 4 (fatal only).
    """
    import onnxruntime  # heavy: only who runs a network pays for it

    # Builds for Windows apps heed only this, the others the environment variable.
    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # threads that spin while they wait would take the recogniser's core
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = log_severity
    return onnxruntime.InferenceSession(
        network if isinstance(network, bytes) else str(network), options, providers=["CPUExecutionProvider"]
    )
