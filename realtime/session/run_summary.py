"""What was said in a run, counted for its last message."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Literal

from core.events import EmotionEstimate, End, Event, Status, Utterance

EndReason = Literal["finished", "interrupted", "failed"]

_MOST_FAULTS: Final = 100


@dataclass(slots=True)
class RunSummary:
    """Counts the events of one run.

    Attributes:
        utterances, estimates, finals: how many were said.
        faults: messages of the errors, each once, the first 100.
    """

    utterances: int = 0
    estimates: int = 0
    finals: int = 0
    faults: dict[str, None] = field(default_factory=dict)

    def count(self, event: Event) -> None:
        """Add one event."""
        if isinstance(event, EmotionEstimate):
            self.estimates += 1
            self.finals += event.final
        elif isinstance(event, Utterance):
            self.utterances += event.final
        elif isinstance(event, Status) and event.level == "error" and len(self.faults) < _MOST_FAULTS:
            self.faults[event.message] = None

    def end(self, t_s: float, reason: EndReason, faults: Iterable[str]) -> End:
        """The last message; faults of the source come before those of the networks."""
        everything = tuple(dict.fromkeys([*faults, *self.faults]))
        return End(t_s, reason, self.utterances, self.estimates, self.finals, everything)
