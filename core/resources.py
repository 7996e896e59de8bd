"""Where the files live that come with emotrack and are no code: `configs/` and `checkpoints/default`."""

from __future__ import annotations

from pathlib import Path

from core.errors import EmotrackError

_PACKAGE = Path(__file__).resolve().parent


def shipped(relative: str) -> Path:
    """Path of a shipped file or folder, in a checkout as in an installed emotrack.

    A wheel carries them inside the package (`core/_data/`), a checkout beside it.

    Args:
        relative: for instance "checkpoints/default" or "configs/replay.yaml".

    Raises:
        EmotrackError: this installation has no such file.
    """
    for root in (_PACKAGE / "_data", _PACKAGE.parent):
        path = root / relative
        if path.exists():
            return path
    raise EmotrackError(
        "is not part of this installation.",
        where=relative,
        fix="Install emotrack again: the copy at hand is not complete.",
    )
