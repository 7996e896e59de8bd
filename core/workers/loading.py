"""Loading what computes the engine's jobs: for a run, whose networks share one process, and for training.

The recogniser and the detector have a function each; `load_stages` loads everything that cuts
recordings into tokens, one job after the other, so that several processes can each have their own.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from core.config import FaceConfig
from core.encoders.silero import SileroVoice
from core.encoders.speaker import SpeakerNetwork
from core.media.source import OpenRecording
from core.spec import ModelSpec
from core.stages.vad import VadNetwork
from core.weights import fetch, locate
from core.work import Outcome, WorkKind
from core.workers.faces import FaceDetector
from core.workers.transcribe import Transcriber
from core.workers.whisper import Whisper
from core.workers.whisper_language import LanguageState
from core.workers.whisper_rules import is_folder

VOICE_FILE: Final = "silero_vad_16k_op15.onnx"
FACE_FILE: Final = "face_detection_yunet_2023mar.onnx"
SPEAKER_FILE: Final = "model.onnx"

Worker = Callable[[Any], Outcome]
"""Computes jobs of one kind from their payloads."""


def load_voice() -> SileroVoice:
    """The voice activity network. Raises WeightsError when it was not pulled."""
    return SileroVoice(locate("silero-vad") / VOICE_FILE)


@lru_cache(maxsize=1)
def load_speakers() -> SpeakerNetwork:
    """The speaker network, one for all sessions. Raises WeightsError when it was not pulled."""
    return SpeakerNetwork(locate("wespeaker") / SPEAKER_FILE)


def load_face_detector(spec: ModelSpec, max_faces: int) -> FaceDetector:
    """The face detector, which is for one thread, with crops of the size that the checkpoint's encoder takes.

    Raises:
        WeightsError: it was not pulled.
    """
    crop = round(spec.encoders["visual"].options["crop_size"])
    return FaceDetector(locate("yunet") / FACE_FILE, crop, max_faces)


def load_whisper(size: str, threads: int) -> Whisper:
    """The recogniser's network, which remembers nothing from one job to the next.

    Args:
        size: such as "base", or a folder with a CTranslate2 conversion, such as "./my-whisper".
        threads: of the processor; 0 = as many as it has.

    Raises:
        WeightsError: it was not pulled.
        ModelError: it cannot be loaded.
    """
    # Threads that spin while they wait for each other would take the other stages' cores: on a busy machine
    # thirteen times the processor time. OpenMP reads it when CTranslate2 is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    folder = Path(size).expanduser() if is_folder(size) else locate(f"whisper-{size}")
    return Whisper(folder, cpu_threads=threads or max(1, (os.cpu_count() or 2)))


@dataclass(frozen=True, slots=True)
class LoadedStages:
    """What cuts recordings into tokens, loaded: decoders, the VAD network, and a worker for each kind of job.

    Attributes:
        workers: kind of job -> who computes it, each asked one job at a time.
        voice: tells speech from pauses.
        open_recording: opens a recording as `replay` does; workers forget what they know of the one before.
    """

    workers: Mapping[WorkKind, Worker]
    voice: VadNetwork
    open_recording: OpenRecording


def prepare_stages(checkpoint: Path, whisper: str) -> None:
    """Fetch weights and export networks, so that `load_stages` finds them, in any number of processes.

    Args:
        checkpoint: folder of the checkpoint whose encoders give the tokens.
        whisper: size of the recogniser.

    Raises:
        WeightsError, ModelError, SpecMismatch: something is not to be had, or does not fit.
    """
    from core.backends.preparation import prepare

    own = () if is_folder(whisper) else (f"whisper-{whisper}",)
    for name in dict.fromkeys(("silero-vad", "yunet", "minilm", "whisper-base", *own)):
        fetch(name)
    prepare(checkpoint, _tell)


def load_stages(checkpoint: Path, whisper: str, language: str | None) -> LoadedStages:
    """Load everything, on one thread each: several processes compute more than several threads.

    Args:
        checkpoint, whisper: as for `prepare_stages`.
        language: that is spoken; None = recognise it, anew in each recording.

    Raises:
        WeightsError, ModelError, SpecMismatch: something is absent or does not fit.
    """
    from core.backends.loading import Place, load_networks
    from core.backends.networks import Networks
    from core.backends.preparation import prepare
    from core.media.recording import RecordingSource
    from core.workers.networks import NetworkWorkers

    spec, export = prepare(checkpoint, _tell)
    # what training measures must not depend on what else was compiled on this machine
    networks = Networks(spec, load_networks(Place(spec, checkpoint, export), "onnx").runners, locate)
    computing, voice = NetworkWorkers(networks), load_voice()
    transcriber = Transcriber(load_whisper(whisper, 1), language=language, voice=voice, hot_words="")
    workers: dict[WorkKind, Worker] = {
        "transcribe": transcriber.run,
        "faces": load_face_detector(spec, FaceConfig().max_faces).run,
        "encode_visual": computing.encode_visual,
        "encode_audio": computing.encode_audio,
        "encode_text": computing.encode_text,
        "fuse": computing.fuse,
    }

    def open_recording(path: Path) -> RecordingSource:
        transcriber.language = LanguageState()
        return RecordingSource(path)

    return LoadedStages(workers, load_voice(), open_recording)


def _tell(sentence: str) -> None:
    sys.stderr.write(sentence + "\n")
