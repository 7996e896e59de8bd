"""What an earlier training left in a folder: nothing of it is overwritten unless that is asked for."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from core.errors import ConfigError, Interrupted

GO_ON: Final = "Go on with the same command and --resume."
"""What an interrupted training says."""

_EITHER: Final = "Go on with --resume, or begin anew with --fresh."


def check_folder(
    folder: Path, *, begun: bool, unfinished: bool, finished: bool, resume: bool, fresh: bool
) -> None:
    """Make sure that what lies in a folder is gone on with or replaced only because somebody said so.

    Args:
        folder: of the training, for messages.
        begun: an earlier training was started there; nothing of it may be left.
        unfinished: it left what would be lost.
        finished: it ended.
        resume, fresh: what was asked for.

    Raises:
        ConfigError: both were asked for; or neither, and something is there; or there is nothing to resume.
    """
    where = str(folder)
    if resume and fresh:
        raise ConfigError("--resume and --fresh contradict each other.", fix="Give one of them.")
    if resume and not begun:
        raise ConfigError("holds no unfinished run to resume.", where=where, fix="Leave --resume away.")
    if finished and not (resume or fresh):
        fix = "Name another folder, or train anew with --fresh."
        raise ConfigError("holds a finished training.", where=where, fix=fix)
    if unfinished and not (resume or fresh):
        raise ConfigError("holds an unfinished training.", where=where, fix=_EITHER)


def remove(paths: Iterable[Path]) -> None:
    """Remove the files of an earlier training that are there."""
    for path in paths:
        path.unlink(missing_ok=True)


def told_to_resume(stop: Interrupted) -> Interrupted:
    """The same interruption, of a command that goes on with --resume."""
    return Interrupted(stop.what, where=stop.where, fix=GO_ON)
