"""Two recognisers of different size: the smaller one for when the machine is short of time."""

from __future__ import annotations

from collections.abc import Callable

from core.work import Hypothesis, Transcribe
from core.workers.transcribe import Transcriber


class TwoSizes:
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
