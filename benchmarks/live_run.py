"""One observed live run: the real command in a process of its own, and a client of its feed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from benchmarks.live_figures import Observed
from core.errors import EmotrackError

_ROOT: Final = Path(__file__).resolve().parents[1]
_START_S: Final = 180.0
_END_S: Final = 60.0


def observe(
    words: Sequence[str],
    seconds: float,
    environment: dict[str, str],
    company: Callable[[str], AbstractContextManager[object]] = nullcontext,
) -> Observed:
    """Run `emotrack live` with these words for so long and watch its feed.

    Args:
        words: options of the command; feed and port are added.
        seconds: from the first message on.
        environment: of the process.
        company: makes of the page's address what is there as long as the run is watched.

    Raises:
        EmotrackError: it does not start, or fails.
    """
    command = [sys.executable, str(_ROOT / "emotrack.py"), "live", *words, "--port", "0", "--no-console"]
    observed = Observed(time.time())
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        page = page_of(process)
        with company(page):
            asyncio.run(_watch(observed, process, page, seconds))
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
    _check(observed)
    return observed


def _check(observed: Observed) -> None:
    """Figures of a run that did not run would be wrong. Raises EmotrackError."""
    if not observed.of("hello"):
        raise EmotrackError("emotrack live said nothing; what it wrote stands above.")
    for _, end in observed.of("end"):
        if end["reason"] == "failed":
            raise EmotrackError(f"the measured run failed: {' '.join(end['faults'])}")


def page_of(process: subprocess.Popen[str], *, verb: str = "live", mark: str = "Page: ") -> str:
    """The address that a command prints; everything else that it says is passed on.

    Args:
        process: the command, its standard error a pipe.
        verb: what it was told, for the message.
        mark: what its line with the address begins with.

    Raises:
        EmotrackError: it ended, or printed no address within three minutes.
    """
    assert process.stderr is not None
    timer = threading.Timer(_START_S, process.kill)
    timer.start()
    try:
        for line in process.stderr:
            if line.startswith(mark):
                threading.Thread(target=_pass_on, args=(process,), daemon=True).start()
                return line.removeprefix(mark).strip()
            sys.stderr.write(line)
    finally:
        timer.cancel()
    raise EmotrackError(f"emotrack {verb} did not start; what it said stands above.")


def _pass_on(process: subprocess.Popen[str]) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        sys.stderr.write(line)


async def _watch(observed: Observed, process: subprocess.Popen[str], page: str, seconds: float) -> None:
    from websockets.asyncio.client import connect
    from websockets.exceptions import ConnectionClosed

    address = urlsplit(page)
    async with connect(f"ws://{address.netloc}/v1/stream", max_size=None) as feed:
        await feed.recv()  # welcome
        token = address.fragment.partition("=")[2]
        await feed.send(json.dumps({"type": "identify", "protocol": "1.0", "token": token}))
        observed.connected_s = time.time()
        begun = asyncio.Event()
        sampling = asyncio.create_task(_sample(observed, process.pid))
        stopping = asyncio.create_task(_stop(process, begun, seconds))
        try:
            async for text in feed:
                event: dict[str, Any] = json.loads(text)
                observed.messages.append((time.time(), event))
                if event["type"] == "hello":
                    begun.set()
                if event["type"] == "end":
                    break
        except ConnectionClosed:
            pass  # what was seen until then is judged
        finally:
            sampling.cancel()
            stopping.cancel()


async def _stop(process: subprocess.Popen[str], begun: asyncio.Event, seconds: float) -> None:
    """Press Ctrl-C when the time is over, and pull the plug if that does not help."""
    await begun.wait()
    await asyncio.sleep(seconds)
    process.send_signal(signal.SIGINT)
    await asyncio.sleep(_END_S)
    process.kill()


async def _sample(observed: Observed, pid: int) -> None:
    """Memory and processor time, once a second."""
    while True:
        fields = status_of(pid)
        if fields is not None:
            observed.memory.append((time.time(), fields["VmRSS"]))
            observed.handles.append((time.time(), handles_of(pid)))
            observed.peak_rss_mb = max(observed.peak_rss_mb, fields["VmHWM"])
            observed.cpu_s = _cpu_s(pid) or observed.cpu_s
        await asyncio.sleep(1.0)


def status_of(pid: int) -> dict[str, float] | None:
    """`VmRSS` and `VmHWM` of a process in MiB; None when it is gone, or has none (Linux alone)."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    found = dict(line.split(":", 1) for line in lines if line.startswith(("VmRSS", "VmHWM")))
    return {name: int(text.split()[0]) / 1024 for name, text in found.items()} if len(found) == 2 else None


def handles_of(pid: int) -> int:
    """Open file descriptors of a process, 0 when they cannot be counted."""
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return 0


def _cpu_s(pid: int) -> float | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return None
    parts = text.rpartition(")")[2].split()
    return (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")
