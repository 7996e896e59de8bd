"""How training comes by the stages that cut recordings: those of `core`, or made-up ones in tests."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from core.media.source import Recording

if TYPE_CHECKING:
    from core.workers.loading import LoadedStages


class StageLoader:
    """Opens recordings and loads networks. Loads nothing until it is asked to, and can be pickled, so that
    other processes load stages of their own."""

    def open_recording(self, path: Path) -> AbstractContextManager[Recording]:
        """Open a recording as `replay` does, without any network.

        Raises:
            SourceError: it cannot be read.
        """
        from core.media.recording import RecordingSource

        return RecordingSource(path)

    def prepare(self, checkpoint: Path, whisper: str) -> None:
        """Once, before several processes `load`: see `core.workers.loading.prepare_stages`."""
        from core.workers.loading import prepare_stages

        prepare_stages(checkpoint, whisper)

    def load(self, checkpoint: Path, whisper: str, language: str | None) -> LoadedStages:
        """See `core.workers.loading.load_stages`."""
        from core.workers.loading import load_stages

        return load_stages(checkpoint, whisper, language)
