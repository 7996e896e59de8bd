"""Folders without code: those that come with emotrack (`configs/`, `checkpoints/`) and a user's state."""

from __future__ import annotations

import os
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


def state_folder() -> Path:
    """What no cache may lose: consent and keys. `EMOTRACK_STATE`, or the platform's folder for state."""
    named = os.environ.get("EMOTRACK_STATE")
    if named:
        return Path(named).expanduser().resolve()
    import platformdirs

    return Path(platformdirs.user_state_dir("emotrack"))
