"""Keep a text file with what each person expresses at the moment, for programs that show a file.

    python examples/text_file.py 'http://127.0.0.1:8765/#token=...' emotions.txt

In OBS, add a source "Text" and tick "Read from file". The file is replaced as a whole.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from core.errors import FeedError
from core.events import EmotionEstimate, End, Hello
from realtime.feed.client import FeedClient, address_of
from realtime.feed.client_messages import Subscription

SHOWN = 2
"""Labels of each person."""


def line(estimate: EmotionEstimate) -> str:
    """What the file says of one person: the strongest labels with their probabilities."""
    if estimate.abstained:
        return f"{estimate.person}: -"
    strongest = sorted(estimate.probabilities.items(), key=lambda item: -item[1])[:SHOWN]
    return f"{estimate.person}: " + ", ".join(f"{label} {value:.0%}" for label, value in strongest)


def replace(path: Path, text: str) -> None:
    """Write the file in one step."""
    draft = path.with_name(path.name + ".new")
    draft.write_text(text, encoding="utf-8")
    os.replace(draft, path)


async def write_file(page: str, path: Path) -> None:
    """Follow the feed behind the address of a page until the run ends; the file is empty afterwards."""
    lines: dict[str, str] = {}
    subscription = Subscription(kinds=("estimate",), rate_hz=2.0)
    async with FeedClient(*address_of(page), subscription=subscription, name="text_file") as feed:
        async for received in feed:
            match received.event:
                case Hello() | End():
                    lines.clear()
                case EmotionEstimate() as estimate:
                    lines[estimate.person] = line(estimate)
            replace(path, "".join(f"{text}\n" for text in lines.values()))
            if isinstance(received.event, End):
                return


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    try:
        asyncio.run(write_file(sys.argv[1], Path(sys.argv[2])))
    except (FeedError, OSError) as error:
        sys.exit(str(error))
