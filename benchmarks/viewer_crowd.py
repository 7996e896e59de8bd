"""Viewers that follow a feed in a thread of their own, and come and go if they are told to."""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from benchmarks.background_thread import BackgroundThread

STAY_S: Final = (2.0, 20.0)
"""Shortest and longest stay of a viewer that comes and goes."""


POSITIONS: Final = frozenset(("snapshot", "replay", "pong"))
"""Messages whose number says how far the run is; they are no events."""


@dataclass(slots=True)
class CrowdFigures:
    """What viewers saw together.

    Attributes:
        connections: how often somebody connected.
        events: messages with a number.
        out_of_order: of these, with a number not above the one before on the same connection.
        refused: connections that failed or were closed by the feed.
    """

    connections: int = 0
    events: int = 0
    out_of_order: int = 0
    refused: int = 0


class ViewerCrowd(BackgroundThread):
    """So many viewers at a time.

    Args:
        page: address of the feed, with its token.
        viewers: at a time.
        churn: whether each leaves after a random stay and another comes.
    """

    join_s = 30.0

    def __init__(self, page: str, viewers: int, *, churn: bool) -> None:
        super().__init__()
        self._page = urlsplit(page)
        self._viewers = viewers
        self._churn = churn
        self.figures = CrowdFigures()

    def work(self) -> None:
        """Until the block is over."""
        asyncio.run(self._all())

    async def _all(self) -> None:
        tasks = [asyncio.create_task(self._place(random.Random(seed))) for seed in range(self._viewers)]
        await asyncio.to_thread(self._over.wait)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _place(self, rng: random.Random) -> None:
        """One viewer after the other."""
        while True:
            stay_s = rng.uniform(*STAY_S) if self._churn else None
            try:
                async with asyncio.timeout(stay_s):
                    await self._view()
            except TimeoutError:
                continue
            except OSError:
                self.figures.refused += 1
            await asyncio.sleep(1.0)

    async def _view(self) -> None:
        from websockets.asyncio.client import connect
        from websockets.exceptions import ConnectionClosed

        last = -1
        try:
            async with connect(f"ws://{self._page.netloc}/v1/stream", max_size=None) as feed:
                await feed.recv()  # welcome
                token = self._page.fragment.partition("=")[2]
                await feed.send(json.dumps({"type": "identify", "protocol": "1.0", "token": token}))
                self.figures.connections += 1
                async for text in feed:
                    message = json.loads(text)
                    number = message.get("seq")
                    if number is not None and message["type"] not in POSITIONS:
                        self.figures.events += 1
                        self.figures.out_of_order += number <= last
                        last = number
        except ConnectionClosed:
            self.figures.refused += 1
