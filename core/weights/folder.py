"""Files out of a folder that the user names: found by name, or by size and hash under any name."""

from __future__ import annotations

from pathlib import Path

from core.weights.cache import file_sha256
from core.weights.manifest import WeightFile
from core.weights.staging import SourceFailed, Staging


def obtain(folder: Path, staging: Staging) -> None:
    """Copy every missing file that `folder` or a folder below it holds. The user's files are not changed.

    Raises:
        SourceFailed: the folder cannot be read, or lacks one of the files.
        OSError: the cache cannot be written.
    """
    try:
        files = sorted(path for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else None
    except OSError as error:
        raise SourceFailed(f"{folder} cannot be read ({error.strerror})") from error
    if files is None:
        raise SourceFailed(f"{folder} is not a folder that can be read")
    absent = []
    for file in staging.missing:
        path = _find(file, files, staging.weight.name)
        if path is None:
            absent.append(file.name)
        else:
            staging.copy(file, path)
    if absent:
        raise SourceFailed(f"{folder} holds no file with the right content for {', '.join(absent)}")


def _find(file: WeightFile, files: list[Path], weight: str) -> Path | None:
    # config.json has many owners: a folder called after the weight goes first, then the name, then any name.
    def rank(path: Path) -> tuple[bool, bool, str]:
        return path.name != file.name, weight not in path.parts, str(path)

    for path in sorted(files, key=rank):
        try:
            if path.stat().st_size == file.size and file_sha256(path) == file.sha256:
                return path
        except OSError:
            continue  # one unreadable file does not make the others useless
    return None
