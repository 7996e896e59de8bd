"""What training borrows of the live loop, as it sees it; handed in, for `train` knows no `realtime`."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from core.stages.vad import VadNetwork
from train.corpora.media_cutter import Recording, Workers


class TimedRecording(Recording, Protocol):
    """An opened recording that may know how long it is."""

    @property
    def duration_s(self) -> float | None:
        """In seconds; None where the file does not tell."""
        ...


class Stages(Protocol):
    """Loaded networks and decoders."""

    @property
    def workers(self) -> Workers:
        """Compute the engine's orders, each as if it were alone."""
        ...

    @property
    def voice(self) -> VadNetwork:
        """Tells speech from pauses."""
        ...

    def open_recording(self, path: Path) -> AbstractContextManager[TimedRecording]:
        """Open a recording. Workers forget what they remember of the one before.

        Raises:
            SourceError: it cannot be read.
        """
        ...


class Live(Protocol):
    """How stages come about. Can be pickled, so that other processes can load their own."""

    def open_recording(self, path: Path) -> AbstractContextManager[TimedRecording]:
        """Open a recording, without any network.

        Raises:
            SourceError: it cannot be read.
        """
        ...

    def prepare(self, checkpoint: Path, whisper: str) -> None:
        """Fetch and export whatever `load` needs, once, before several processes load it.

        Raises:
            WeightsError, ModelError, SpecMismatch: something is not to be had, or does not fit.
        """
        ...

    def load(self, checkpoint: Path, whisper: str, language: str | None) -> Stages:
        """Load the networks of a checkpoint and a recogniser, each on one thread.

        Args:
            checkpoint: its folder.
            whisper: size of the recogniser, such as "base".
            language: that is spoken; None = recognise it.

        Raises:
            WeightsError, ModelError, SpecMismatch: something is absent or does not fit.
        """
        ...
