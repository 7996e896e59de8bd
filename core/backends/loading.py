"""Choosing and loading a backend at start-up: probe, manifest, hash, load, canned inference.

`auto` tries the fastest first and says in one line why it passed a backend over. A backend that is named is
used or the run fails: who asks for TensorRT is not given something slower in silence.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.backends.artifacts import PARITY_FILE
from core.backends.base import NETWORKS, Backend, Network, NetworkName, Precision, Runners, Unusable
from core.backends.compiled import MOST_POINTS_LOST, check_compiled, compiled_folder
from core.backends.compiling import artifact_path, is_reduced
from core.backends.parity import compare, demand, first_cases, load_cases
from core.backends.registry import AUTO, backend
from core.errors import EmotrackError, ModelError
from core.spec import ModelSpec

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a checkpoint lies.

    Attributes:
        spec: of the checkpoint.
        checkpoint: its folder.
        export: what `core.backends.export` wrote, already checked.
        root: of the cache with compiled networks; None = emotrack's.
    """

    spec: ModelSpec
    checkpoint: Path
    export: Path
    root: Path | None = None


@dataclass(frozen=True, slots=True)
class Loaded:
    """The networks, ready to run, and what runs them."""

    backend: str
    precision: Precision
    runners: Runners


def load_networks(
    place: Place,
    choice: str = "auto",
    precision: Precision | None = None,
    threads: int = 1,
    names: Sequence[NetworkName] = NETWORKS,
) -> Loaded:
    """Load the networks of a checkpoint.

    Args:
        place: where it lies.
        choice: "auto" or the name of a backend.
        precision: None = the one that was compiled, by the backend's preference.
        threads: processor threads within one call.
        names: the networks that are needed; of the others nothing is read.

    Raises:
        ConfigError: there is no such backend.
        Unusable: the backend that was named cannot be used; says at which stage and why.
        ModelError: "auto" found none.
    """
    if choice != "auto":
        return load_backend(place, backend(choice), precision, threads, names)
    for name in AUTO:
        try:
            return load_backend(place, backend(name), precision, threads, names, by_itself=True)
        except Unusable as error:
            log.info("%s is passed over (%s): %s", name, error.stage, error)
    raise ModelError(
        "no backend can run the networks.", where=str(place.checkpoint), fix="Install emotrack again."
    )


def load_backend(
    place: Place,
    chosen: Backend,
    precision: Precision | None = None,
    threads: int = 1,
    names: Sequence[NetworkName] = NETWORKS,
    *,
    by_itself: bool = False,
) -> Loaded:
    """Load the networks for one backend.

    Args:
        place, precision, threads, names: as for `load_networks`.
        chosen: the backend.
        by_itself: nobody named it, so it must not change the estimates unless validation data allowed it.

    Raises:
        Unusable: says at which stage and why.
    """
    missing = chosen.probe()
    if missing is not None:
        raise Unusable("probe", f"{chosen.name} cannot be used here: {missing}")
    precision = _available(place, chosen, precision)
    folder = place.export
    if chosen.runs == "artifact":
        folder = compiled_folder(place.spec, chosen, precision, place.root)
        manifest = check_compiled(place.spec, chosen, precision, folder)
        if by_itself and chosen.reduced:
            lost = None if manifest.validation is None else manifest.validation.points_lost
            if lost is None or lost >= MOST_POINTS_LOST:
                said = "no validation data spoke for it" if lost is None else f"it loses {lost:.2f} points"
                raise Unusable("manifest", f"{said} (`emotrack compile --validation`).")
    runners = {n: _load(place, chosen, n, precision, folder, threads) for n in names}
    _try(place, chosen, precision, runners)
    log.info("the networks run on %s (%s).", chosen.name, precision)
    return Loaded(chosen.name, precision, runners)


def _available(place: Place, chosen: Backend, precision: Precision | None) -> Precision:
    """The precision that was asked for, else the first one that is compiled."""
    if precision is not None:
        if precision not in chosen.precisions:
            raise Unusable("probe", f"{chosen.name} cannot compute in {precision}.")
        return precision
    if chosen.runs != "artifact":
        return chosen.precisions[0]
    there = (p for p in chosen.precisions if compiled_folder(place.spec, chosen, p, place.root).is_dir())
    return next(there, chosen.precisions[0])


def _load(
    place: Place, chosen: Backend, network: NetworkName, precision: Precision, folder: Path, threads: int
) -> Network:
    path = artifact_path(chosen, network, folder, place.checkpoint)
    try:
        return chosen.load(path, network, precision, threads)
    except Exception as error:  # the libraries raise everything that there is
        raise Unusable("load", f"{chosen.name} cannot load {network!r}: {_said(error)}") from error


def _try(place: Place, chosen: Backend, precision: Precision, runners: Runners) -> None:
    """One inference per network: a driver that is too old shows here, not when a network is loaded."""
    try:
        cases = load_cases(place.export / PARITY_FILE, first_only=True)
        found = compare(place.spec, first_cases(cases), runners, runners["fusion"])
        demand(found, reduced=is_reduced(chosen, precision), what=chosen.name)
    except Exception as error:  # as above
        raise Unusable("canned inference", f"{chosen.name} failed its trial: {_said(error)}") from error


def _said(error: Exception) -> str:
    return str(error) if isinstance(error, EmotrackError) else f"{type(error).__name__}: {error}"
