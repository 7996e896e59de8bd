"""Reading and writing safetensors files; our own weights are stored in half precision, used in single."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from core.errors import ModelError


def write_tensors(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Store `tensors`; floating point ones as float16, which halves the file and costs no accuracy here."""
    path.parent.mkdir(parents=True, exist_ok=True)
    halved = {
        name: (value.detach().half() if value.is_floating_point() else value.detach()).contiguous().cpu()
        for name, value in tensors.items()
    }
    save_file(halved, path)


def load_tensors(path: Path, *, fix: str) -> dict[str, Tensor]:
    """Read any safetensors file, as it is.

    Raises:
        ModelError: the file is absent or damaged; `fix` says what to do then.
    """
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"cannot be read as network weights ({error}).", where=str(path), fix=fix) from error


def read_tensors(
    path: Path, *, expected: Mapping[str, Tensor], renamed: Mapping[str, str] | None = None
) -> dict[str, Tensor]:
    """Read what `write_tensors` wrote, floating point values as float32.

    Args:
        path: a safetensors file.
        expected: names and shapes that must be there, no more and no less (a module's `state_dict()`).
        renamed: parts of dotted names that older files have -> what they are called now.

    Raises:
        ModelError: the file is absent, damaged, or holds other names or shapes.
    """
    stored = load_tensors(path, fix="Restore the checkpoint folder, or train it again.")
    now = renamed or {}
    found = {".".join(now.get(part, part) for part in name.split(".")): stored[name] for name in stored}
    wrong = sorted(expected.keys() ^ found.keys())
    wrong += [name for name in expected.keys() & found.keys() if expected[name].shape != found[name].shape]
    if wrong:
        raise ModelError(
            f"does not fit this network: {', '.join(wrong[:3])} ({len(wrong)} in all) differ.",
            where=str(path),
            fix="Use the checkpoint with the emotrack that wrote it, or train it again.",
        )
    return {name: value.float() if value.dtype == torch.float16 else value for name, value in found.items()}
