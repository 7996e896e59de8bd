"""Reads the first layers of Whisper's encoder out of CTranslate2's `model.bin`, without any framework.

The transcript needs that file anyway, so the audio encoder needs no download of its own. The container is
plain: version, name of the model and its revision, a count, and per tensor its name, shape, type and data.
Strings are a 16-bit length (which counts the closing zero) and bytes; all numbers are little-endian.
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from core.errors import WeightsError

_TYPES: Final[dict[int, np.dtype[Any]]] = {
    kind: np.dtype(name) for kind, name in enumerate(("<f4", "i1", "<i2", "<i4", "<f2"))
}
_VERSION: Final = 6
_FLOATS: Final = ("f4", "f2")


@dataclass(frozen=True, slots=True)
class _Entry:
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    offset: int
    size: int


def read_encoder_tensors(path: Path, layers: int) -> dict[str, NDArray[np.float32]]:
    """Read the convolutions, positions and the first `layers` blocks of the encoder, as float32.

    Args:
        path: `model.bin` of a Whisper model that CTranslate2 stored as float16 or float32.
        layers: number of blocks wanted.

    Returns:
        CTranslate2's names without their leading "encoder/", for instance "layer_0/ffn/linear_0/weight".

    Raises:
        WeightsError: the file is absent, no such container, quantised, or has fewer layers.
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            index = _index(data)
            names = [name for name in index if _is_wanted(name, layers)]
            if not any(name.startswith(f"encoder/layer_{layers - 1}/") for name in names):
                raise _bad(path, f"has no encoder layer {layers - 1}")
            return {name.removeprefix("encoder/"): _tensor(data, index[name], path) for name in names}
    except (OSError, ValueError, struct.error, UnicodeDecodeError) as error:
        raise _bad(path, f"cannot be read as a CTranslate2 model ({error})") from error


def read_tensors(path: Path) -> dict[str, NDArray[np.float32]]:
    """Read every weight of encoder and decoder, as float32, by CTranslate2's names.

    Args:
        path: `model.bin` of a Whisper model that CTranslate2 stored as float16 or float32.

    Raises:
        WeightsError: the file is absent, no such container, or quantised.
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            index = {name: entry for name, entry in _index(data).items() if entry.shape}
            return {name: _tensor(data, entry, path) for name, entry in index.items()}
    except (OSError, ValueError, struct.error, UnicodeDecodeError) as error:
        raise _bad(path, f"cannot be read as a CTranslate2 model ({error})") from error


def _is_wanted(name: str, layers: int) -> bool:
    if name.startswith(("encoder/conv", "encoder/position_encodings")):
        return True
    return any(name.startswith(f"encoder/layer_{layer}/") for layer in range(layers))


def _index(data: mmap.mmap) -> dict[str, _Entry]:
    version, position = _number(data, 0, "<I")
    if version != _VERSION:
        raise ValueError(f"container version {version}, not {_VERSION}")
    _, position = _string(data, position)
    _, position = _number(data, position, "<I")
    count, position = _number(data, position, "<I")
    entries = {}
    for _ in range(count):
        name, position = _string(data, position)
        rank, position = _number(data, position, "<B")
        shape = struct.unpack_from(f"<{rank}I", data, position)
        position += 4 * rank
        kind, position = _number(data, position, "<B")
        size, position = _number(data, position, "<I")
        if kind in _TYPES:
            entries[name] = _Entry(shape, _TYPES[kind], position, size)
        position += size
    return entries


def _number(data: mmap.mmap, position: int, form: str) -> tuple[int, int]:
    (value,) = struct.unpack_from(form, data, position)
    return int(value), position + struct.calcsize(form)


def _string(data: mmap.mmap, position: int) -> tuple[str, int]:
    length, position = _number(data, position, "<H")
    return data[position : position + length - 1].decode(), position + length


def _tensor(data: mmap.mmap, entry: _Entry, path: Path) -> NDArray[np.float32]:
    if entry.dtype.str[1:] not in _FLOATS:
        raise _bad(path, "is quantised; the audio encoder needs the float16 model")
    raw = np.frombuffer(data[entry.offset : entry.offset + entry.size], entry.dtype)
    return raw.reshape(entry.shape).astype(np.float32)


def _bad(path: Path, what: str) -> WeightsError:
    return WeightsError(f"{what}.", where=str(path), fix="Fetch it again: emotrack models pull whisper-base.")
