"""The smaller recogniser: only when an order allows it, and only in a language that it knows."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from core.work import Transcribe
from realtime.runs.whisper_fallback import WhisperFallback


def recogniser(name: str, language: str | None = None, knows: tuple[str, ...] = ("en", "de")):
    return SimpleNamespace(current_language=language, knows=knows.__contains__, run=lambda order: name)


def test_the_small_one_is_not_asked_for_before_it_is_needed():
    asked = []
    both = WhisperFallback(recogniser("large", "en"), lambda: asked.append("small") or recogniser("small"))
    both.run(Transcribe("u1", 0, np.zeros(16, np.float32), final=True, small=False))
    assert not asked
    both.run(Transcribe("u1", 0, np.zeros(16, np.float32), final=True, small=True))
    assert asked == ["small"]


@pytest.mark.parametrize(
    ("small", "language", "answered_by"),
    [
        (False, "en", "large"),
        (True, "en", "small"),
        (True, "de", "large"),
        (True, None, "large"),
    ],
)
def test_the_small_one_answers_only_when_it_may_and_can(small, language, answered_by):
    both = WhisperFallback(recogniser("large", language), lambda: recogniser("small", knows=("en",)))
    assert both.run(Transcribe("u1", 0, np.zeros(16, np.float32), final=True, small=small)) == answered_by
