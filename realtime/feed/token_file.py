"""A token that stays the same over launches, in a file that its owner alone can read."""

from __future__ import annotations

import os
import re
import secrets
import stat
from pathlib import Path
from typing import Final

from core.errors import FeedError
from realtime.feed.auth import TOKEN_BYTES

_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{32,256}")
_MOST_BYTES: Final = 1024


def token_of(path: Path) -> str:
    """The token in the file `path`, which is made, with a random one in it, where there is none.

    Windows knows no such modes: there the folder's permissions have to keep others out.

    Raises:
        FeedError: the file cannot be read or made, others can read it, or it holds no token. The error never
            shows what is in it.
    """
    path = path.expanduser()
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _read(path)
    except OSError as error:
        raise FeedError(f"cannot be made ({error.strerror}).", where=str(path)) from error
    token = secrets.token_urlsafe(TOKEN_BYTES)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(token + "\n")
    except OSError as error:  # an empty file would keep every later launch from starting
        path.unlink(missing_ok=True)
        raise FeedError(f"cannot be written ({error.strerror}).", where=str(path)) from error
    return token


def _read(path: Path) -> str:
    try:
        # without waiting: a pipe with this name would have no end
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(handle, "rb") as file:
            _check(path, os.fstat(file.fileno()))  # of the very file that is read
            text = file.read(_MOST_BYTES).decode("ascii", "replace").strip()
    except OSError as error:
        raise FeedError(f"cannot be read ({error.strerror}).", where=str(path)) from error
    if _TOKEN.fullmatch(text) is None:
        raise FeedError(
            "holds no token: 32 to 256 letters, digits, - or _ in one line.",
            where=str(path),
            fix="Delete it: a new one is made at the next start.",
        )
    return text


def _check(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise FeedError("is not a file.", where=str(path))
    if os.name != "posix":
        return
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise FeedError(
            "can be read by others on this machine.",
            where=str(path),
            fix=f"Run: chmod 600 {path}. If somebody may have read it, delete it: a new one is made.",
        )
    if found.st_uid != os.geteuid():
        raise FeedError("belongs to somebody else.", where=str(path), fix="Name a file of your own.")
