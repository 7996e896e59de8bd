"""Processor time and memory of a process with all its children (Linux)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.background_thread import BackgroundThread

_PERIOD_S: Final = 0.5
_TICKS: Final = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


@dataclass(frozen=True, slots=True)
class _Process:
    parent: int
    own_s: float
    reaped_s: float


def cpu_s(root: int) -> float:
    """Processor seconds, user and system, of a process, its living descendants and those that it outlived."""
    every = _processes()
    return sum(every[pid].own_s + every[pid].reaped_s for pid in _tree(root, every))


def own_cpu_s(pid: int) -> float:
    """Processor seconds, user and system, of one process alone; 0 when it is gone."""
    process = _processes().get(pid)
    return process.own_s if process is not None else 0.0


def resident_mb(root: int) -> float:
    """Memory of a process and its descendants in MiB; pages that several of them share count once."""
    return sum(proportional_mb(pid) for pid in _tree(root, _processes()))


class PeakMemory(BackgroundThread):
    """Samples the memory of a tree twice a second while the block lasts.

    Attributes:
        mb: the most that was seen.
    """

    join_s = None

    def __init__(self, root: int) -> None:
        super().__init__()
        self.mb = 0.0
        self._root = root

    def work(self) -> None:
        """Look until the block ends."""
        while not self._over.wait(_PERIOD_S):
            self.mb = max(self.mb, resident_mb(self._root))


def _tree(root: int, every: dict[int, _Process]) -> set[int]:
    found = {root} & every.keys()
    while more := {pid for pid, process in every.items() if process.parent in found} - found:
        found |= more
    return found


def _processes() -> dict[int, _Process]:
    found = {}
    for path in Path("/proc").iterdir():
        if path.name.isdecimal():
            try:
                text = (path / "stat").read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue  # it has ended meanwhile
            fields = text.rpartition(")")[2].split()
            user, system, reaped_user, reaped_system = (int(value) / _TICKS for value in fields[11:15])
            found[int(path.name)] = _Process(int(fields[1]), user + system, reaped_user + reaped_system)
    return found


def proportional_mb(pid: int) -> float:
    """Memory of one process in MiB; of pages that several share it counts its part."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8")
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in text.split("\n") if line.startswith("Pss:")), 0.0)
