"""Cut recordings in the cache: one file each, named by everything that its content depends on.

The name holds the hash of the recording, and that of what it was cut with: stretches, encoders, stages,
recogniser. Labels, speakers and splits are not in it: who corrects a label computes nothing anew.
"""

from __future__ import annotations

import hashlib
import json
import os
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np

from core.config import EngineConfig
from core.labels import MODALITIES
from core.spec import read_spec
from core.weights import file_sha256
from core.window import Tokens
from train.recordings.cutting import Cut, Job, Recipe, TokensOfPart

VERSION: Final = 1
"""Counts changes of the stages that make older tokens useless."""


def recipe_key(recipe: Recipe) -> str:
    """Hash of everything but the recording and its stretches. The checkpoint's fusion does not matter."""
    encoders = read_spec(recipe.checkpoint).model_dump(mode="json")["encoders"]
    for encoder in encoders.values():
        del encoder["max_tokens"]
    engine = EngineConfig().model_dump(mode="json", exclude={"purpose"})  # a purpose changes no token
    parts = [VERSION, encoders, engine, recipe.whisper, recipe.language]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def place_of(job: Job, key: str, folder: Path) -> Path:
    """File for the result of a job.

    Raises:
        OSError: the recording is not there or cannot be read.
    """
    stat = job.path.stat()
    recording = _recording_sha256(job.path, stat.st_size, stat.st_mtime_ns)
    spans = hashlib.sha256(json.dumps([key, job.spans]).encode()).hexdigest()
    return folder / "recordings" / recording[:2] / f"{recording[:24]}-{spans[:24]}.npz"


def save_cut(cut: Cut, path: Path) -> None:
    """Write one result, atomically."""
    head: list[str | int] = []
    arrays: dict[str, np.ndarray] = {}
    for row, parts in enumerate(cut.spans):
        head.append(parts if isinstance(parts, str) else len(parts))
        for number, tokens in enumerate([] if isinstance(parts, str) else parts):
            for modality, found in tokens.items():
                arrays[f"{row}.{number}.{modality}.values"] = found.values
                arrays[f"{row}.{number}.{modality}.times_s"] = found.times_s
    arrays["head"] = np.frombuffer(json.dumps(head).encode(), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{os.getpid()}.{path.name}")
    with partial.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
    os.replace(partial, path)


def load_cut(path: Path) -> Cut:
    """Read what `save_cut` wrote."""
    with np.load(path, allow_pickle=False) as data:
        names = set(data.files)

        def part(prefix: str) -> TokensOfPart:
            return {
                m: Tokens(data[f"{prefix}.{m}.values"], data[f"{prefix}.{m}.times_s"])
                for m in MODALITIES
                if f"{prefix}.{m}.values" in names
            }

        head = json.loads(data["head"].tobytes())
        return Cut(
            tuple(
                told if isinstance(told, str) else tuple(part(f"{row}.{number}") for number in range(told))
                for row, told in enumerate(head)
            )
        )


@cache
def _recording_sha256(path: Path, size: int, changed_ns: int) -> str:
    return file_sha256(path)
