"""The real command in a process group of its own, and a client of its feed that notes when messages came."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

from benchmarks.live_figures import Observed
from benchmarks.live_run import page_of
from core.errors import EmotrackError

Message = tuple[float, dict[str, Any]]
"""Wall-clock second of arrival at the client, event."""

_ROOT: Final = Path(__file__).resolve().parents[2]
_END_S: Final = 60.0


class FaultyRun:
    """`emotrack live`, watched, while the block lasts; at its end it is interrupted and gives its last words.

    Args:
        words: options of the command; feed and port are added.
        environment: of the process.
        launcher: what Python is given to start: the command, or a module of ours around it.

    Attributes:
        observed: what the client saw.
        ended_in_s: from Ctrl-C to the process's end; None before.
    """

    def __init__(
        self,
        words: Sequence[str],
        environment: dict[str, str],
        launcher: Sequence[str] = (str(_ROOT / "emotrack.py"),),
    ) -> None:
        options = ["live", *words, "--port", "0", "--no-console", "--consent", "bench"]
        self._command = [sys.executable, *launcher, *options]
        self._environment = environment
        self._news = threading.Condition()
        self.observed = Observed(time.time())
        self.ended_in_s: float | None = None

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command,
            cwd=_ROOT,
            env=self._environment,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            page = page_of(self._process)
        except EmotrackError:
            self._kill()
            raise
        self._client = threading.Thread(target=self._watch, args=(page,), daemon=True)
        self._client.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._end()
        self._kill()

    @property
    def pid(self) -> int:
        """Of the command's process."""
        return self._process.pid

    @property
    def mark(self) -> int:
        """How many messages have come so far."""
        return len(self.observed.messages)

    def send(self, number: int) -> None:
        """A signal to the whole process group."""
        os.killpg(self._process.pid, number)

    def send_to_command(self, number: int) -> None:
        """A signal to the command alone."""
        self._process.send_signal(number)

    def wait_for(
        self, wanted: Callable[[dict[str, Any]], bool], within_s: float, since: int = 0
    ) -> Message | None:
        """The first message like that, or None when it does not come in time."""
        limit_s = time.monotonic() + within_s
        with self._news:
            while True:
                messages = self.observed.messages
                while since < len(messages):
                    if wanted(messages[since][1]):
                        return messages[since]
                    since += 1
                left_s = limit_s - time.monotonic()
                if left_s <= 0:
                    return None
                self._news.wait(left_s)

    def absent(self) -> set[str]:
        """Streams whose device was told to be missing and not to be back."""
        found: set[str] = set()
        for _, event in list(self.observed.messages):
            if event["type"] == "status" and event["code"] == "modality_missing":
                found.add(event["stream"])
            elif event["type"] == "status" and event["code"] == "modality_back":
                found.discard(event["stream"])
        return found

    def wait_until_calm(self, calm_s: float, within_s: float) -> bool:
        """Wait until no device has been missing for so long; False when that does not happen in time."""
        limit_s = time.monotonic() + within_s
        calm_since_s: float | None = None
        while time.monotonic() < limit_s:
            calm = bool(self.observed.of("estimate")) and not self.absent()
            calm_since_s = (calm_since_s or time.monotonic()) if calm else None
            if calm_since_s is not None and time.monotonic() - calm_since_s >= calm_s:
                return True
            time.sleep(0.05)
        return False

    def _watch(self, page: str) -> None:
        from websockets.exceptions import ConnectionClosed
        from websockets.sync.client import connect

        address = urlsplit(page)
        with connect(f"ws://{address.netloc}/v1/stream", max_size=None, ping_interval=None) as feed:
            feed.recv()  # welcome
            token = address.fragment.partition("=")[2]
            feed.send(json.dumps({"type": "identify", "protocol": "1.0", "token": token}))
            self.observed.connected_s = time.time()
            try:
                for text in feed:
                    event: dict[str, Any] = json.loads(text)
                    with self._news:
                        self.observed.messages.append((time.time(), event))
                        self._news.notify_all()
                    if event["type"] == "end":
                        return
            except ConnectionClosed:
                return  # what was seen until then is judged

    def _end(self) -> None:
        begun_s = time.monotonic()
        self._process.send_signal(signal.SIGINT)
        self._client.join(_END_S)
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            return
        self.ended_in_s = round(time.monotonic() - begun_s, 2)

    def _kill(self) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
