"""How a fetch tells its caller how far it is. Showing it is the caller's business."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """One report.

    Attributes:
        weight: name of the weight.
        item: the file or package that is being fetched.
        done_bytes: what is there so far.
        total_bytes: what it will be, or None when that is not known in advance.
    """

    weight: str
    item: str
    done_bytes: int
    total_bytes: int | None


Progress = Callable[[Step], None]


def silent(step: Step) -> None:
    """Show nothing."""
