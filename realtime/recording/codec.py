"""Inputs of the engine as bytes, and back: what a recorded run is made of.

One record is four bytes of length, that much JSON, then the arrays one after the other. The JSON names types
that are known here and nothing else, so reading a foreign file runs no code; sizes are checked before memory
is taken. Sound is 16-bit, which live runs use anyway; pictures are JPEG; everything else is exact.
"""

from __future__ import annotations

import json
import math
import struct
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cache
from types import UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

from core.engine.engine import Input
from core.engine.load_shedding import QueueAges
from core.errors import SourceError
from core.inputs import AudioChunk, ClockState, DeviceState, EndOfStream, Gap, Image, Tick, VideoFrame
from core.window import Tokens
from core.work import (
    AudioTokens,
    FaceDetection,
    Faces,
    Failed,
    Fused,
    FusionOutput,
    Hypothesis,
    SpeakerFeatures,
    TextTokens,
    VisualTokens,
    Word,
    WorkResult,
)

_TYPES: Final[dict[str, type]] = {
    cls.__name__: cls
    for cls in (
        AudioChunk,
        AudioTokens,
        ClockState,
        DeviceState,
        EndOfStream,
        FaceDetection,
        Faces,
        Failed,
        Fused,
        FusionOutput,
        Gap,
        Hypothesis,
        QueueAges,
        SpeakerFeatures,
        TextTokens,
        Tick,
        Tokens,
        VideoFrame,
        VisualTokens,
        Word,
        WorkResult,
    )
}
_DTYPES: Final = frozenset({"float32", "uint8", "int16", "bool", "int64", "float64"})
_LENGTH: Final = struct.Struct("<I")
_LEVELS: Final = 32_768.0
_MOST_PIXELS: Final = 64_000_000


def pack(item: Input, *, jpeg_quality: int = 85) -> bytes:
    """Write one input."""
    writer = _Writer(jpeg_quality)
    text = json.dumps(writer.plain(item), separators=(",", ":"), allow_nan=True).encode()
    return b"".join([_LENGTH.pack(len(text)), text, *writer.arrays])


def unpack(data: bytes) -> Input:
    """Read what `pack` wrote.

    Raises:
        SourceError: it is damaged, or of a newer version.
    """
    try:
        (length,) = _LENGTH.unpack_from(data)
        end = _LENGTH.size + length
        reader = _Reader(data, end)
        value = reader.value(json.loads(data[_LENGTH.size : end]))
        if not isinstance(value, Input):
            raise ValueError(f"{type(value).__name__} is no input")
    except (ValueError, TypeError, KeyError, IndexError, struct.error, RecursionError) as error:
        raise SourceError(f"a record cannot be read ({error}).", where="recorded inputs") from error
    return value


@dataclass(slots=True)
class _Writer:
    jpeg_quality: int
    arrays: list[bytes] = field(default_factory=list)

    def plain(self, value: Any) -> Any:  # noqa: ANN401
        """`value` as JSON; arrays are put aside."""
        match value:
            case VideoFrame():
                return {
                    "": "VideoFrame",
                    "stream": value.stream,
                    "t_s": value.t_s,
                    "image": self.jpeg(value.image),
                }
            case AudioChunk():
                levels = np.clip(np.round(value.samples * _LEVELS), -_LEVELS, _LEVELS - 1).astype("<i2")
                samples = {"sound": self.array(levels)}
                return {
                    "": "AudioChunk",
                    "stream": value.stream,
                    "start_sample": value.start_sample,
                    "samples": samples,
                }
            case np.ndarray():
                return {"array": self.array(value)}
            case dict():
                return {"map": {str(key): self.plain(part) for key, part in value.items()}}
            case tuple() | list():
                return [self.plain(part) for part in value]
            case np.generic():
                return value.item()
        if is_dataclass(value) and not isinstance(value, type):
            parts = {part.name: self.plain(getattr(value, part.name)) for part in fields(value)}
            return {"": type(value).__name__, **parts}
        return value

    def array(self, values: NDArray[Any]) -> list[Any]:
        """Dtype and shape of an array that is put aside."""
        self.arrays.append(np.ascontiguousarray(values).tobytes())
        return [values.dtype.name, list(values.shape)]

    def jpeg(self, image: Image) -> dict[str, Any]:
        """A picture, compressed."""
        import cv2

        options = [cv2.IMWRITE_JPEG_QUALITY, self.jpeg_quality]
        done, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)
        assert done, "OpenCV can write JPEG"
        return {"jpeg": self.array(data.ravel())}


@dataclass(slots=True)
class _Reader:
    data: bytes
    at: int

    def value(self, plain: Any) -> Any:  # noqa: ANN401
        """What `_Writer.plain` was given."""
        if isinstance(plain, list):
            return tuple(self.value(part) for part in plain)
        if not isinstance(plain, dict):
            return plain
        if "array" in plain:
            return self.array(*plain["array"])
        if "sound" in plain:
            return self.array(*plain["sound"]).astype(np.float32) / np.float32(_LEVELS)
        if "jpeg" in plain:
            return self.picture(self.array(*plain["jpeg"]))
        if "map" in plain:
            return {key: self.value(part) for key, part in plain["map"].items()}
        cls = _TYPES[plain.pop("")]
        value = cls(**{name: self.value(part) for name, part in plain.items()})
        for name, hint in _hints(cls).items():
            if not _fits(getattr(value, name), hint):
                raise ValueError(f"{cls.__name__}.{name} holds something else")
        return value

    def array(self, dtype: str, shape: list[int]) -> NDArray[Any]:
        """The next array."""
        if dtype not in _DTYPES or any(not isinstance(n, int) or n < 0 for n in shape):
            raise ValueError(f"no array of {dtype} {shape}")
        size = math.prod(shape) * np.dtype(dtype).itemsize
        if self.at + size > len(self.data):
            raise ValueError("an array is cut off")
        values = np.frombuffer(self.data, dtype, math.prod(shape), self.at).reshape(shape)
        self.at += size
        return values

    def picture(self, data: NDArray[np.uint8]) -> Image:
        """A picture, (H, W, 3) uint8 RGB."""
        import cv2

        width, height = _jpeg_size(data.tobytes())
        if width * height > _MOST_PIXELS:
            raise ValueError(f"a picture of {width} x {height} is too large")
        image = cv2.imdecode(data, cv2.IMREAD_COLOR)
        if image is None:
            raise ValueError("a picture is damaged")
        return np.ascontiguousarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))


@cache
def _hints(cls: type) -> dict[str, Any]:
    return get_type_hints(cls)


def _fits(value: Any, hint: Any) -> bool:  # noqa: ANN401
    """Whether a field's value is of the type that its class says; of arrays, whether it is one."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return any(_fits(value, each) for each in arguments)
    if origin is Literal:
        return value in arguments
    if origin is np.ndarray:
        return isinstance(value, np.ndarray)
    if origin is tuple and isinstance(value, tuple):
        each = arguments[:1] * len(value) if arguments[-1] is Ellipsis else arguments
        return len(each) == len(value) and all(map(_fits, value, each))
    if origin is dict and isinstance(value, dict):
        return all(_fits(part, arguments[1]) for part in value.values())
    if hint is float:
        return isinstance(value, float | int) and not isinstance(value, bool)
    return isinstance(value, hint if origin is None else origin) and (hint is not int or value is not True)


def _jpeg_size(data: bytes) -> tuple[int, int]:
    """Width and height that a JPEG claims, read before it is decoded."""
    at = 2
    while at + 9 < len(data):
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4])
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return int.from_bytes(data[at + 7 : at + 9]), int.from_bytes(data[at + 5 : at + 7])
        at += 2 + length
    raise ValueError("a picture is no JPEG")
