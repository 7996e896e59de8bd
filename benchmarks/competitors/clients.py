"""A client of each product: starts it, gives it sound if it wants some, notes its words as they arrive."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from abc import ABC, abstractmethod
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

from benchmarks.competitors.products import (
    Product,
    Recogniser,
    emotrack_words,
    realtimestt_arguments,
    whisperlivekit_words,
)
from benchmarks.competitors.words import RecognisedWords
from benchmarks.live_run import page_of
from core.errors import EmotrackError

_ROOT: Final = Path(__file__).resolve().parents[2]
_START_S: Final = 180.0


class Client(ABC):
    """One product that runs while the block lasts; inside, it is ready to hear.

    Args:
        product: the row.
        shared: what all rows share.
        environment: of the process, in which the virtual microphone is the default one.
        log: file for what the product says.

    Attributes:
        heard: what the client was told, and when.

    Raises:
        EmotrackError: the product does not start.
    """

    def __init__(self, product: Product, shared: Recogniser, environment: dict[str, str], log: Path) -> None:
        self.heard = RecognisedWords()
        self._product, self._shared, self._environment, self._log = product, shared, environment, log
        self._process: subprocess.Popen[Any] | None = None
        self._failed = threading.Event()

    @property
    def pid(self) -> int:
        """Of the process whose tree is measured."""
        assert self._process is not None
        return self._process.pid

    @abstractmethod
    def push_audio(self, piece: bytes) -> None:
        """20 ms of sound from the microphone, 16 bit, mono, 16 kHz."""

    def check(self) -> None:
        """Raises EmotrackError if the product has ended."""
        assert self._process is not None
        if self._failed.is_set() or self._process.poll() is not None:
            raise self._trouble("ended before the measurement did")

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    @abstractmethod
    def _start(self) -> None: ...

    def _end(self) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(10.0)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def _launch(self, words: list[str], **pipes: Any) -> subprocess.Popen[Any]:  # noqa: ANN401
        with self._log.open("wb") as log:
            options = {"stdout": log, "stderr": log, "env": self._environment, **pipes}
            self._process = subprocess.Popen(words, **options)
        return self._process

    def _trouble(self, what: str) -> EmotrackError:
        said = self._log.read_text(encoding="utf-8", errors="replace").strip().split("\n")[-5:]
        return EmotrackError(f"{self._product.kind} {what}: {' / '.join(said)}")


class OurClient(Client):
    """`emotrack live` on the microphone, and a client of its websocket feed."""

    def push_audio(self, piece: bytes) -> None:
        """It has a microphone of its own."""

    def _start(self) -> None:
        from websockets.sync.client import connect

        words = [sys.executable, str(_ROOT / "emotrack.py"), *emotrack_words(self._product, self._shared)]
        process = self._launch(words, stderr=subprocess.PIPE, text=True)
        address = urlsplit(page_of(process))
        feed = connect(f"ws://{address.netloc}/v1/stream", max_size=None)
        feed.recv()  # welcome
        token = address.fragment.partition("=")[2]
        feed.send(json.dumps({"type": "identify", "protocol": "1.0", "token": token}))
        begun = threading.Event()
        threading.Thread(target=self._watch, args=(feed, begun), daemon=True).start()
        if not begun.wait(_START_S):
            raise self._trouble("does not begin")

    def _watch(self, feed: Any, begun: threading.Event) -> None:  # noqa: ANN401
        from websockets.exceptions import ConnectionClosed

        settled: list[str] = []
        try:
            for message in feed:
                at_s, event = time.time(), json.loads(message)
                if event["type"] == "hello":
                    begun.set()
                elif event["type"] == "transcript":
                    if event["final"]:
                        settled.append(event["text"])
                    open_end = "" if event["final"] else f"{event['text']} {event['pending']}"
                    self.heard.update(at_s, " ".join(settled), open_end)
        except ConnectionClosed:
            self._failed.set()


class RealtimeSTTClient(Client):
    """RealtimeSTT's recorder in its own process; sound is pushed, a text is settled when its caller has it.

    `python` is the interpreter of its environment; the rest is as above.
    """

    program: Final = Path(__file__).parent / "programs" / "realtimestt.py"

    def __init__(
        self, product: Product, shared: Recogniser, environment: dict[str, str], log: Path, python: Path
    ) -> None:
        super().__init__(product, shared, environment, log)
        self._python = python

    def push_audio(self, piece: bytes) -> None:
        """Push it."""
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(piece)
            self._process.stdin.flush()
        except OSError:
            self._failed.set()

    def _start(self) -> None:
        arguments = json.dumps(realtimestt_arguments(self._product, self._shared))
        words = [str(self._python), str(self.program), arguments]
        process = self._launch(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        ready = threading.Event()
        self._reader = threading.Thread(target=self._watch, args=(process, ready), daemon=True)
        self._reader.start()
        if not ready.wait(_START_S) or self._failed.is_set():
            raise self._trouble("does not start")

    def _end(self) -> None:
        super()._end()
        if self._process is not None:
            self._reader.join()
            for pipe in (self._process.stdin, self._process.stdout):
                with suppress(OSError):  # what is left in it goes nowhere
                    pipe.close()

    def _watch(self, process: subprocess.Popen[bytes], ready: threading.Event) -> None:
        assert process.stdout is not None
        settled: list[str] = []
        for line in process.stdout:
            at_s, said = time.time(), json.loads(line)
            if said.get("ready"):
                ready.set()
            else:
                settled.append(said["text"])
                self.heard.update(at_s, " ".join(settled))
        self._failed.set()
        ready.set()


class WhisperLiveKitClient(Client):
    """WhisperLiveKit's server, and a client of its websocket that pushes sound and reads its lines.

    `python` is the interpreter of its environment; the rest is as above.
    """

    _PORT_TRIES_S: Final = 0.25

    def __init__(
        self, product: Product, shared: Recogniser, environment: dict[str, str], log: Path, python: Path
    ) -> None:
        super().__init__(product, shared, environment, log)
        self._python = python
        self._feed: Any = None

    def push_audio(self, piece: bytes) -> None:
        """Push it."""
        from websockets.exceptions import ConnectionClosed

        if self._feed is not None:
            try:
                self._feed.send(piece)
            except ConnectionClosed:
                self._failed.set()

    def _start(self) -> None:
        from websockets.sync.client import connect

        port = _free_port()
        words = whisperlivekit_words(self._product, self._shared, port)
        process = self._launch([str(self._python), "-m", "whisperlivekit.basic_server", *words])
        limit_s = time.monotonic() + _START_S
        while self._feed is None:
            if process.poll() is not None or time.monotonic() > limit_s:
                raise self._trouble("does not start")
            try:
                self._feed = connect(f"ws://127.0.0.1:{port}/asr", max_size=None)
            except OSError:
                time.sleep(self._PORT_TRIES_S)
        threading.Thread(target=self._watch, args=(self._feed,), daemon=True).start()

    def _watch(self, feed: Any) -> None:  # noqa: ANN401
        from websockets.exceptions import ConnectionClosed

        try:
            for message in feed:
                at_s, event = time.time(), json.loads(message)
                if "lines" in event:
                    settled = " ".join(line["text"] for line in event["lines"] if line["text"])
                    self.heard.update(at_s, settled, event["buffer_transcription"])
        except ConnectionClosed:
            self._failed.set()


def client(
    product: Product, shared: Recogniser, environment: dict[str, str], log: Path, pythons: dict[str, Path]
) -> Client:
    """The client of a row; `pythons` holds the interpreter of each peer's environment."""
    if product.kind == "realtimestt":
        return RealtimeSTTClient(product, shared, environment, log, pythons["realtimestt"])
    if product.kind == "whisperlivekit":
        return WhisperLiveKitClient(product, shared, environment, log, pythons["whisperlivekit"])
    return OurClient(product, shared, environment, log)


def _free_port() -> int:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port
