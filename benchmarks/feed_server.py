"""A server in a process of its own that `bench feed` measures: ours, and what one would write in an hour.

The parent says "go" once all viewers are there. Prints two lines of JSON: where it is, and what it cost.
"""

from __future__ import annotations

import asyncio
import json
import math
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from websockets.asyncio.server import ServerConnection, broadcast, serve
from websockets.exceptions import ConnectionClosed

from benchmarks.machine import cpu_s
from core.events import PROTOCOL_VERSION, EmotionEstimate, Event, Hello, ModelCard, Stages
from core.labels import EMOTIONS, MODALITIES
from core.wire import encode
from realtime.feed.limits import Limits
from realtime.feed.server import Feed

FINAL_EVERY: Final = 10
"""Every so many estimates one is final."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One measurement.

    Attributes:
        subject: "emotrack", "broadcast" or "send loop".
        viewers: how many will come.
        hz, seconds: estimates per second, and for how long.
        buffer_bytes: the kernel's send buffer per viewer.
    """

    subject: str
    viewers: int
    hz: float
    seconds: float
    buffer_bytes: int


Say = Callable[[Event, int], Awaitable[None]]


@asynccontextmanager
async def _emotrack(plan: Plan) -> AsyncIterator[tuple[dict[str, Any], Say, Callable[[], dict[int, int]]]]:
    limits = Limits(
        max_viewers=2 * plan.viewers + 10,  # those who come back are there before those who left are gone
        max_unidentified=2 * plan.viewers + 10,
        socket_buffer_bytes=plan.buffer_bytes,
        stall_s=3.0,
    )
    feed = Feed(port=0, limits=limits)
    await feed.start()

    async def say(event: Event, seq: int) -> None:
        feed.publish(event, seq)

    try:
        yield {"port": feed.port, "token": feed.tokens.view}, say, lambda: dict(feed.counts().closed)
    finally:
        await feed.close()


@asynccontextmanager
async def _plain(plan: Plan) -> AsyncIterator[tuple[dict[str, Any], Say, Callable[[], dict[int, int]]]]:
    there: set[ServerConnection] = set()

    async def stay(connection: ServerConnection) -> None:
        there.add(connection)
        try:
            await connection.wait_closed()
        finally:
            there.discard(connection)

    async def say(event: Event, seq: int) -> None:
        text = encode(event, seq)
        if plan.subject == "broadcast":
            broadcast(there, text)
            return
        for connection in list(there):
            try:
                await connection.send(text)
            except ConnectionClosed:
                there.discard(connection)

    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, plan.buffer_bytes)
    async with serve(stay, sock=listener):
        yield {"port": listener.getsockname()[1], "token": None}, say, dict


def _estimate(number: int, now_s: float) -> EmotionEstimate:
    """A full one; its name is the moment at which it is said, which is finer than its time stamps."""
    probabilities = dict.fromkeys(EMOTIONS, 0.1234)
    final = number % FINAL_EVERY == 0
    return EmotionEstimate(
        id=f"{now_s:.6f}",
        person="p1",
        utterance=f"u{number}" if final else None,
        t0_s=0.0,
        t1_s=1.0,
        probabilities=probabilities,
        active=("happiness",),
        peers=dict.fromkeys(MODALITIES, probabilities),
        attribution=dict.fromkeys(MODALITIES, 0.3333),
        modalities=MODALITIES,
        missing={},
        valence=None,
        arousal=None,
        confidence=0.7,
        abstained=False,
        revision=number,
        final=final,
        stages=Stages(now_s, None, None, None, now_s),
    )


def _hello() -> Hello:
    card = ModelCard("default", "0" * 64, "research use only", "For measuring.")
    return Hello(PROTOCOL_VERSION, "0", "2026-01-01T00:00:00Z", "bench", EMOTIONS, {}, 0.1, card, "base", ())


async def _measured(plan: Plan) -> None:
    subject = _emotrack if plan.subject == "emotrack" else _plain
    async with subject(plan) as (place, say, closed):
        await say(_hello(), 0)
        before_kb = _rss_kb()
        print(json.dumps(place), flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        joined_kb, used_s, begun_s = _rss_kb(), cpu_s(), time.monotonic()
        worst_s = await _speak(plan, say, begun_s)
        busy = (cpu_s() - used_s) / (time.monotonic() - begun_s)
        costs = {
            "kb_per_viewer": (_rss_kb() - before_kb) / plan.viewers,
            "kb_per_viewer_joined": (joined_kb - before_kb) / plan.viewers,
            "cpu_share": busy,
            "worst_say_ms": worst_s * 1000,
            "closed": closed(),
        }
        print(json.dumps(costs), flush=True)
        await asyncio.to_thread(sys.stdin.readline)


async def _speak(plan: Plan, say: Say, begun_s: float) -> float:
    """Say one estimate after the other; returns the longest that saying one took, in seconds."""
    took_s: list[float] = []

    async def speak() -> None:
        for number in range(1, round(plan.seconds * plan.hz) + 1):
            now_s = time.monotonic()  # every viewer compares it with its own clock, which is the same
            took_s.append(math.inf)
            await say(_estimate(number, now_s), number)
            took_s[-1] = time.monotonic() - now_s
            await asyncio.sleep(max(0.0, begun_s + number / plan.hz - time.monotonic()))

    speaking = asyncio.create_task(speak())
    # Who waits for a viewer that takes nothing does not get on.
    await asyncio.wait([speaking], timeout=plan.seconds + 1.0)
    await asyncio.sleep(1.0)  # for those who are slow
    if speaking.done():
        speaking.result()
    speaking.cancel()
    return min(max(took_s), plan.seconds)


def _rss_kb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4.0


if __name__ == "__main__":
    asyncio.run(_measured(Plan(**json.loads(sys.argv[1]))))
