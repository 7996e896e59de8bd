"""The one door through which every network is compiled: lower, load, parity, benchmark, then write.

Nothing is written unless what was lowered, loaded again from its file, says what eager float32 says.
"""

from __future__ import annotations

import platform
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.backends.artifacts import PARITY_FILE
from core.backends.base import NETWORKS, Backend, Network, NetworkName, Precision, Unusable
from core.backends.compiled import (
    COMPILED_VERSION,
    Interface,
    Manifest,
    ParityFigures,
    Tensor,
    Timing,
    compiled_folder,
    write_compiled,
)
from core.backends.host import installed
from core.backends.onnx import OnnxNetwork
from core.backends.parity import Case, Cases, Finding, compare, demand, load_cases
from core.backends.scratch import scratch_folder
from core.backends.source import Source
from core.errors import ConfigError, EmotrackError, ModelError
from core.version import VERSION
from core.weights import file_sha256

_ROUNDS: Final = 20


@dataclass(frozen=True, slots=True)
class Compiled:
    """What came of it.

    Attributes:
        backend, precision: what was compiled.
        folder: where the artifacts lie; None when the backend runs the export or the checkpoint itself.
        parity: per network.
        benchmark: per network, empty without a clock.
    """

    backend: str
    precision: Precision
    folder: Path | None
    parity: Mapping[NetworkName, Finding]
    benchmark: Mapping[NetworkName, Timing]


def compile_networks(
    source: Source,
    backend: Backend,
    precision: Precision | None = None,
    *,
    root: Path | None = None,
    clock: Callable[[], float] | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> Compiled:
    """Compile the networks of a checkpoint for one backend on this machine.

    Args:
        source: the checkpoint and its export, already checked.
        backend: which.
        precision: None = the backend's own default.
        root: of the cache, else emotrack's.
        clock: monotonic seconds; None = no benchmark.
        tell: told, in one sentence, what is being done.

    Raises:
        ConfigError: the backend does not know that precision.
        Unusable: the backend cannot be used on this machine.
        ModelError: a network could not be lowered, or parity does not hold; nothing was written.
    """
    chosen = _precision(backend, precision)
    missing = backend.probe()
    if missing is not None:
        raise Unusable("probe", f"{backend.name} cannot be used here: {missing} Nothing was written.")
    cases = load_cases(source.export / PARITY_FILE)
    folder = compiled_folder(source.spec, backend, chosen, root)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with scratch_folder(folder.parent):
        if backend.runs != "artifact":
            paths = {n: artifact_path(backend, n, source.export, source.checkpoint) for n in NETWORKS}
            return _judge(source, backend, chosen, cases, paths, clock)
        draft = Path(tempfile.mkdtemp(prefix=".compile-", dir=folder.parent))
        try:
            paths = {}
            for network in NETWORKS:
                tell(f"Lowering {network} for {backend.name}.")
                paths[network] = draft / f"{network}{backend.suffix}"
                _lower(source, backend, network, chosen, paths[network])
            compiled = _judge(source, backend, chosen, cases, paths, clock)
            write_compiled(_manifest(source, backend, compiled, cases, paths), draft)
            if folder.exists():
                shutil.rmtree(folder)
            draft.replace(folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return Compiled(backend.name, chosen, folder, compiled.parity, compiled.benchmark)


def artifact_path(backend: Backend, network: NetworkName, folder: Path, checkpoint: Path) -> Path:
    """What `backend.load` takes; `folder` holds its artifacts, or the export."""
    return checkpoint if backend.runs == "checkpoint" else folder / f"{network}{backend.suffix}"


def _precision(backend: Backend, precision: Precision | None) -> Precision:
    if precision is None:
        return backend.precisions[0]
    if precision not in backend.precisions:
        known = ", ".join(backend.precisions)
        raise ConfigError(
            f"{backend.name} cannot compute in {precision}.", where="--dtype", fix=f"It knows {known}."
        )
    return precision


def _lower(source: Source, backend: Backend, network: NetworkName, precision: Precision, path: Path) -> None:
    try:
        backend.lower(source, network, precision, path)
    except EmotrackError:
        raise
    except Exception as error:  # compilers raise everything that there is
        raise ModelError(
            f"{backend.name} could not lower the network {network!r}: {_reason(error)} Nothing was written."
        ) from error


def _judge(
    source: Source,
    backend: Backend,
    precision: Precision,
    cases: Cases,
    paths: Mapping[NetworkName, Path],
    clock: Callable[[], float] | None,
) -> Compiled:
    runners: dict[NetworkName, Network] = {}
    try:
        for network, path in paths.items():
            runners[network] = backend.load(path, network, precision, 1)
        parity = compare(source.spec, cases, runners, OnnxNetwork(source.export / "fusion.onnx"))
    except EmotrackError:
        raise
    except Exception as error:  # as above
        raise ModelError(
            f"{backend.name} cannot run what it lowered: {_reason(error)} Nothing was written."
        ) from error
    reduced = is_reduced(backend, precision)
    demand(parity, reduced=reduced, what=backend.name, fix="Nothing was written.")
    benchmark = {} if clock is None else {n: _timed(runners[n], cases[n][0], clock) for n in NETWORKS}
    return Compiled(backend.name, precision, None, parity, benchmark)


def is_reduced(backend: Backend, precision: Precision) -> bool:
    """Whether the tolerance of reduced precision holds."""
    return backend.reduced or precision != "fp32"


def _timed(network: Network, case: Case, clock: Callable[[], float]) -> Timing:
    network(*case.inputs)
    times_ms = []
    for _ in range(_ROUNDS):
        begun_s = clock()
        network(*case.inputs)
        times_ms.append((clock() - begun_s) * 1000)
    p50, p95 = np.percentile(times_ms, [50, 95])
    return Timing(p50_ms=round(float(p50), 3), p95_ms=round(float(p95), 3))


def _manifest(
    source: Source, backend: Backend, compiled: Compiled, cases: Cases, paths: Mapping[NetworkName, Path]
) -> Manifest:
    return Manifest(
        version=COMPILED_VERSION,
        model=source.spec.name,
        spec_sha256=source.spec.sha256,
        backend=backend.name,
        precision=compiled.precision,
        identity=backend.identity(),
        made_with={
            "emotrack": VERSION,
            "python": platform.python_version(),
            "torch": installed("torch") or "",
            "system": platform.system(),
        },
        files={path.name: file_sha256(path) for path in paths.values()},
        interface={n: _interface(cases[n][0]) for n in NETWORKS},
        parity={
            n: ParityFigures(delta_p=f.delta_p, case=f.case, part=f.part, flips=f.flips)
            for n, f in compiled.parity.items()
        },
        benchmark=dict(compiled.benchmark),
    )


def _interface(case: Case) -> Interface:
    def described(arrays: tuple[NDArray[np.generic], ...]) -> tuple[Tensor, ...]:
        return tuple(Tensor(dtype=str(array.dtype), shape=array.shape) for array in arrays)

    return Interface(inputs=described(case.inputs), outputs=described(case.outputs))


def _reason(error: Exception) -> str:
    """One line: a compiler's message may be pages."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:300]}." if lines else f"{type(error).__name__}."
