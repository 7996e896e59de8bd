"""The smaller recogniser that a live run falls back to when the machine is short of time."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from core.weights import find, is_ready
from core.work import Hypothesis, Transcribe
from core.workers.transcribe import Transcriber
from realtime.config import WhisperConfig
from realtime.live_config import LiveTrackingConfig

log = logging.getLogger(__name__)

_Config = TypeVar("_Config", bound=LiveTrackingConfig)


def with_available_fallback(config: _Config) -> _Config:
    """The configuration with the smaller recogniser only if it was pulled and is another one."""
    size = config.whisper.smaller
    usable = size is not None and size != config.whisper.size and is_ready(find(f"whisper-{size}"))
    if size is not None and not usable and size != config.whisper.size:
        log.info("whisper %s was not pulled: under load, words are left out instead", size)
    load = config.engine.load.model_copy(update={"small_whisper": usable})
    whisper = config.whisper.model_copy(update={"smaller": size if usable else None})
    engine = config.engine.model_copy(update={"load": load})
    return config.model_copy(update={"engine": engine, "whisper": whisper})


def fallback_config(config: LiveTrackingConfig) -> WhisperConfig | None:
    """How the smaller recogniser is loaded, None where there is none; it takes the language as it comes."""
    if config.whisper.smaller is None:
        return None
    return config.whisper.model_copy(update={"size": config.whisper.smaller, "language": None})


class WhisperFallback:
    """Answers `Transcribe` orders with the large recogniser, or, where an order allows it, the small one.

    The small one is used only for a language that it knows: the one that the large one is told or has
    settled on.

    Args:
        large: the one that is meant.
        small: gives the one to fall back to; called whenever it may be needed.
    """

    def __init__(self, large: Transcriber, small: Callable[[], Transcriber]) -> None:
        self._large = large
        self._small = small

    def run(self, order: Transcribe) -> Hypothesis:
        """Recognise the order's audio. Raises what `Transcriber.run` and `small` raise."""
        language = self._large.current_language
        if order.small and language is not None:
            small = self._small()
            if small.knows(language):
                return small.run(order)
        return self._large.run(order)
