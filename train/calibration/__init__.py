"""Calibration: temperatures, biases, thresholds, and the reliability of the peers."""
