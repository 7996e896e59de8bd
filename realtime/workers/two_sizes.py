"""Two recognisers of different size: the smaller one for when the machine is short of time."""

from __future__ import annotations

from core.work import Hypothesis, Transcribe
from realtime.workers.transcribe import Transcriber


class TwoSizes:
    """Answers `Transcribe` orders with the large recogniser, or, where an order allows it, the small one.

    The small one is used only for a language that it knows: the one that the large one is told or has
    settled on.

    Args:
        large: the one that is meant.
        small: the one to fall back to.
    """

    def __init__(self, large: Transcriber, small: Transcriber) -> None:
        self._large = large
        self._small = small

    def run(self, order: Transcribe) -> Hypothesis:
        """Recognise the order's audio. Raises ModelError as `Transcriber.run` does."""
        language = self._large.current_language
        if order.small and language is not None and self._small.knows(language):
            return self._small.run(order)
        return self._large.run(order)
