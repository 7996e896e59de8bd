"""Exported networks in the cache: where they lie, and whether they belong to the checkpoint at hand.

An export is a folder with one ONNX file per network ("<name>.onnx"), parity vectors and a manifest. Its name
holds the hash of everything that it depends on, so an export is never updated: another checkpoint has another
folder.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

from core.backends.base import NETWORKS
from core.errors import ModelError, SpecMismatch
from core.spec import ModelSpec
from core.weights import cache_root, file_sha256

PARITY_FILE: Final = "parity.safetensors"
"""Inputs of every network with what eager float32 makes of them."""

EXPORT_VERSION: Final = 2
"""Counts changes of the exporter that make older exports useless."""

_MAIN_FILES: Final = {"minilm": "model.safetensors", "whisper-base": "model.bin"}
"""The file of a third-party weight whose hash the spec carries."""


def export_folder(spec: ModelSpec, root: Path | None = None) -> Path:
    """Where the export of a checkpoint lies, or will lie."""
    key = hashlib.sha256(f"{EXPORT_VERSION}:{spec.sha256}".encode()).hexdigest()[:16]
    return (root or cache_root()) / "exports" / f"{spec.name}-{key}"


def write_manifest(spec: ModelSpec, folder: Path) -> None:
    """Write what the folder holds: written last, so a folder without it is not finished."""
    names = [*(f"{name}.onnx" for name in NETWORKS), PARITY_FILE]
    manifest = {
        "version": EXPORT_VERSION,
        "spec_sha256": spec.sha256,
        "files": {name: file_sha256(folder / name) for name in names},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def is_exported(spec: ModelSpec, folder: Path) -> bool:
    """Whether the folder holds a whole export of this checkpoint.

    Raises:
        ModelError: it holds something else or a damaged file.
    """
    path = folder / "manifest.json"
    if not path.is_file():
        return False
    fix = "Delete the folder; it is made again on the next run."
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        wanted = manifest["files"]
        same_checkpoint = manifest["spec_sha256"] == spec.sha256
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError("its manifest cannot be read.", where=str(folder), fix=fix) from error
    if not same_checkpoint:
        raise ModelError("is the export of another checkpoint.", where=str(folder), fix=fix)
    for name, sha256 in wanted.items():
        if not (folder / name).is_file() or file_sha256(folder / name) != sha256:
            raise ModelError("is damaged (its hash differs).", where=str(folder / name), fix=fix)
    return True


def check_weights(spec: ModelSpec, checkpoint: Path, weights: Callable[[str], Path]) -> None:
    """Check every file that the spec names against its hash.

    Raises:
        SpecMismatch: a file is absent or is another one than the checkpoint was trained with.
    """
    for encoder in spec.encoders.values():
        files = {checkpoint / name: sha256 for name, sha256 in encoder.files.items()}
        if encoder.weight is not None and encoder.weight_sha256 is not None:
            files[weights(encoder.weight) / _MAIN_FILES[encoder.weight]] = encoder.weight_sha256
        for path, sha256 in files.items():
            if not path.is_file() or file_sha256(path) != sha256:
                raise SpecMismatch(
                    "is absent or is not the file that the checkpoint was trained with.",
                    where=str(path),
                    fix="Restore the checkpoint folder, and run `emotrack models verify`.",
                )
