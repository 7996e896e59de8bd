"""The folder of a run: of one run, of one process at a time, and watched for room.

A folder in which a run stands is refused, unless the caller says that the older run may go. While a run is
written, no other process of emotrack writes there.
"""

from __future__ import annotations

import logging
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from core.errors import SinkError
from core.events import Event
from realtime.sinks.files import make_folder, printable, unwritable

log = logging.getLogger(__name__)

RUN_FILES: Final = (
    "events.jsonl",
    "transcript.vtt",
    "timeline.png",
    "summary.md",
    "summary.json",
    "config.yaml",
)
"""What `--out` writes."""
RECORDED_FILES: Final = ("inputs.mcap",)
"""What `--record` writes."""
DERIVED_FILES: Final = ("report.html", "report.png")
"""What `emotrack report` makes of a run: it goes with the run, since it would be about another one."""

LEAST_FREE_BYTES: Final = 16 * 1024 * 1024
"""With less room than this no run begins."""
LOW_BYTES: Final = 256 * 1024 * 1024
"""With less room than this the user is told, once."""
CHECK_S: Final = 5.0

Usage = Callable[[Path], int]


def free_bytes(folder: Path) -> int:
    """Room that is left for this user on the disk of a folder, in bytes. Raises OSError."""
    return shutil.disk_usage(folder).free


class RunFolder:
    """A run's folder, locked until it is closed. As a sink it watches the room on its disk.

    Files of an older run stay until `clear` is called: a run that cannot begin costs nothing.

    Args:
        path: made if it is absent.
        files: names of what the run writes there, and of what was made of an older one.
        force: an older run in it may be replaced.
        warn: told, in one sentence and once, that there is little room.
        free: room that is left, in bytes.
        clock: monotonic seconds.

    Raises:
        SinkError: it holds a run, another process writes there, it cannot be made, or there is no room.
    """

    def __init__(
        self,
        path: Path,
        files: tuple[str, ...] = (*RUN_FILES, *DERIVED_FILES),
        *,
        force: bool = False,
        warn: Callable[[str], None] = log.warning,
        free: Usage = free_bytes,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path = path
        self._files = files
        self._warn = warn
        self._free = free
        self._clock = clock
        self._checked_s = clock()
        self._warned = False
        self._lock: int | None = None
        try:
            self._made = make_folder(path)
            self._lock = _locked(path)
            self._check_empty(force=force)
            self._check_room()
        except OSError as error:
            self.close()
            raise unwritable(path, error) from error
        except SinkError:
            self.close()
            raise

    def clear(self) -> None:
        """Remove the files of an older run, and the report on it. Raises SinkError when one cannot go."""
        for path in self._older():
            try:
                path.unlink()
            except OSError as error:
                raise unwritable(path, error) from error

    def write(self, event: Event, seq: int) -> None:
        """Look now and then whether there is room; never raises."""
        now_s = self._clock()
        if self._warned or now_s - self._checked_s < CHECK_S:
            return
        self._checked_s = now_s
        try:
            free = self._free(self.path)
        except OSError as error:
            log.debug("%s: room is not known (%s)", self.path, error.strerror)
            return
        if free < LOW_BYTES:
            self._warned = True
            self._warn(f"{printable(str(self.path))}: only {free // 1_000_000} MB are left on this disk.")

    def close(self) -> None:
        """Let other processes in; a folder that was made for this run and holds nothing goes."""
        if self._lock is None:
            return
        lock, self._lock = self._lock, None
        os.close(lock)
        if self._made and not any(self.path.iterdir()):
            try:
                self.path.rmdir()
            except OSError as error:  # somebody put something there just now
                log.debug("%s stays (%s)", self.path, error.strerror)

    def _older(self) -> Iterable[Path]:
        paths = (self.path / name for name in self._files)
        return [path for path in paths if path.is_symlink() or path.exists()]

    def _check_empty(self, *, force: bool) -> None:
        older = list(self._older())
        if older and not force:
            raise SinkError(
                f"holds a run already ({', '.join(path.name for path in older)}).",
                where=printable(str(self.path)),
                fix="Name another folder, or replace that run with --force.",
            )

    def _check_room(self) -> None:
        free = self._free(self.path)
        if free < LEAST_FREE_BYTES:
            raise SinkError(
                f"has no room for a run: {free // 1_000_000} MB are left on its disk.",
                where=printable(str(self.path)),
                fix="Name a folder on another disk, or make room.",
            )


def claim(
    out: Path | None,
    record: Path | None = None,
    *,
    force: bool = False,
    warn: Callable[[str], None] = log.warning,
) -> list[RunFolder]:
    """Take the folders that a run writes into, `--out` and `--record`; they may be the same one.

    Raises:
        SinkError: as `RunFolder`; none is taken then.
    """
    wanted: dict[Path, tuple[Path, tuple[str, ...]]] = {}
    parts: list[tuple[Path | None, tuple[str, ...]]] = [
        (out, (*RUN_FILES, *DERIVED_FILES)),
        (record, RECORDED_FILES),
    ]
    for folder, files in parts:
        if folder is not None:
            path, others = wanted.get(folder.resolve(), (folder, ()))
            wanted[folder.resolve()] = path, (*others, *files)
    claimed: list[RunFolder] = []
    try:
        for path, files in wanted.values():
            claimed.append(RunFolder(path, files, force=force, warn=warn))
    except SinkError:
        for taken in claimed:
            taken.close()
        raise
    return claimed


def launch_stamp(now: datetime | None = None) -> str:
    """A name for what one launch writes: the time in UTC, such as 20250131T120000Z."""
    return (now if now is not None else datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")


def unused(folder: Path, name: str) -> Path:
    """A path in `folder` at which nothing lies: `name`, or `name` with a number behind it."""
    path, number = folder / name, 2
    while path.is_symlink() or path.exists():
        path, number = folder / f"{name}-{number}", number + 1
    return path


if sys.platform == "win32":

    def _locked(folder: Path) -> int:
        """Windows has no lock on a folder: a file that is open and gone when it is closed stands for it."""
        flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_TEMPORARY
        try:
            return os.open(folder / ".emotrack.lock", flags)
        except FileExistsError as error:
            raise _taken(folder) from error

else:
    import fcntl

    def _locked(folder: Path) -> int:
        """The descriptor of the folder, locked against other runs until it is closed."""
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            raise _taken(folder) from error
        except OSError as error:  # some network disks know no locks
            log.info("%s cannot be locked (%s)", folder, error.strerror)
        return descriptor


def _taken(folder: Path) -> SinkError:
    return SinkError(
        "another run is being written there.", where=printable(str(folder)), fix="Name another folder."
    )
