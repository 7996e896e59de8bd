"""Times, shares and sentences as a report writes them."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Final

from core.events import Hello
from core.labels import MODALITIES

GUESSES_SHORT: Final = (
    "Estimates are guesses at what is expressed, not what somebody feels, and often wrong. "
    "Do not decide about people by them."
)


def guesses(hello: Hello) -> str:
    """What the estimates are, and what they are meant for; in every report."""
    rest = [modality for modality in MODALITIES if modality not in hello.withheld]
    *first, last = [{"text": "words", "audio": "voice", "visual": "face"}[modality] for modality in rest] or [
        "it"
    ]
    what = f"{', '.join(first)} and {last}" if first else last
    return (
        f"Every estimate here is a guess at what {what} express to others. "
        "It is not what somebody feels, and it is often wrong. It is meant for looking at a conversation "
        "with the knowledge of those who took part. Do not decide about people by it: not in hiring, "
        "education, insurance, policing or medicine."
    )


def clock(t_s: float) -> str:
    """A time of the run, such as 0:07, 12:30 or 1:02:03."""
    minutes, seconds = divmod(max(0, int(t_s + 1e-6)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def length(duration_s: float) -> str:
    """A length of time: tenths of a second below a minute, else as `clock`."""
    return f"{duration_s:.1f} s" if duration_s < 59.95 else clock(round(duration_s))


def percent(share: float) -> str:
    """A share in [0, 1]; what is not 0 does not look like it."""
    if 0 < share < 0.005:
        return "<1 %"
    return f"{100 * share:.0f} %"


def began(hello: Hello) -> str:
    """When the run began, for people; as it was written where it is no time."""
    try:
        moment = datetime.fromisoformat(hello.started_at)
    except ValueError:
        return hello.started_at or "not known"
    zone = moment.strftime("%Z") if moment.tzinfo else ""
    return f"{moment.day} {moment:%B %Y, %H:%M} {zone}".rstrip()


def plural(count: int, noun: str) -> str:
    """A number and what is counted."""
    return f"{count:,} {noun if count == 1 else noun + 's'}"


def ticks(end_s: float, most: int) -> list[float]:
    """Round times from 0 to the end, at most so many, at equal distances."""
    steps = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 28_800)
    days = max(1, math.ceil(end_s / 86_400 / most))
    step_s = next((step for step in steps if end_s / step < most), 86_400 * days)
    return [float(t_s) for t_s in range(0, int(end_s) + 1, step_s)]
