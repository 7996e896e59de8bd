"""The runner on a Ray cluster: the same work, on as many machines as there are.

Every machine needs emotrack, the weights (`emotrack models pull`), and recordings and checkpoint under the
same paths, say on a shared disk.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from core.errors import NotAvailable
from train.recordings.cutting import Job, Knife, Recipe, Result, Runner


def on_ray(address: str, workers: int) -> Runner:
    """A runner on a Ray cluster.

    Args:
        address: of the cluster ("10.0.0.1:6379", "ray://..."), "auto" for the one that runs here, or "local"
            to start one on this machine for the time of the run.
        workers: how many actors of one processor each; 0 = as many as the cluster has processors. Never more
            than there are jobs.

    Raises:
        NotAvailable: Ray is not installed, or no cluster answers.
    """

    def run(recipe: Recipe, jobs: list[Job]) -> Iterator[tuple[int, Result]]:
        ray = import_ray()
        joined = join(address, workers)
        try:
            count = min(workers or int(ray.cluster_resources().get("CPU", 1)), len(jobs))
            actor = ray.remote(num_cpus=1, max_restarts=2, max_task_retries=2)(_Actor)
            pool = ray.util.ActorPool([actor.remote(recipe) for _ in range(max(1, count))])
            yield from pool.map_unordered(lambda a, numbered: a.cut.remote(*numbered), [*enumerate(jobs)])
        except ray.exceptions.RayTaskError as error:
            raise error.cause or error from error
        finally:
            if joined:
                ray.shutdown()

    return run


def join(address: str, workers: int) -> bool:
    """Join a cluster, or start one; arguments and errors as for `on_ray`.

    Returns:
        Whether it has to be left again: False where this process was in one already.
    """
    ray = import_ray()
    if ray.is_initialized():
        return False
    own = {"num_cpus": workers or None, "include_dashboard": False} if address == "local" else {}
    try:
        ray.init(address=address, log_to_driver=False, logging_level="error", **own)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise NotAvailable(
            f"no Ray cluster answers ({error}).", where=address, fix="Start one with `ray start --head`."
        ) from error
    except Exception as error:  # Ray's own patience ends with a bare one
        if "timed out during startup" not in str(error):
            raise
        ray.shutdown()
        raise NotAvailable(
            "Ray was not up within 30 s, which is as long as it waits for itself: the machine is too busy.",
            where=address,
            fix="Run this again, or without Ray: what is cut already is kept.",
        ) from error
    return True


def import_ray() -> Any:  # noqa: ANN401  (a module)
    """Ray, with its report of usage switched off. Raises NotAvailable where it is not installed."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # before the import
    try:
        import ray
        import ray.util
    except ImportError as error:
        raise NotAvailable("Ray is not installed.", fix="Run: pip install 'emotrack[ray]'.") from error
    return ray


class _Actor:
    """Holds the networks on one processor of the cluster."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._knife: Knife | None = None

    def cut(self, number: int, job: Job) -> tuple[int, Result]:
        self._knife = self._knife or self._recipe.load()
        return number, self._knife(job)
