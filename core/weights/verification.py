"""The full check of a weight in the cache: every byte is read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from core.weights.cache import matches, remove_stamp, weight_folder, write_stamp
from core.weights.manifest import find

FileState = Literal["ok", "absent", "damaged"]


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """Outcome of `verify`.

    Attributes:
        name: the weight.
        folder: where it is, or would be.
        files: file name -> its state, in the order of the manifest.
    """

    name: str
    folder: Path
    files: dict[str, FileState]

    @property
    def ok(self) -> bool:
        """Whether every file is there and right."""
        return set(self.files.values()) == {"ok"}


def verify(name: str) -> VerifyReport:
    """Hash every file of weight `name` in the cache, and record the outcome for later uses.

    Raises:
        WeightsError: there is no such weight.
    """
    weight = find(name)
    folder = weight_folder(name)
    states: dict[str, FileState] = {}
    for file in weight.files:
        path = folder / file.name
        if not path.exists():
            states[file.name] = "absent"
        else:
            states[file.name] = "ok" if matches(path, file) else "damaged"
    report = VerifyReport(name, folder, states)
    if report.ok:
        write_stamp(weight)
    else:
        remove_stamp(weight)
    return report
