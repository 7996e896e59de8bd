"""Which modalities were missing when, and why."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

MAX_REASONS: Final = 200
LISTED: Final = 6
OTHER: Final = "other reasons"
NOT_SAID: Final = "no reason was written down"


@dataclass
class Absence:
    """One reason for which one modality was missing.

    Attributes:
        total_s: for how long altogether.
        stretches: how often.
        first: the first stretches of time, in seconds.
    """

    total_s: float = 0.0
    stretches: int = 0
    first: list[tuple[float, float]] = field(default_factory=list)


class Absences:
    """The reasons of one person. They are of few kinds, so it needs no more memory for a longer run."""

    def __init__(self) -> None:
        self.found: dict[tuple[str, str], Absence] = {}
        """(modality, reason) -> when."""
        self._going_on: dict[str, tuple[str, float]] = {}  # modality -> reason and until when

    def add(self, modality: str, reason: str | None, t0_s: float, t1_s: float) -> None:
        """Take in that a modality was missing for a reason, or, with None, that it was there.

        Args:
            modality: of text, audio, visual.
            reason: in a few words.
            t0_s, t1_s: when; never before what was said last of the same modality.
        """
        before = self._going_on.pop(modality, None)
        if reason is None:
            return
        if (modality, reason) not in self.found and len(self.found) >= MAX_REASONS:
            reason = OTHER
        absence = self.found.setdefault((modality, reason), Absence())
        absence.total_s += t1_s - t0_s
        if before is not None and before[0] == reason and t0_s - before[1] < 1e-6:
            if absence.stretches <= LISTED:
                absence.first[-1] = (absence.first[-1][0], t1_s)
        else:
            absence.stretches += 1
            if absence.stretches <= LISTED:
                absence.first.append((t0_s, t1_s))
        self._going_on[modality] = (reason, t1_s)
