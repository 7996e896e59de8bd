"""What training and the live loop share: values, stages, models, weights, and the sans-I/O engine."""

import os

# Builds of ONNX Runtime report to their maker from the moment they are loaded, whoever loads them; then it is
# too late to ask for silence. With this they send nothing and write no identifier of the device.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

# Products of small matrices gain nothing from several threads, and OpenBLAS lets those that have nothing to
# do spin: it doubles the processor time of a run. Only who set it otherwise wants it otherwise.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
