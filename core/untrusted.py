"""Names that came with a file or a message: what may become part of a path, what may be kept as text.

A checkpoint, a recorded run, a table or a message may come from anybody. A name of theirs that becomes part
of a path has to be a `Name` or a `FileName`, and the path has to lie where it is looked for (`inside`). Text
of theirs is a `Line` where it is kept, or goes through `core.terminal_text.clean` before it is shown.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from core.errors import SpecMismatch
from core.terminal_text import clean, steers

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
"""What a folder may be called after: 1 to 64 lower-case letters, digits, dots, dashes and underscores."""

FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.\-]{0,127}$")]
"""A file beside the one that names it: no separator, no leading dot, at most 128 characters."""

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""Hexadecimal, lower case."""


def _plain(text: str) -> str:
    if any(map(steers, text)):
        raise ValueError("holds control characters")
    return text


Line = Annotated[str, Field(max_length=4000), AfterValidator(_plain)]
"""Text that is shown as it is: no control characters, at most 4,000 characters."""


def inside(root: Path, name: str) -> Path:
    """`root / name`, for a `name` that came with a file.

    Raises:
        SpecMismatch: the path would lie outside `root`, or what is there is a link that leads outside.
    """
    path = root / name
    try:
        beside = path.resolve().parent == root.resolve()
    except (OSError, ValueError):  # too long, or with a NUL
        beside = False
    if not beside:
        raise SpecMismatch(
            f"would have to lie outside of {root}, which is refused.",
            where=repr(clean(name)[:80]),
            fix="Use a checkpoint from somebody you trust.",
        )
    return path
