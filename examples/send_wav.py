"""Send a recording to `emotrack serve` as if it were spoken now, and print what it expresses.

    python examples/send_wav.py 'http://127.0.0.1:8765/ingest#token=...' speech.wav

The file is WAV, 16 bits, mono, 8 to 48 kHz. A program with a microphone does the same with its blocks.
"""

from __future__ import annotations

import asyncio
import sys
import time
import wave
from pathlib import Path

import numpy as np

from core.errors import FeedError
from core.events import EmotionEstimate
from realtime.feed.client import address_of
from realtime.feed.client_messages import INGEST_PATH, Ingest, IngestStream
from realtime.feed.ingest_client import IngestClient

BLOCK_S = 0.1


async def speak(client: IngestClient, path: Path) -> None:
    """Send the file block by block, each when it has just been spoken."""
    begun_s = time.monotonic()
    with wave.open(str(path), "rb") as file:
        rate_hz, t_s = file.getframerate(), 0.0
        while block := file.readframes(round(BLOCK_S * rate_hz)):
            samples = np.frombuffer(block, "<i2")
            await client.sound(0, samples, t_s)
            t_s += len(samples) / rate_hz
            await asyncio.sleep(max(0.0, begun_s + t_s - time.monotonic()))
    await client.finish()


async def send(page: str, path: Path) -> None:
    """Begin a session, send, and print its final estimates."""
    with wave.open(str(path), "rb") as file:
        if (file.getsampwidth(), file.getnchannels()) != (2, 1):
            sys.exit("This needs 16 bits and one channel.")
        stream = IngestStream("speech", "audio", file.getframerate(), "speaker")
    url, token = address_of(page, INGEST_PATH)
    async with IngestClient(url, token, Ingest(path.name, (stream,)), name="send_wav") as client:
        speaking = asyncio.create_task(speak(client, path))
        try:
            async for received in client:
                event = received.event
                if isinstance(event, EmotionEstimate) and event.final:
                    print(f"{event.t1_s:6.1f} s: {', '.join(event.active) or '-'}", flush=True)
        finally:
            speaking.cancel()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    try:
        asyncio.run(send(sys.argv[1], Path(sys.argv[2])))
    except (FeedError, OSError) as error:
        sys.exit(str(error))
    except (wave.Error, EOFError):
        sys.exit(f"{sys.argv[2]}: is no WAV file.")
