"""Arrays out of a pickle that nobody vouches for.

A pickle is a program: loading one the usual way runs whatever its author wished. Here a file gets stand-ins
for the few names that arrays and plain containers need; every other name is refused before it is looked up.
Numpy's own functions are not handed out: given a buffer and a false description of it, `numpy.ndarray` and
`numpy.dtype` make Python objects out of arbitrary addresses. The stand-ins build plain numbers, texts, and
lists of objects that went through this loader themselves.
"""

from __future__ import annotations

import pickle
import re
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from core.errors import SourceError

_PLAIN: Final = re.compile(r"[<>|=]?(\?|b1|[iu][1248]|f(2|4|8|16)|c(8|16|32)|[SUa]\d*|O8?)")
_BROKEN: Final = (
    pickle.UnpicklingError,
    EOFError,
    ValueError,
    TypeError,
    AttributeError,
    IndexError,
    KeyError,
    OverflowError,
    MemoryError,
    SystemError,
)


def load_arrays(path: Path) -> Any:  # noqa: ANN401  (whatever the file holds)
    """Load numpy arrays in dicts, lists, tuples and sets.

    Raises:
        SourceError: the file cannot be read, is damaged, or asks for anything else; nothing of that was run.
    """
    try:
        with path.open("rb") as file:
            return ArrayUnpickler(file, encoding="latin1").load()
    except OSError as error:
        raise SourceError(f"cannot be read ({error.strerror}).", where=str(path)) from error
    except _BROKEN as error:
        raise SourceError(
            f"was not loaded: {error}.",
            where=str(path),
            fix="Only numpy arrays in dicts, lists and tuples are taken from a pickle.",
        ) from error


class ArrayUnpickler(pickle.Unpickler):
    """Knows the names in `STAND_INS`, and no other."""

    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401  (whatever the name stands for)
        """The stand-in for a name.

        Raises:
            pickle.UnpicklingError: there is none.
        """
        if (module, name) not in STAND_INS:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return STAND_INS[module, name]


class _Type:
    """Stands in for numpy.dtype: numbers, texts and objects, no structures."""

    def __init__(self, code: str, *_: object) -> None:
        if not isinstance(code, str) or not _PLAIN.fullmatch(code):
            raise pickle.UnpicklingError(f"it asks for an array of {code!r}")
        self.dtype = np.dtype("O") if "O" in code else np.dtype(code)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, order, subtype, names, fields = state[:5]
        if (subtype, names, fields) != (None, None, None) or order not in ("<", ">", "|", "="):
            raise pickle.UnpicklingError("it asks for an array of structures")
        if order in ("<", ">"):
            self.dtype = self.dtype.newbyteorder(order)


class _Array(np.ndarray[Any, Any]):
    """Stands in for numpy.ndarray: it starts empty, and gets its content by its state."""

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        version, shape, kind, fortran, content = state
        super().__setstate__((version, shape, _dtype(kind), fortran, content))


_ARRAY_CLASS: Final = object()
"""What files call numpy.ndarray: named when an array is made, never called."""


def _reconstruct(kind: object, *_: object) -> _Array:
    if kind is not _ARRAY_CLASS:
        raise pickle.UnpicklingError("it asks for an array of a class of its own")
    return np.ndarray.__new__(_Array, (0,), np.dtype("i1"))


def _frombuffer(content: object, kind: object, shape: Any, order: Any) -> NDArray[Any]:  # noqa: ANN401
    return np.frombuffer(content, _dtype(kind)).reshape(shape, order=order)  # type: ignore[call-overload]


def _scalar(kind: object, content: bytes | str) -> Any:  # noqa: ANN401  (a number or a text)
    raw = content.encode("latin-1") if isinstance(content, str) else content
    return np.frombuffer(raw, _dtype(kind))[0]


def _encode(text: str, encoding: str) -> bytes:
    """Bytes as protocol 2 writes them."""
    if encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError(f"it asks for the encoding {encoding!r}")
    return text.encode("latin-1")


def _no_bytes(*content: object) -> bytes:
    """Empty bytes, the only ones that a pickle calls by this name."""
    if content:
        raise pickle.UnpicklingError("it asks for bytes by name")
    return b""


def _dtype(kind: object) -> np.dtype[Any]:
    if not isinstance(kind, _Type):
        raise pickle.UnpicklingError("it asks for an array of no known type")
    return kind.dtype


STAND_INS: Final[Mapping[tuple[str, str], Any]] = {
    ("numpy", "ndarray"): _ARRAY_CLASS,
    ("numpy", "dtype"): _Type,
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("numpy._core.multiarray", "scalar"): _scalar,
    ("numpy.core.numeric", "_frombuffer"): _frombuffer,
    ("numpy._core.numeric", "_frombuffer"): _frombuffer,
    ("_codecs", "encode"): _encode,
    ("collections", "OrderedDict"): OrderedDict,
    ("builtins", "set"): set,
    ("builtins", "frozenset"): frozenset,
    ("builtins", "bytearray"): bytearray,
    ("builtins", "bytes"): _no_bytes,
    ("__builtin__", "bytes"): _no_bytes,
    ("__builtin__", "set"): set,
    ("__builtin__", "frozenset"): frozenset,
    ("__builtin__", "bytearray"): bytearray,
}
"""(module, name) in a file -> what it gets instead."""
