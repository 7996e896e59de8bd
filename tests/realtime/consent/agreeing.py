"""Consent for tests."""

from __future__ import annotations

from core.labels import Purpose
from realtime.consent.gate import ConsentGate


def agreed(purpose: Purpose = "personal", **options) -> ConsentGate:
    """A gate that somebody has opened."""
    gate = ConsentGate(purpose, **options)
    gate.give("Ada", "option")
    return gate
