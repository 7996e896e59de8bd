"""Peers, fusion, heads and calibration."""
