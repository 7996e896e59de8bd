"""Stages of the engine: push, flush and reset over an explicit state."""
