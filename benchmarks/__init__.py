"""Measurements of this machine; they belong to a checkout and are not installed."""
