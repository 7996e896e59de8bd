"""The smaller recogniser that a live run falls back to when the machine is short of time."""

from __future__ import annotations

import logging
from collections.abc import Callable

from core.weights import find, is_ready
from core.work import Hypothesis, Transcribe
from core.workers.transcribe import Transcriber
from realtime.config import LiveTrackingConfig, WhisperConfig

log = logging.getLogger(__name__)


def fallback_config(config: LiveTrackingConfig) -> WhisperConfig | None:
    """How the smaller recogniser is loaded.

    Returns:
        None where the configuration names none, where it is the one that runs anyway, and where it was not
        pulled. Under load, words are then left out instead.
    """
    size = config.whisper.smaller
    if size is None or size == config.whisper.size:
        return None
    if not is_ready(find(f"whisper-{size}")):
        log.info("whisper %s was not pulled: under load, words are left out instead", size)
        return None
    return config.whisper.model_copy(update={"size": size})


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
