"""Compiled networks in the cache: one folder per checkpoint, backend, precision and machine, with a manifest.

The folder's name holds the hash of all that the artifacts depend on. So nothing is ever updated, and an
artifact for another graphics card or library version is not found at all; `explain_absence` then says which
one there is.

Loading an artifact may run native code, so a manifest alone is not believed: it has to bear the seal of the
user who compiled it here (`core.backends.seal`).
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from core.backends.artifacts import EXPORT_VERSION
from core.backends.base import NETWORKS, Backend, NetworkName, Precision, Unusable
from core.backends.seal import distrust, seal
from core.config_base import Strict
from core.spec import ModelSpec
from core.untrusted import inside
from core.weights import cache_root, file_sha256

COMPILED_VERSION: Final = 1
"""Counts changes of the lowerings that make older artifacts useless."""

MOST_POINTS_LOST: Final = 0.5
"""Points of macro-F1 that a backend which changes the estimates may cost on validation data."""

_MANIFEST: Final = "manifest.json"
_AGAIN: Final = "Run `emotrack compile --backend {name}`; it is made anew."


class ParityFigures(Strict):
    """Largest difference from eager float32 in probability, and where it was; decisions that it changed."""

    delta_p: float
    case: str
    part: str
    flips: int


class Timing(Strict):
    """Milliseconds of one call at batch one, one thread."""

    p50_ms: float
    p95_ms: float


class Tensor(Strict):
    """Type and shape of one input or output, as in the first parity vector."""

    dtype: str
    shape: tuple[int, ...]


class Interface(Strict):
    """Inputs and outputs of one network, in order."""

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]


class Validation(Strict):
    """Macro-F1 on validation data, in points (0 to 100): corpus -> eager's, and this backend's."""

    eager: dict[str, float]
    compiled: dict[str, float]

    @property
    def points_lost(self) -> float:
        """On the corpus that lost most."""
        return max(self.eager[name] - self.compiled[name] for name in self.eager)


class Manifest(Strict):
    """What a folder holds, what it is tied to, and what was measured.

    Attributes:
        version: of the lowerings.
        model, spec_sha256: the checkpoint; its spec holds the hashes of all its weights.
        backend, precision: how it was lowered.
        identity: versions, processor or graphics card, driver, options.
        made_with: versions that the artifacts do not depend on.
        files: name -> sha256.
        interface: per network.
        parity, benchmark: per network.
        validation: None when nobody measured it.
    """

    version: int
    model: str
    spec_sha256: str
    backend: str
    precision: Precision
    identity: dict[str, str]
    made_with: dict[str, str]
    files: dict[str, str]
    interface: dict[NetworkName, Interface]
    parity: dict[NetworkName, ParityFigures]
    benchmark: dict[NetworkName, Timing]
    validation: Validation | None = None


def compiled_root(root: Path | None = None) -> Path:
    """The folder of all compiled networks."""
    return (root or cache_root()) / "compiled"


def compiled_folder(
    spec: ModelSpec, backend: Backend, precision: Precision, root: Path | None = None
) -> Path:
    """Where the artifacts for this machine lie, or will lie.

    Raises:
        SpecMismatch: the checkpoint's name leads out of the cache.
    """
    parts = [COMPILED_VERSION, EXPORT_VERSION, spec.sha256, backend.name, precision, backend.identity()]
    key = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]
    return inside(compiled_root(root), f"{_stem(spec, backend, precision)}-{key}")


def write_compiled(manifest: Manifest, folder: Path) -> None:
    """Write the manifest, which makes a folder count, and seal it; atomically.

    Raises:
        ModelError: the user's key cannot be written.
    """
    partial = folder / f"{_MANIFEST}.part"
    partial.write_text(json.dumps(manifest.model_dump(mode="json"), indent=1) + "\n", encoding="utf-8")
    seal(partial)
    partial.replace(folder / _MANIFEST)


def check_compiled(spec: ModelSpec, backend: Backend, precision: Precision, folder: Path) -> Manifest:
    """Make sure that a folder holds whole artifacts of this checkpoint for this machine.

    Raises:
        Unusable: it does not, and why not.
    """
    again = _AGAIN.format(name=backend.name)
    if not (folder / _MANIFEST).is_file():
        raise Unusable("manifest", explain_absence(spec, backend, precision, folder), fix=again)
    complaint = distrust(folder / _MANIFEST, [f"{network}{backend.suffix}" for network in NETWORKS])
    if complaint is not None:
        raise Unusable("manifest", complaint, where=str(folder), fix=again)
    manifest = _read(folder, again)
    wanted = {
        "version": (manifest.version, COMPILED_VERSION),
        "checkpoint": (manifest.spec_sha256, spec.sha256),
        "backend": (manifest.backend, backend.name),
        "precision": (manifest.precision, precision),
        **_pairs(manifest.identity, backend.identity()),
    }
    for what, (found, here) in wanted.items():
        if found != here:
            sentence = f"was compiled for another {what}: {found or 'none'}, not {here or 'none'}."
            raise Unusable("manifest", sentence, where=str(folder), fix=again)
    names = {f"{network}{backend.suffix}" for network in NETWORKS}
    if set(manifest.files) != names:
        raise Unusable(
            "manifest", "its manifest does not name the four networks.", where=str(folder), fix=again
        )
    for name, sha256 in manifest.files.items():
        path = folder / name
        if not path.is_file() or file_sha256(path) != sha256:
            raise Unusable("hash", "is damaged (its hash differs).", where=str(path), fix=again)
    return manifest


def explain_absence(spec: ModelSpec, backend: Backend, precision: Precision, folder: Path) -> str:
    """Why there are no artifacts for this machine: never compiled, unfinished, or for something else."""
    if folder.is_dir():
        return f"what lies in {folder} is not finished: it has no manifest."
    identity = backend.identity()
    for other in sorted(folder.parent.glob(f"{_stem(spec, backend, precision)}-*")):
        try:
            manifest = _read(other, "")
        except Unusable:
            continue
        if manifest.spec_sha256 != spec.sha256:
            continue
        pairs = _pairs(manifest.identity, identity)
        changed = [f"{k} {a or 'none'}, not {b or 'none'}" for k, (a, b) in pairs.items() if a != b]
        if changed:
            return f"the networks were compiled for {' and '.join(changed)}."
    return f"the networks of {spec.name!r} are not compiled for {backend.name} ({precision}) on this machine."


def _read(folder: Path, again: str) -> Manifest:
    path = folder / _MANIFEST
    try:
        return Manifest.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, ValidationError) as error:
        raise Unusable("manifest", "cannot be read as a manifest.", where=str(path), fix=again) from error


def _stem(spec: ModelSpec, backend: Backend, precision: Precision) -> str:
    return f"{spec.name}-{backend.name}-{precision}"


def _pairs(found: dict[str, str], here: dict[str, str]) -> dict[str, tuple[str, str]]:
    return {key: (found.get(key, ""), here.get(key, "")) for key in {**here, **found}}
