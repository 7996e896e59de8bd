"""Runners on this machine: in this process, or in several."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Final

from train.recordings.cutting import Job, Knife, Recipe, Result, Runner

MOST: Final = 8
"""Processes that are started unless more are asked for: each holds its own networks, about 0.6 GB."""


def in_this_process(recipe: Recipe, jobs: list[Job]) -> Iterator[tuple[int, Result]]:
    """One job after the other."""
    knife = recipe.load()
    for number, job in enumerate(jobs):
        yield number, knife(job)


def in_processes(workers: int) -> Runner:
    """A runner of several processes.

    Args:
        workers: how many; 0 = one for each core, at most `MOST`. Never more than there are jobs.
    """

    def run(recipe: Recipe, jobs: list[Job]) -> Iterator[tuple[int, Result]]:
        count = min(workers or min(os.cpu_count() or 1, MOST), len(jobs))
        if count <= 1:
            yield from in_this_process(recipe, jobs)
            return
        # "spawn": a copy of a process that has threads (torch, onnxruntime) may hang
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(count, context, initializer=_begin, initargs=(recipe,)) as pool:
            try:
                futures = {pool.submit(_cut, job): number for number, job in enumerate(jobs)}
                for future in as_completed(futures):
                    yield futures[future], future.result()
            finally:
                pool.shutdown(wait=True, cancel_futures=True)

    return run


class _Process:
    """What one of the processes holds."""

    recipe: Recipe
    knife: Knife | None = None


def _begin(recipe: Recipe) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _Process.recipe = recipe


def _end_with_parent() -> None:
    """A parent that was killed cannot tell its children to stop."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _cut(job: Job) -> Result:
    if _Process.knife is None:  # not in `_begin`, whose errors nobody is told
        _Process.knife = _Process.recipe.load()
    return _Process.knife(job)
