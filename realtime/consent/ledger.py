"""The ledger: who decided what, when, about which text and for what. Nothing of what was said or seen."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Final, Literal

from core.errors import ConsentError
from core.resources import state_folder

FILE_NAME: Final = "consent.jsonl"
STATE_VARIABLE: Final = "EMOTRACK_STATE"
"""Environment variable that names another folder for it."""

Decision = Literal["given", "declined", "withdrawn"]
Means = Literal["terminal", "option", "client", "window"]
"""How it was said: at the prompt, by `--consent`, by a client of the feed, in a window of ours."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One decision.

    Attributes:
        at: when, RFC 3339, UTC.
        who: the name that was given.
        decision: what was decided.
        purpose: for which purpose.
        notice: version of the text (`Notice.version`).
        session: which session; the same in all entries about it.
        means: how it was said.
    """

    at: str
    who: str
    decision: Decision
    purpose: str
    notice: str
    session: str
    means: Means


def ledger_path() -> Path:
    """Where it lies: in the folder `EMOTRACK_STATE`, or where the platform keeps what programs remember."""
    return state_folder() / FILE_NAME


class Ledger:
    """A file of JSON lines that only grows. Readable by its owner alone.

    Args:
        path: of the file; made, with its folder, when the first entry is written.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path if path is not None else ledger_path()

    def append(self, entry: Entry) -> None:
        """Add an entry; it is on the disk when this returns.

        Raises:
            ConsentError: it cannot be written. What is not on record has not been agreed to.
        """
        line = json.dumps(asdict(entry), ensure_ascii=False) + "\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                if os.name == "posix":
                    os.fchmod(file, 0o600)  # it may have been opened to others since
                _write(file, line.encode() if _whole(file) else b"\n" + line.encode())
                os.fsync(file)
            finally:
                os.close(file)
        except OSError as error:
            raise ConsentError(
                f"the ledger of consent cannot be written ({error.strerror}).",
                where=str(self.path),
                fix=f"Name a writable folder in {STATE_VARIABLE}.",
            ) from error

    def entries(self) -> Iterator[Entry]:
        """All entries, oldest first. A line that was cut off by a crash is passed over.

        Raises:
            ConsentError: the file is there and cannot be read.
        """
        try:
            text = self.path.read_bytes().decode("utf-8", errors="replace")
        except FileNotFoundError:
            return
        except OSError as error:
            raise ConsentError(
                f"the ledger of consent cannot be read ({error.strerror}).", where=str(self.path)
            ) from error
        names = {field.name for field in fields(Entry)}
        # Not `splitlines`: a name may hold U+0085 or U+2028, which end a line for that, but not in the file.
        for line in text.split("\n"):
            try:
                values = json.loads(line)
            except ValueError:
                continue
            if isinstance(values, dict) and set(values) == names:
                yield Entry(**values)


def _whole(file: int) -> bool:
    """Whether the last line has its end; after a crash it may not."""
    size = os.fstat(file).st_size
    if size == 0:
        return True
    os.lseek(file, size - 1, os.SEEK_SET)
    return os.read(file, 1) == b"\n"


def _write(file: int, data: bytes) -> None:
    while data:
        data = data[os.write(file, data) :]
