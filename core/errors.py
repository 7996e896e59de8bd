"""Every error a user can meet, as one tree.

- `EmotrackError`: what happened, where, and what to do about it.
    - `ConfigError`: an unknown key, a value out of range, a contradiction.
    - `SpecMismatch`: a checkpoint does not fit the encoders, labels or version at hand.
    - `SourceError`: a recording or a device cannot be opened or read any further.
    - `StreamGap`: a stream is discontinuous where the caller asked for continuity.
    - `ModelError`: a network failed to load or to run.
    - `WeightsError`: a weight file is absent, damaged, or not the one that was asked for.
    - `FeedError`: the feed cannot be served, or a client broke the protocol.
    - `SinkError`: a file of the run folder cannot be written.
    - `NotAvailable`: the verb is not part of this installation.
    - `ConsentError`: nobody has agreed to be captured, or no longer does.
    - `PolicyError`: what is asked for is withheld for the purpose of the run.
    - `Interrupted`: Ctrl-C ended work in order; says what is kept and how to go on.
"""

from __future__ import annotations

from core.terminal_text import clean_lines


class EmotrackError(Exception):
    """A failure that the user can understand and act upon.

    Args:
        what: one sentence that says what happened.
        where: the file, key, device or address concerned, if there is one.
        fix: one sentence that says what to do next, if anything can be done.
    """

    exit_code = 1

    def __init__(self, what: str, *, where: str | None = None, fix: str | None = None) -> None:
        self.what = what
        self.where = where
        self.fix = fix
        super().__init__(what)

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        # names of files and other people's text are among it, and it goes to a terminal
        return clean_lines(f"{text} {self.fix}" if self.fix else text)


class ConfigError(EmotrackError):
    """An unknown key, a value out of range, or a contradiction in the configuration."""

    exit_code = 2


class SpecMismatch(EmotrackError):
    """A checkpoint does not fit the encoders, labels or version at hand."""

    exit_code = 3


class SourceError(EmotrackError):
    """A recording or a device cannot be opened or read any further."""

    exit_code = 4


class StreamGap(EmotrackError):
    """A stream is discontinuous where the caller asked for continuity."""

    exit_code = 4


class ModelError(EmotrackError):
    """A network failed to load or to run."""

    exit_code = 5


class WeightsError(EmotrackError):
    """A weight file is absent, damaged, or not the one that was asked for."""

    exit_code = 6


class FeedError(EmotrackError):
    """The feed cannot be served, or a client broke the protocol."""

    exit_code = 7


class NotAvailable(EmotrackError):
    """The verb is not part of this installation."""

    exit_code = 8


class SinkError(EmotrackError):
    """A file of the run folder cannot be written."""

    exit_code = 9


class ConsentError(EmotrackError):
    """Nobody has agreed to be captured, or no longer does."""

    exit_code = 10


class PolicyError(EmotrackError):
    """What is asked for is withheld for the purpose of the run."""

    exit_code = 11


class Interrupted(EmotrackError):
    """Ctrl-C ended work in order; what is kept and how to go on is said."""

    exit_code = 130
