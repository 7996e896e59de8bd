"""The live stages without the live loop: training cuts recordings with them, one order after the other."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from core.encoders.silero import SileroVoice
from core.media.recording import RecordingSource
from core.weights import fetch
from core.work import WorkKind
from core.workers.whisper_language import LanguageState
from realtime.config import NetworksConfig, ReplayConfig, WhisperConfig
from realtime.runs.build import LoadedWorkers, load_voice, load_workers
from realtime.runs.export import prepare
from realtime.session.worker_threads import Worker

WEIGHTS = ("silero-vad", "yunet", "minilm", "whisper-base")
"""Third-party weights that the stages need beside the recogniser's."""


@dataclass(frozen=True, slots=True)
class OfflineStages:
    """Loaded stages.

    Attributes:
        loaded: the workers, each to be asked one order at a time.
        voice: tells speech from pauses.
    """

    loaded: LoadedWorkers
    voice: SileroVoice

    @property
    def workers(self) -> dict[WorkKind, Worker]:
        """Kind of order -> who computes it."""
        return self.loaded.mapping

    def open_recording(self, path: Path) -> RecordingSource:
        """Open a recording as `replay` does; what was spoken in the one before is forgotten.

        Raises:
            SourceError: it cannot be read.
        """
        self.loaded.transcriber.language = LanguageState()
        return RecordingSource(path)


def prepare_stages(checkpoint: Path, whisper: str) -> None:
    """Fetch weights and export networks, so that `load_stages` finds them, in any number of processes.

    Raises:
        WeightsError, ModelError, SpecMismatch: something is not to be had, or does not fit.
    """
    for name in dict.fromkeys((*WEIGHTS, f"whisper-{whisper}")):
        fetch(name)
    prepare(checkpoint, _tell)


def load_stages(checkpoint: Path, whisper: str, language: str | None) -> OfflineStages:
    """Load everything, on one thread each: several processes compute more than several threads.

    Args:
        checkpoint: folder of the checkpoint whose encoders give the tokens.
        whisper: size of the recogniser.
        language: that is spoken; None = recognise it, anew in each recording.

    Raises:
        WeightsError, ModelError, SpecMismatch: something is absent or does not fit.
    """
    spec, export = prepare(checkpoint, _tell)
    # what training measures must not depend on what else was compiled on this machine
    networks = NetworksConfig(backend="onnx")
    config = ReplayConfig(
        checkpoint=checkpoint,
        networks=networks,
        whisper=WhisperConfig(size=whisper, language=language, threads=1),
    )
    return OfflineStages(load_workers(spec, export, config), load_voice())


def _tell(sentence: str) -> None:
    sys.stderr.write(sentence + "\n")
