"""Files of a run: readable by their owner alone, and either whole or as they were before.

Whatever the process's umask is, files get mode 0600 and folders that are made here 0700. A name that is
taken by a symbolic link is never followed. Files that are written in one piece are written beside their
place and renamed, so that a full disk or a killed program leaves the older one.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from pathlib import Path
from typing import Final

from core.errors import SinkError

FILE_MODE: Final = 0o600
FOLDER_MODE: Final = 0o700


def make_folder(path: Path) -> bool:
    """Make a folder that its owner alone can enter; one that is there stays as it is.

    Returns:
        Whether it was made.

    Raises:
        OSError: it cannot be made, or something else has its name.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.mkdir(mode=FOLDER_MODE)
    except FileExistsError:
        if not path.is_dir():
            raise
        return False
    path.chmod(FOLDER_MODE)  # whatever the umask took away
    return True


def create(path: Path) -> int:
    """Create a file and return its descriptor, open for reading and writing.

    An older file of the name is removed first; where that is a symbolic link, the link goes and what it
    points to is left alone.

    Raises:
        OSError: it cannot be created.
    """
    path.unlink(missing_ok=True)
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags, FILE_MODE)
    if os.name == "posix":
        os.fchmod(descriptor, FILE_MODE)
    return descriptor


def replace_file(path: Path, content: bytes) -> None:
    """Give a file new content, in one step: whoever opens it finds the old or the new one, never a part.

    Raises:
        SinkError: it cannot be written; an older file is as it was.
    """
    draft = path.with_name(f".{path.name[:64]}.{secrets.token_hex(4)}.part")
    try:
        try:
            with os.fdopen(create(draft), "wb") as file:
                file.write(content)
            draft.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):  # nothing more can be done about it
                draft.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise unwritable(path, error) from error


class TextFile:
    """A text file that grows by whole pieces, each handed to the operating system at once.

    What was written stays when the program is killed. A piece that does not fit on the disk is an error
    where it happens, and no part of it is left in the file.

    Args:
        path: where; an existing file is replaced.

    Raises:
        SinkError: the file cannot be created.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._size = 0
        try:
            make_folder(path.parent)
            self._file = os.fdopen(create(path), "wb", buffering=0)
        except OSError as error:
            raise unwritable(path, error) from error

    def append(self, text: str) -> None:
        """Write `text` at the end.

        Raises:
            SinkError: it could not be written.
        """
        data = text.encode("utf-8", "replace")
        try:
            written = self._file.write(data)
            if written != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            with contextlib.suppress(OSError):  # the reader passes over what is left of the piece
                self._file.truncate(self._size)
            raise unwritable(self._path, error) from error
        self._size += len(data)

    def rewrite(self, text: str) -> None:
        """Replace everything that was written by `text`, in one step.

        Raises:
            SinkError: it could not be written; the file is as it was.
        """
        self._file.close()
        replace_file(self._path, text.encode("utf-8", "replace"))
        try:
            flags = os.O_WRONLY | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
            self._file = os.fdopen(os.open(self._path, flags), "ab", buffering=0)
            self._size = os.fstat(self._file.fileno()).st_size
        except OSError as error:
            raise unwritable(self._path, error) from error

    def close(self) -> None:
        """Close the file. Closing again does nothing."""
        self._file.close()


def printable(text: str) -> str:
    """`text` as UTF-8 can hold it.

    Names of files may be any bytes; Python carries those that are not UTF-8 as lone surrogates, which no
    message, file or page can hold. Each becomes U+FFFD.
    """
    return "".join(
        "\N{REPLACEMENT CHARACTER}" if "\ud800" <= character <= "\udfff" else character for character in text
    )


def unwritable(path: Path, error: OSError) -> SinkError:
    """The error for a file of a run that the operating system refuses to write."""
    return SinkError(
        f"cannot be written ({error.strerror}).",
        where=printable(str(path)),
        fix="Name a folder with --out that can be written and has room.",
    )
