"""Getting a checkpoint ready: exported networks in the cache, made once in a process of their own."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from core.backends.artifacts import check_files, export_folder, is_exported
from core.backends.scratch import scratch_folder
from core.errors import ModelError
from core.resources import shipped
from core.spec import ModelSpec, insist_on_live, read_spec
from core.weights import locate

DEFAULT_CHECKPOINT: Final = "checkpoints/default"

_HOME: Final = Path(__file__).resolve().parents[2]


def checkpoint_folder(chosen: Path | None) -> Path:
    """The checkpoint that the user named, or the one that comes with emotrack."""
    return chosen if chosen is not None else shipped(DEFAULT_CHECKPOINT)


def prepare(
    checkpoint: Path, tell: Callable[[str], None], weights: Iterable[str] = ()
) -> tuple[ModelSpec, Path]:
    """Make sure that a checkpoint is whole and that its networks are exported.

    Args:
        checkpoint: its folder.
        tell: told, in one sentence, before something takes long.
        weights: third-party weights that the run needs besides the checkpoint's own; looked for first.

    Returns:
        The spec, and the folder with the exported networks.

    Raises:
        SpecMismatch: the checkpoint cannot be read, lacks a file or does not fit.
        WeightsError: a third-party weight was not pulled.
        ModelError: the export failed or is damaged.
    """
    spec = read_spec(checkpoint)
    insist_on_live(spec, checkpoint)
    check_files(spec, checkpoint)
    for name in (*weights, *(e.weight for e in spec.encoders.values() if e.weight is not None)):
        locate(name)
    folder = export_folder(spec)
    if not is_exported(spec, folder):
        tell("Preparing the networks for this machine; this happens once and takes about a minute.")
        _export(checkpoint, folder)
    return spec, folder


def _export(checkpoint: Path, folder: Path) -> None:
    """Export beside `folder` and move it there when it is whole; a torch import stays out of this process."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".export-", dir=folder.parent))
    try:
        folders = [str(checkpoint.resolve()), str(draft.resolve())]
        with scratch_folder(folder.parent):  # the environment of the other process, too
            done = subprocess.run(
                [sys.executable, "-m", "core.backends.export", *folders],
                cwd=_HOME,  # python -m looks there first, and the user's folder may hold a `core` of its own
                capture_output=True,
                text=True,
                check=False,
            )
        if done.returncode != 0:
            lines = done.stderr.strip().splitlines()
            raise ModelError(
                f"the networks could not be exported: {lines[-1] if lines else 'no reason given'}",
                where=str(checkpoint),
                fix="Run `emotrack models verify`; the export needs the packages of a full installation.",
            )
        if folder.exists():  # another process was faster, or an unfinished one left something
            shutil.rmtree(folder)
        draft.replace(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
