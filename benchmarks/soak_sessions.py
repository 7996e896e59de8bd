"""What many short sessions leave behind in one server: the real `emotrack serve`, fed by its client."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from benchmarks.live_run import handles_of, page_of, status_of
from core.errors import EmotrackError

if TYPE_CHECKING:
    from realtime.feed.ingest_client import IngestClient

_ROOT: Final = Path(__file__).resolve().parents[1]
_BLOCK: Final = 1600
RATE_HZ: Final = 16_000
SESSION_S: Final = 0.8
"""Sound that each session sends, in seconds."""
LINGER_S: Final = 1.0
"""How long the server keeps a session that is over: the default would be longer than many sessions last."""


@dataclass(frozen=True, slots=True)
class Standing:
    """The server after so many sessions.

    Attributes:
        sessions: that are over.
        memory_mb: resident memory.
        handles: open file descriptors.
        threads: of the process.
    """

    sessions: int
    memory_mb: float
    handles: int
    threads: int


def session_standings(samples: NDArray[np.int16], whisper: str, after: list[int]) -> list[dict[str, float]]:
    """Run sessions one after the other, with a run folder each, and look at the server now and then.

    Args:
        samples: (n,) int16, mono, 16 kHz: what every session sends.
        whisper: size of the recogniser.
        after: numbers of sessions after which to look, rising.

    Raises:
        EmotrackError: the server does not start, or a session ends otherwise than finished.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(_ROOT / "emotrack.py"), "serve", "--port", "0", "--consent", "bench"]
        command += ["--whisper", whisper, "--language", "en", "--out", folder]
        command += ["--set", f"sessions.linger_s={LINGER_S}"]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        try:
            page = page_of(process, verb="serve", mark="Send: ")
            return [
                asdict(standing) for standing in asyncio.run(_sessions(process.pid, page, samples, after))
            ]
        finally:
            process.terminate()
            process.wait()


async def _sessions(pid: int, page: str, samples: NDArray[np.int16], after: list[int]) -> list[Standing]:
    standings = []
    for number in range(1, after[-1] + 1):
        await _session(page, samples)
        if number in after:
            await asyncio.sleep(2 * LINGER_S)  # until the last one is forgotten
            fields = status_of(pid)
            if fields is None:
                raise EmotrackError(f"emotrack serve was gone after {number} sessions.")
            standings.append(Standing(number, fields["VmRSS"], handles_of(pid), _threads(pid)))
    return standings


def _threads(pid: int) -> int:
    return sum(1 for _ in Path(f"/proc/{pid}/task").iterdir())


async def _session(page: str, samples: NDArray[np.int16]) -> None:
    from realtime.feed.client_messages import INGEST_PATH, Ingest, IngestStream
    from realtime.feed.ingest_client import IngestClient

    address = urlsplit(page)
    token = address.fragment.partition("=")[2]
    streams = (IngestStream("microphone", "audio", RATE_HZ, "p1"),)
    url = f"ws://{address.netloc}{INGEST_PATH}"
    async with IngestClient(url, token, Ingest("bench", streams)) as client:
        reading = asyncio.create_task(_end_of(client))
        for start in range(0, len(samples), _BLOCK):
            await client.sound(0, samples[start : start + _BLOCK], start / RATE_HZ)
        await client.finish()
        last = await reading
    if last != "finished":
        raise EmotrackError(f"a session ended with {last}.")


async def _end_of(client: IngestClient) -> str:
    from core.events import End

    reason = "nothing"
    async for told in client:
        if isinstance(told.event, End):
            reason = told.event.reason
    return reason
