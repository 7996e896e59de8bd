"""Stages that need no network: to test what goes through the stages, in any process. Sound files only.

The voice network hears loudness; a word is understood for every half second that is loud; audio tokens hold
the loudness of their tenth of a second; every picture has one face.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import soundfile

from core.encoders.silero import VoiceState
from core.errors import WeightsError
from core.events import StreamInfo
from core.inputs import SAMPLE_RATE, AudioChunk, EndOfStream, Samples, SourceInput
from core.labels import Modality
from core.media.source import OpenRecording, Recording
from core.spec import ModelSpec, read_spec
from core.window import Tokens
from core.work import (
    AudioTokens,
    DetectFaces,
    EncodeAudio,
    EncodeText,
    EncodeVisual,
    FaceDetection,
    Faces,
    Hypothesis,
    Outcome,
    TextTokens,
    Transcribe,
    VisualTokens,
    Word,
    WorkKind,
)
from core.workers.loading import LoadedStages
from train.corpora.sound import read_samples
from train.recordings.stages import StageLoader

LOUD: Final = 0.1

Worker = Callable[[Any], Outcome]


@dataclass(frozen=True, slots=True)
class SoundFile:
    """A sound file in memory."""

    samples: Samples

    @property
    def streams(self) -> tuple[StreamInfo, ...]:
        """One stream of sound."""
        return (StreamInfo("audio", "audio"),)

    @property
    def duration_s(self) -> float:
        """In seconds."""
        return len(self.samples) / SAMPLE_RATE

    def inputs(self) -> Iterator[SourceInput]:
        """Chunks of 0.1 s."""
        for start in range(0, len(self.samples), 1600):
            yield AudioChunk("audio", start, self.samples[start : start + 1600])
        yield EndOfStream("audio", self.duration_s)


@contextmanager
def open_sound(path: Path) -> Iterator[SoundFile]:
    """Open a sound file. Raises SourceError when it is none."""
    yield SoundFile(read_samples(path))


class Loudness:
    """A voice network that hears loudness."""

    def initial_state(self) -> VoiceState:
        """Nothing that matters."""
        return VoiceState(np.zeros((2, 1, 128), np.float32), np.zeros(64, np.float32))

    def probability(self, frame: Samples, state: VoiceState) -> tuple[float, VoiceState]:
        """1 where it is loud."""
        return float(np.abs(frame).mean() > LOUD), state


@dataclass(frozen=True, slots=True)
class MadeUpStages:
    """Workers that compute nothing much.

    Attributes:
        spec: says how wide tokens are.
        opened: opens a recording.
    """

    spec: ModelSpec
    opened: OpenRecording = open_sound

    @property
    def workers(self) -> Mapping[WorkKind, Worker]:
        """One for each kind of order but "fuse"."""
        return {
            "transcribe": _transcribe,
            "faces": self._faces,
            "encode_visual": self._encode_visual,
            "encode_audio": self._encode_audio,
            "encode_text": self._encode_text,
        }

    @property
    def voice(self) -> Loudness:
        """Hears loudness."""
        return Loudness()

    def open_recording(self, path: Path) -> AbstractContextManager[Recording]:
        """Open a recording."""
        return self.opened(path)

    def _faces(self, order: DetectFaces) -> Faces:
        size = round(self.spec.encoders["visual"].options["crop_size"])
        face = FaceDetection(
            box=(10.0, 10.0, 40.0, 40.0),
            landmarks=np.zeros((5, 2), np.float32),
            score=0.9,
            crop=np.full((size, size), int(order.image.mean()), np.uint8),
            mouth_motion=1.0,
            quality=1.0,
            appearance=np.array([1.0, 0.0], np.float32),
        )
        return Faces(order.t_s, (face,), scene_change=False)

    def _encode_visual(self, order: EncodeVisual) -> VisualTokens:
        means = order.crops.reshape(len(order.crops), -1).mean(axis=1) / 255
        return VisualTokens(order.t_s, order.tracks, self._first(means, "visual"))

    def _encode_audio(self, order: EncodeAudio) -> AudioTokens:
        begin_s = (order.start_sample + len(order.samples) - order.block_samples) / SAMPLE_RATE
        tenths = np.abs(order.samples[-order.block_samples :]).reshape(5, -1).mean(axis=1)
        times_s = (begin_s + 0.05 + 0.1 * np.arange(5)).astype(np.float32)
        return AudioTokens(Tokens(self._first(tenths, "audio"), times_s))

    def _encode_text(self, order: EncodeText) -> TextTokens:
        counts = np.full(len(order.words), len(order.words), np.float32)
        return TextTokens(
            order.utterance, Tokens(self._first(counts, "text"), np.array(order.times_s, np.float32))
        )

    def _first(self, values: np.ndarray, modality: Modality) -> np.ndarray:
        """(n,) numbers as the first feature of (n, D) tokens."""
        tokens = np.zeros((len(values), self.spec.encoders[modality].width), np.float32)
        tokens[:, 0] = values
        return tokens


@dataclass(frozen=True, slots=True)
class MadeUpLoader(StageLoader):
    """Loads `MadeUpStages`. Can be pickled where `opened` can."""

    opened: OpenRecording = open_sound

    def prepare(self, checkpoint: Path, whisper: str) -> None:
        """Nothing to do."""

    def load(self, checkpoint: Path, whisper: str, language: str | None) -> LoadedStages:
        """The stages."""
        stages = MadeUpStages(read_spec(checkpoint), self.opened)
        return LoadedStages(stages.workers, Loudness(), self.opened)

    def open_recording(self, path: Path) -> AbstractContextManager[Recording]:
        """Open a recording."""
        return self.opened(path)


class Absent(MadeUpLoader):
    """Has no weights."""

    def load(self, checkpoint: Path, whisper: str, language: str | None) -> LoadedStages:
        """Raises WeightsError."""
        raise WeightsError("the weight x is not on this machine.", fix="Run `emotrack models pull x`.")


def write_sound(path: Path, *loud: tuple[float, float], seconds: float = 4.0, level: float = 0.5) -> Path:
    """Write a recording that is loud between the given seconds, and return its path."""
    t_s = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    noise = np.random.default_rng(list(path.name.encode())).uniform(-1, 1, len(t_s))
    envelope = np.full(len(t_s), 0.001)
    for begin_s, end_s in loud:
        envelope[(t_s >= begin_s) & (t_s < end_s)] = level
    soundfile.write(path, (envelope * noise).astype(np.float32), SAMPLE_RATE)
    return path


def _transcribe(order: Transcribe) -> Hypothesis:
    words = []
    for start in range(0, len(order.samples) - 7_999, 8_000):
        if np.abs(order.samples[start : start + 8_000]).mean() > LOUD:
            t0_s = (order.start_sample + start) / SAMPLE_RATE
            words.append(Word("word", t0_s, t0_s + 0.5, 0.9))
    return Hypothesis(order.utterance, tuple(words), "en", order.final)
