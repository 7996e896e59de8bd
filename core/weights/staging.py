"""What a fetch has got so far: a folder that survives an interruption, and accepts nothing unverified."""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path

from core.weights.cache import file_sha256, matches, partial_folder, weight_folder, write_stamp
from core.weights.manifest import Weight, WeightFile

log = logging.getLogger(__name__)


class SourceFailed(Exception):
    """One source could not deliver; the next one is tried. The message is one line for the log."""


class Staging:
    """The unfinished files of one weight, below `.partial/NAME/` of the cache.

    `ready/` holds verified files, `pieces/` parts that a package delivered, and `*.part` broken downloads.
    The caller holds the weight's lock.

    Raises:
        OSError: the cache cannot be written.
    """

    def __init__(self, weight: Weight) -> None:
        self.weight = weight
        self.folder = partial_folder(weight.name)
        self.pieces = self.folder / "pieces"
        self._ready = self.folder / "ready"
        self._final = weight_folder(weight.name)
        for folder in (self._ready, self.pieces, self._final):
            folder.mkdir(parents=True, exist_ok=True)
        self._have = {file.name for file in weight.files if self._is_here(file)}

    @property
    def missing(self) -> tuple[WeightFile, ...]:
        """Files that no source has delivered yet."""
        return tuple(file for file in self.weight.files if file.name not in self._have)

    def partial(self, file: WeightFile) -> Path:
        """Where an interrupted download of `file` is continued."""
        return self.folder / f"{file.name}.part"

    def accept(self, file: WeightFile, path: Path) -> None:
        """Take `path`, a file of this folder's own, as `file`; it is moved, or deleted when it is wrong.

        Raises:
            SourceFailed: its size or hash is not that of `file`.
        """
        size = path.stat().st_size
        if size != file.size:
            path.unlink()
            raise SourceFailed(f"{file.name} has {size} bytes, not {file.size}")
        found = file_sha256(path)
        if found != file.sha256:
            path.unlink()
            raise SourceFailed(f"{file.name} has the wrong sha256 ({found[:16]}…, not {file.sha256[:16]}…)")
        path.replace(self._ready / file.name)
        self._have.add(file.name)

    def copy(self, file: WeightFile, path: Path) -> None:
        """Like `accept`, for somebody else's file: it is copied and never changed."""
        temporary = self.partial(file).with_suffix(".copy")
        shutil.copyfile(path, temporary)
        self.accept(file, temporary)

    def finish(self) -> Path:
        """Move every file to its final place and forget the rest. Call it when nothing is missing."""
        for file in self.weight.files:
            source = self._ready / file.name
            if source.exists():
                source.replace(self._final / file.name)
        write_stamp(self.weight)
        shutil.rmtree(self.folder, ignore_errors=True)
        return self._final

    def _is_here(self, file: WeightFile) -> bool:
        ready = self._ready / file.name
        if ready.exists():
            if matches(ready, file):
                return True
            ready.unlink()
        final = self._final / file.name
        if not final.exists():
            return False
        if matches(final, file):
            return True
        damaged = final.with_name(f"{final.name}.damaged")
        os.replace(final, damaged)
        log.warning("%s: %s is damaged; it was set aside as %s.", self.weight.name, final, damaged.name)
        return False
