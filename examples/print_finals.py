"""Print what every utterance expressed, once it is over.

    python examples/print_finals.py 'http://127.0.0.1:8765/#token=...'

The address is the one that emotrack prints. Lost connections are taken up again; the end of the run ends it.
"""

from __future__ import annotations

import asyncio
import sys

from core.errors import FeedError
from core.events import EmotionEstimate, End, Transcript
from core.terminal_text import clean
from realtime.feed.client import FeedClient, address_of
from realtime.feed.client_messages import Subscription


async def print_finals(page: str) -> None:
    """Follow the feed behind the address of a page until the run ends."""
    subscription = Subscription(kinds=("transcript", "estimate"), rolling=False)
    words: dict[str, str] = {}
    async with FeedClient(*address_of(page), subscription=subscription, name="print_finals") as feed:
        async for received in feed:
            match received.event:
                case Transcript(final=True) as transcript:
                    words[transcript.utterance] = transcript.text
                case EmotionEstimate(final=True) as estimate:
                    found = ", ".join(estimate.active) or "nothing above its threshold"
                    found = "too little to go by" if estimate.abstained else found
                    said = words.pop(estimate.id, "")
                    line = f"{estimate.t1_s:7.1f} s  {estimate.person}: {found}  {said!r}"
                    print(clean(line), flush=True)
                case End():
                    return


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        asyncio.run(print_finals(sys.argv[1]))
    except FeedError as error:
        sys.exit(str(error))
