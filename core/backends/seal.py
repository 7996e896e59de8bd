"""Seals of compiled networks: only what this user's emotrack wrote on this machine is ever loaded.

A compiled network may hold native code that runs when it is loaded. Its folder's manifest could vouch for
anything, wherever the folder came from. So `emotrack compile` seals the manifest, which holds the hashes of
all files, with a key that lies in the user's state folder and never in the cache: a folder that was copied
here, or was put here by somebody else, has no seal that fits.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from core.errors import ModelError
from core.resources import state_folder

KEY_FILE: Final = "artifacts.key"
SEAL_FILE: Final = "manifest.seal"

_KEY_BYTES: Final = 32
_OTHERS_MAY_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH


def seal(manifest: Path) -> None:
    """Write the seal of a manifest beside it, and leave the folder to its owner alone.

    Args:
        manifest: its content is sealed; the file may still get another name.

    Raises:
        ModelError: the key cannot be read or written.
    """
    folder = manifest.parent
    try:
        key = _key() or _new_key()
        (folder / SEAL_FILE).write_text(_mac(key, manifest) + "\n", encoding="ascii")
        for path in folder.iterdir():
            if path.is_file():
                path.chmod(0o600)
        folder.chmod(0o700)
    except OSError as error:
        raise ModelError(
            f"the key that seals compiled networks cannot be written ({error.strerror}).",
            where=str(state_folder()),
            fix="Name a writable folder in EMOTRACK_STATE.",
        ) from error


def distrust(manifest: Path, files: Iterable[str]) -> str | None:
    """Why what a manifest vouches for must not be loaded, in one sentence; None when it may.

    Args:
        manifest: beside it lies its seal.
        files: names of the files beside it that would be loaded.
    """
    folder = manifest.parent
    for path in (folder, manifest, *(folder / name for name in files)):
        try:
            status = path.lstat()
        except OSError:
            continue  # what is absent is not loaded; who reads the manifest says so
        if stat.S_ISLNK(status.st_mode):
            return f"holds a link ({path.name}), which a compiled network never is."
        if _is_of_somebody_else(status):
            return f"can be changed by others than you ({path.name})."
    key = _key()
    try:
        found = (folder / SEAL_FILE).read_text(encoding="ascii").strip()
        if key is not None and hmac.compare_digest(found, _mac(key, manifest)):
            return None
    except (OSError, ValueError, TypeError):
        pass  # an absent or unreadable seal is one that does not fit
    return "was not compiled by you on this machine."


def _is_of_somebody_else(status: os.stat_result) -> bool:
    if not hasattr(os, "geteuid"):  # Windows has no such owner; the key decides alone
        return False
    return status.st_uid != os.geteuid() or bool(status.st_mode & _OTHERS_MAY_WRITE)


def _mac(key: bytes, manifest: Path) -> str:
    message = b"emotrack compiled networks 1\0" + manifest.read_bytes()
    return hmac.new(key, message, hashlib.sha256).hexdigest()


def _key() -> bytes | None:
    """The user's key; None when there is none, or when it is not the user's alone."""
    path = state_folder() / KEY_FILE
    try:
        status = path.lstat()
        content = path.read_bytes()
    except OSError:
        return None
    if not stat.S_ISREG(status.st_mode) or _is_of_somebody_else(status) or len(content) != _KEY_BYTES:
        return None
    return content


def _new_key() -> bytes:
    """Make the user's key. Raises OSError, also when a file is there that is no key of the user's."""
    folder = state_folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = secrets.token_bytes(_KEY_BYTES)
    try:
        descriptor = os.open(folder / KEY_FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        other = _key()  # another process was faster
        if other is None:
            raise
        return other
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(key)
    return key
