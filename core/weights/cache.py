"""The cache of verified files: where it is, and when a folder in it may be used.

Layout below the root: `NAME/` holds a weight's files and the stamp of their last full check; `.partial/NAME/`
holds what a fetch has got so far; `.locks/` holds one lock per weight.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import WeightsError
from core.weights.manifest import Weight, WeightFile

log = logging.getLogger(__name__)

STAMP = ".verified.json"
_Stamp = dict[str, tuple[int, int, str]]


def cache_root() -> Path:
    """The folder of everything that emotrack caches: `EMOTRACK_CACHE`, or the platform's user cache."""
    named = os.environ.get("EMOTRACK_CACHE")
    if named:
        return Path(named).expanduser().resolve()
    import platformdirs

    return Path(platformdirs.user_cache_dir("emotrack"))


def weight_folder(name: str) -> Path:
    """Where the files of weight `name` lie, whether or not they are there yet."""
    return cache_root() / "weights" / name


def partial_folder(name: str) -> Path:
    """Where an unfinished fetch of `name` keeps what it has."""
    return cache_root() / "weights" / ".partial" / name


def file_sha256(path: Path) -> str:
    """Hexadecimal sha256 of a file's content. Raises OSError when it cannot be read."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def matches(path: Path, file: WeightFile) -> bool:
    """Whether `path` is a readable file with the size and hash of `file`."""
    try:
        return path.stat().st_size == file.size and file_sha256(path) == file.sha256
    except OSError:
        return False


def is_ready(weight: Weight) -> bool:
    """Whether the cache holds every file of `weight`, unchanged since its last full check.

    A file whose size and modification time are those of the stamp is taken as unchanged. Any other is hashed;
    so files that a person placed by hand are accepted, and stamped.
    """
    folder = weight_folder(weight.name)
    stamp = _read_stamp(folder)
    if all(_stamped(folder, file, stamp) for file in weight.files):
        return True
    if not all(matches(folder / file.name, file) for file in weight.files):
        return False
    write_stamp(weight)
    return True


def write_stamp(weight: Weight) -> None:
    """Record that every file of `weight` was just checked. A cache that is read-only stays unstamped."""
    folder = weight_folder(weight.name)
    try:
        stamp: _Stamp = {}
        for file in weight.files:
            status = (folder / file.name).stat()
            stamp[file.name] = (status.st_size, status.st_mtime_ns, file.sha256)
        temporary = folder / f"{STAMP}.{os.getpid()}"
        temporary.write_text(json.dumps(stamp, indent=1), encoding="utf-8")
        temporary.replace(folder / STAMP)
    except OSError as error:
        log.debug("%s: the check cannot be recorded (%s); it will be repeated.", folder, error.strerror)


def remove_stamp(weight: Weight) -> None:
    """Make the next use of `weight` check its files in full."""
    (weight_folder(weight.name) / STAMP).unlink(missing_ok=True)


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold the lock of weight `name` against other processes; waits for it as long as it takes.

    Raises:
        WeightsError: the cache cannot be written.
    """
    import filelock

    path = cache_root() / "weights" / ".locks" / f"{name}.lock"
    lock = filelock.FileLock(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            log.info("%s: another process is fetching it; waiting.", name)
            lock.acquire()
    except OSError as error:
        raise WeightsError(
            f"the cache cannot be written ({error.strerror}).",
            where=str(path.parent.parent),
            fix="Name a writable folder in EMOTRACK_CACHE.",
        ) from error
    try:
        yield
    finally:
        lock.release()


def _read_stamp(folder: Path) -> _Stamp:
    try:
        values = json.loads((folder / STAMP).read_text(encoding="utf-8"))
        return {str(name): (int(size), int(mtime), str(sha)) for name, (size, mtime, sha) in values.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}  # absent or unreadable: the files are hashed instead


def _stamped(folder: Path, file: WeightFile, stamp: _Stamp) -> bool:
    try:
        status = (folder / file.name).stat()
    except OSError:
        return False
    return (
        stamp.get(file.name) == (status.st_size, status.st_mtime_ns, file.sha256)
        and status.st_size == file.size
    )
