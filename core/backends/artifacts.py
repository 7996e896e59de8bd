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
from core.untrusted import inside
from core.weights import cache_root, file_sha256, find

PARITY_FILE: Final = "parity.safetensors"
"""Inputs of every network with what eager float32 makes of them."""

EXPORT_VERSION: Final = 2
"""Counts changes of the exporter that make older exports useless."""

_FILES: Final = (*(f"{name}.onnx" for name in NETWORKS), PARITY_FILE)

_POINTER: Final = b"version https://git-lfs"

_MAIN_FILES: Final = {"minilm": "model.safetensors", "whisper-base": "model.bin"}
"""The file of a third-party weight whose hash the spec carries."""


def export_folder(spec: ModelSpec, root: Path | None = None) -> Path:
    """Where the export of a checkpoint lies, or will lie.

    Raises:
        SpecMismatch: its name leads out of the cache.
    """
    key = hashlib.sha256(f"{EXPORT_VERSION}:{spec.sha256}".encode()).hexdigest()[:16]
    return inside((root or cache_root()) / "exports", f"{spec.name}-{key}")


def write_manifest(spec: ModelSpec, folder: Path) -> None:
    """Write what the folder holds: written last, so a folder without it is not finished."""
    manifest = {
        "version": EXPORT_VERSION,
        "spec_sha256": spec.sha256,
        "files": {name: file_sha256(folder / name) for name in _FILES},
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
        wanted = dict(manifest["files"])
        same_checkpoint = manifest["spec_sha256"] == spec.sha256
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError("its manifest cannot be read.", where=str(folder), fix=fix) from error
    if not same_checkpoint:
        raise ModelError("is the export of another checkpoint.", where=str(folder), fix=fix)
    if wanted.keys() != set(_FILES):
        raise ModelError("its manifest does not name the files of an export.", where=str(folder), fix=fix)
    for name, sha256 in wanted.items():
        if not (folder / name).is_file() or file_sha256(folder / name) != sha256:
            raise ModelError("is damaged (its hash differs).", where=str(folder / name), fix=fix)
    return True


def check_files(spec: ModelSpec, checkpoint: Path) -> None:
    """Check the checkpoint's own files against the hashes in its spec, and the names of third-party weights.

    Reads a few megabytes. What a run computes with may have been prepared earlier, so without this a folder
    whose files were lost or replaced would seem to work until the cache is emptied.

    Raises:
        SpecMismatch: a file is absent, cut short, a Git LFS pointer, or another one; or the spec wants
            another third-party weight than emotrack knows.
    """
    wanted = {name: sha256 for e in spec.encoders.values() for name, sha256 in e.files.items()}
    for name, sha256 in {**wanted, spec.fusion.file: spec.fusion.file_sha256}.items():
        path = checkpoint / name
        try:
            found = file_sha256(path)
        except OSError:
            raise _wrong_file(path, "is named by the spec but cannot be read.") from None
        if found == sha256:
            continue
        with path.open("rb") as stream:
            pointer = stream.read(len(_POINTER)) == _POINTER
        if pointer:
            sentence = "is a pointer of Git LFS and not the weights; run `git lfs pull`."
            raise SpecMismatch(sentence, where=str(path))
        raise _wrong_file(path, "is not the file that the checkpoint was trained with (its hash differs).")
    for encoder in spec.encoders.values():
        if encoder.weight is None:
            continue
        main = _MAIN_FILES.get(encoder.weight)
        known = {f.name: f.sha256 for f in find(encoder.weight).files} if main else {}
        if main is None or known[main] != encoder.weight_sha256:
            raise SpecMismatch(
                f"was trained with another {encoder.weight} than this emotrack has.",
                where=str(checkpoint / "spec.json"),
                fix="Train it again, or use the emotrack that wrote it.",
            )


def check_weights(spec: ModelSpec, checkpoint: Path, weights: Callable[[str], Path]) -> None:
    """Check every file that the spec names against its hash, third-party ones included.

    Raises:
        SpecMismatch: a file is absent or is another one than the checkpoint was trained with.
        WeightsError: a third-party weight was not pulled.
    """
    check_files(spec, checkpoint)
    for encoder in spec.encoders.values():
        if encoder.weight is not None:
            path = weights(encoder.weight) / _MAIN_FILES[encoder.weight]
            if not path.is_file() or file_sha256(path) != encoder.weight_sha256:
                raise _wrong_file(path, "is absent or is not the file that the checkpoint was trained with.")


def _wrong_file(path: Path, sentence: str) -> SpecMismatch:
    return SpecMismatch(
        sentence, where=str(path), fix="Restore the checkpoint folder, and run `emotrack models verify`."
    )
