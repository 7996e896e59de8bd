"""Building the parts of a run from its configuration: the only place that knows all of them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from core.backends.base import NETWORKS, NetworkName
from core.backends.loading import Place, load_networks
from core.backends.networks import Networks
from core.backends.preparation import checkpoint_folder
from core.config import EngineConfig
from core.encoders.silero import SileroVoice
from core.encoders.speaker import SpeakerHead
from core.engine.engine import Engine
from core.events import PROTOCOL_VERSION, Hello, ModelCard, StreamInfo
from core.media.source import Source
from core.policy import policy_of
from core.spec import ModelSpec
from core.version import VERSION
from core.weights import locate
from core.work import WorkKind
from core.workers.faces import FaceDetector
from core.workers.loading import Worker, load_face_detector, load_speakers, load_voice, load_whisper
from core.workers.networks import NetworkWorkers
from core.workers.speakers import SpeakerWorker
from core.workers.transcribe import Transcriber
from core.workers.whisper import Whisper
from core.workers.whisper_language import parse_languages
from core.workers.whisper_rules import is_folder, shown_name
from realtime.config import TrackingConfig, WhisperConfig
from realtime.runs.face_pictures import FacePictures
from realtime.session.worker_threads import WorkerThreads
from realtime.sinks.files import printable

_COMPUTED_BY: Final[dict[NetworkName, WorkKind]] = {"audio": "encode_audio", "visual": "encode_visual"}
"""Encoder -> kind of order that it computes, of those that a purpose may withhold."""


def needed_weights(config: TrackingConfig) -> tuple[str, ...]:
    """Third-party weights that a run needs besides those that its checkpoint names."""
    faces = () if "faces" in policy_of(config.engine.purpose).forbidden else ("yunet",)
    voices = ("wespeaker",) if tells_speakers_apart(config.engine) else ()
    size = config.whisper.size
    return (*(() if is_folder(size) else (f"whisper-{size}",)), "silero-vad", *faces, *voices)


def tells_speakers_apart(config: EngineConfig) -> bool:
    """Whether a run listens to who speaks: it is asked to, and its purpose allows it."""
    return config.speakers.enabled and "encode_speaker" not in policy_of(config.purpose).forbidden


def speaker_head(config: EngineConfig) -> SpeakerHead | None:
    """What the engine embeds voices with, None where it does not. Raises WeightsError as `load_speakers`."""
    return load_speakers().head if tells_speakers_apart(config) else None


def load_worker_threads(
    spec: ModelSpec, export: Path, config: TrackingConfig, pictures: FacePictures
) -> WorkerThreads:
    """Load every network and start the threads that run them; `pictures` is told of faces.

    Raises:
        WeightsError: a third-party weight was not pulled.
        ModelError: a network cannot be loaded.
    """
    return WorkerThreads(pictures.watched(load_workers(spec, export, config).mapping))


@dataclass(frozen=True, slots=True)
class LoadedWorkers:
    """Kind of order -> who computes it; and the one worker that remembers something, the language."""

    mapping: dict[WorkKind, Worker]
    transcriber: Transcriber


def load_checkpoint(spec: ModelSpec, export: Path, config: TrackingConfig) -> Networks:
    """Load the checkpoint's networks with the backend that the configuration names, or the best one.

    Those for what the purpose withholds are not even read from the disk.

    Raises:
        ModelError: none can be loaded.
    """
    place = Place(spec, checkpoint_folder(config.checkpoint), export)
    chosen = config.networks
    forbidden = policy_of(config.engine.purpose).forbidden
    names: list[NetworkName] = [n for n in NETWORKS if _COMPUTED_BY.get(n) not in forbidden]
    loaded = load_networks(place, chosen.backend, chosen.dtype, chosen.threads, names)
    return Networks(spec, loaded.runners, locate)


def load_faces(spec: ModelSpec, config: TrackingConfig) -> FaceDetector:
    """The face detector, which is for one thread. Raises WeightsError when it was not pulled."""
    return load_face_detector(spec, config.engine.faces.max_faces)


def load_workers(spec: ModelSpec, export: Path, config: TrackingConfig) -> LoadedWorkers:
    """Load every network that the purpose leaves. Raises as `load_worker_threads` does."""
    policy = policy_of(config.engine.purpose)
    with ThreadPoolExecutor(2) as pool:  # the recogniser takes as long to load as all others together
        loading = pool.submit(load_transcriber, config.whisper)
        networks = pool.submit(load_checkpoint, spec, export, config)
        faces = load_faces(spec, config) if "faces" not in policy.forbidden else None
        workers = NetworkWorkers(networks.result())
        transcriber = loading.result()
    mapping: dict[WorkKind, Worker] = {
        "transcribe": transcriber.run,
        "encode_visual": workers.encode_visual,
        "encode_audio": workers.encode_audio,
        "encode_text": workers.encode_text,
        "fuse": workers.fuse,
    }
    if faces is not None:
        mapping["faces"] = faces.run
    if tells_speakers_apart(config.engine):
        mapping["encode_speaker"] = SpeakerWorker(load_speakers()).run
    return LoadedWorkers(policy.permitted(mapping), transcriber)


def build_engine(
    config: EngineConfig,
    spec: ModelSpec,
    source: Source,
    streams: tuple[StreamInfo, ...] | None = None,
    *,
    smaller_whisper: bool = False,
) -> Engine:
    """An engine for the streams of a source, or for `streams`. Raises WeightsError as `load_voice` does."""
    known = source.streams if streams is None else streams
    return Engine(
        config, spec, load_voice(), known, smaller_whisper=smaller_whisper, speakers=speaker_head(config)
    )


def hello(spec: ModelSpec, config: TrackingConfig, source: Source) -> Hello:
    """The first message of a run: what is tracked, by what, and what for."""
    policy = policy_of(config.engine.purpose)
    return Hello(
        protocol=PROTOCOL_VERSION,
        version=VERSION,
        started_at=datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        source=printable(source.name),
        labels=spec.labels,
        thresholds=dict(zip(spec.labels, spec.calibration.thresholds, strict=True)),
        hop_s=config.engine.estimates.hop_s,
        model=ModelCard(spec.name, spec.sha256, spec.license, spec.summary),
        whisper=printable(shown_name(config.whisper.size)),
        streams=source.streams,
        purpose=policy.purpose,
        withheld=policy.explained,
    )


def load_transcriber(config: WhisperConfig) -> Transcriber:
    """The recogniser. Raises WeightsError when it was not pulled, ModelError when it cannot be loaded."""
    return transcriber_of(load_whisper(config.size, config.threads), config, load_voice())


def load_smaller_transcriber(config: WhisperConfig) -> Transcriber:
    """The recogniser to fall back to. Raises as `load_transcriber` does."""
    return smaller_transcriber_of(load_whisper(config.size, config.threads), config, load_voice())


def smaller_transcriber_of(whisper: Whisper, config: WhisperConfig, voice: SileroVoice) -> Transcriber:
    """One run's recogniser to fall back to. Of the languages that may be spoken it takes those it knows."""
    known = [code for code in parse_languages(config.language) if code in whisper.languages]
    return transcriber_of(whisper, config.model_copy(update={"language": ",".join(known) or None}), voice)


def transcriber_of(whisper: Whisper, config: WhisperConfig, voice: SileroVoice) -> Transcriber:
    """One run's recogniser: the network, and the memory of the run's language."""
    return Transcriber(whisper, language=config.language, voice=voice, hot_words=", ".join(config.hot_words))
