"""Encoders: one file per backbone, raw input to token matrices."""
