"""Fetching weights in a thread: how far it is, cancelled at any time, continued later. It knows no window."""

from __future__ import annotations

import errno
import shutil
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal, Protocol
from urllib.parse import urlsplit

from core.errors import WeightsError
from core.weights import Progress, Step, Weight, cache_root, find, is_ready
from core.weights.fetching import fetch, is_offline
from core.weights.manifest import HubSource, WebSource
from core.weights.packages import Packages
from core.weights.web import Web

State = Literal["here", "absent", "waiting", "fetching", "failed"]

_LOOK_S: Final = 0.1


class Fetcher(Protocol):
    """Gets one weight, with the signature of `core.weights.fetch`; replaced in tests."""

    def __call__(  # noqa: D102
        self,
        name: str,
        *,
        from_dir: Path | None,
        offline: bool,
        progress: Progress,
        web: Web,
        packages: Packages,
    ) -> Path: ...


@dataclass(frozen=True, slots=True)
class Item:
    """One weight.

    Attributes:
        weight: what it is.
        state: how far it is.
        done_bytes: what has come of it; of a package nothing is known before it is whole.
        failure: why it could not be had, in one sentence.
        details: everything there is to say about that.
    """

    weight: Weight
    state: State
    done_bytes: int = 0
    failure: str = ""
    details: str = ""


class _Cancelled(Exception):
    """The user has had enough; what came is kept."""


class Downloads:
    """The weights that are needed, and the thread that fetches them.

    Args:
        names: of the weights.
        fetch: gets one; the real one by default.
    """

    def __init__(self, names: Sequence[str], fetch: Fetcher = fetch) -> None:
        self._fetch = fetch
        self._lock = threading.Lock()
        self._cancelled = threading.Event()
        self._thread: threading.Thread | None = None
        weights = [find(name) for name in names]
        self._items = {w.name: Item(w, "here" if is_ready(w) else "absent") for w in weights}

    def snapshot(self) -> tuple[Item, ...]:
        """State and progress of every weight at this moment."""
        with self._lock:
            return tuple(self._items.values())

    @property
    def running(self) -> bool:
        """Whether anything is being fetched."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def complete(self) -> bool:
        """Whether every weight that is needed is on this machine."""
        return all(item.state == "here" for item in self.snapshot())

    @property
    def missing_bytes(self) -> int:
        """How much there is to fetch."""
        return sum(item.weight.size for item in self.snapshot() if item.state != "here")

    def start(self, from_dir: Path | None = None) -> None:
        """Fetch what is missing.

        Args:
            from_dir: take it out of this folder and use no network; None = use the network.
        """
        if self.running:
            return
        self._cancelled.clear()
        for item in self.snapshot():
            if item.state != "here":
                self._put(Item(item.weight, "waiting"))
        self._thread = threading.Thread(target=self._run, args=(from_dir,), name="downloads", daemon=True)
        self._thread.start()

    def cancel(self) -> None:
        """Stop as soon as possible; does not wait. What came is kept and not fetched again."""
        self._cancelled.set()

    @property
    def cancelling(self) -> bool:
        """Whether it was cancelled and has not ended yet."""
        return self._cancelled.is_set() and self.running

    def _run(self, from_dir: Path | None) -> None:
        # Those of an earlier attempt remember who was out of reach; the network may be back.
        web, packages = Web(), Packages(self._run_pip)
        for item in self.snapshot():
            if item.state != "waiting":
                continue
            if self._cancelled.is_set():
                self._put(Item(item.weight, "absent"))
                continue
            self._put(self._fetched(item.weight, from_dir, web, packages))

    def _fetched(self, weight: Weight, from_dir: Path | None, web: Web, packages: Packages) -> Item:
        self._put(Item(weight, "fetching"))
        offline = from_dir is not None
        try:
            self._fetch(
                weight.name,
                from_dir=from_dir,
                offline=offline,
                progress=_Counter(self, weight),
                web=web,
                packages=packages,
            )
        except _Cancelled:
            return Item(weight, "absent")
        except WeightsError as error:
            return Item(weight, "failed", 0, explained(error, in_folder=offline), str(error))
        return Item(weight, "here", weight.size)

    def _put(self, item: Item) -> None:
        with self._lock:
            self._items[item.weight.name] = item

    def _note(self, weight: Weight, done_bytes: int) -> None:
        if self._cancelled.is_set():
            raise _Cancelled
        with self._lock:
            item = self._items[weight.name]
            self._items[weight.name] = replace(item, done_bytes=min(done_bytes, weight.size))

    def _run_pip(self, arguments: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
        """pip, which says nothing while it works, so it is ended from outside when that is wanted."""
        command = [sys.executable, "-m", "pip", *arguments]
        with subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as pip:
            while True:
                try:
                    out, err = pip.communicate(timeout=_LOOK_S)
                except subprocess.TimeoutExpired:
                    if self._cancelled.is_set():
                        pip.kill()
                        raise _Cancelled from None
                else:
                    return subprocess.CompletedProcess(command, pip.returncode, out, err)


class _Counter:
    """Adds up the files of one weight."""

    def __init__(self, downloads: Downloads, weight: Weight) -> None:
        self._downloads = downloads
        self._weight = weight
        self._done: dict[str, int] = {}

    def __call__(self, step: Step) -> None:
        """A piece has come."""
        self._done[step.item] = step.done_bytes
        self._downloads._note(self._weight, sum(self._done.values()))


def explained(error: WeightsError, *, in_folder: bool = False) -> str:
    """Why a weight could not be had, and what to do, in two short sentences.

    Args:
        error: what `fetch` said.
        in_folder: it was looked for in a folder, without the network.
    """
    cause = error.__cause__
    if isinstance(cause, OSError) and cause.errno in {errno.ENOSPC, errno.EDQUOT}:
        return "The disk is full. Free some space and press the button again: what has come is kept."
    if in_folder:
        return "The folder does not hold its files."
    if is_offline():
        return "The network is switched off for emotrack (EMOTRACK_OFFLINE)."
    # pip has many words for a network that is down, so hosts tell it better.
    asked = [line for line in error.what.split("\n") if line.startswith(("  - hub", "  - web"))]
    if asked and all("out of reach" in line for line in asked):
        return "No connection. Connect to the network and press the button again, or choose a folder."
    if asked:
        return "No source could give what is needed: the details say why."
    return error.what


def origin(weight: Weight) -> str:
    """Who is asked for a weight first."""
    match weight.sources[0]:
        case HubSource():
            return "huggingface.co"
        case WebSource() as source:
            return urlsplit(source.base).netloc
        case _:
            return "the package index"


def free_bytes() -> int:
    """Room on the disk where weights are kept."""
    folder = cache_root()
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free
