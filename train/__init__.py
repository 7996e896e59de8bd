"""Offline training: corpora, losses, the training loop, calibration and the evaluation harness."""
