"""Workers without weights, and conversations made of numbers: tests of the engine run on these.

Every worker is a pure function of its payload, so whatever differs between two runs is the engine's doing.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from core.encoders.silero import VoiceState
from core.engine.engine import Engine
from core.events import Event
from core.inputs import SAMPLE_RATE, AudioChunk, EndOfStream, SourceInput, VideoFrame
from core.labels import EMOTIONS, MODALITIES
from core.spec import (
    BranchCalibration,
    CalibrationSpec,
    EncoderSpec,
    FusionSpec,
    ModelSpec,
)
from core.window import Tokens, Window
from core.wire import encode
from core.work import (
    AudioTokens,
    DetectFaces,
    EncodeAudio,
    EncodeText,
    EncodeVisual,
    FaceDetection,
    Faces,
    Fuse,
    Fused,
    FusionOutput,
    Hypothesis,
    Outcome,
    TextTokens,
    Transcribe,
    VisualTokens,
    Word,
    Work,
    WorkResult,
)

PATTERNS = (
    "text",
    "audio",
    "visual",
    "text+audio",
    "text+visual",
    "audio+visual",
    "text+audio+visual",
)
WIDTHS = {"text": 3, "audio": 4, "visual": 2}
WORD_S = 0.4
FRAME_S = 0.1
BLOCK_TOKENS = 5


def spec(**changes) -> ModelSpec:
    """A specification with token widths of a few numbers and a calibration that changes nothing."""
    same = BranchCalibration(temperature=(1.0,) * len(EMOTIONS), bias=(0.0,) * len(EMOTIONS))
    encoders = {
        m: EncoderSpec(kind="fake", weight=None, weight_sha256=None, width=WIDTHS[m], max_tokens=64)
        for m in MODALITIES
    }
    baseline = {"baseline_shrinkage_s": 5.0, "baseline_horizon_s": 600.0}
    options = {"block_s": 0.5, "context_s": 1.5, **baseline}
    encoders["audio"] = encoders["audio"].model_copy(update={"options": options})
    values = {
        "name": "fake",
        "labels": EMOTIONS,
        "encoders": encoders,
        "fusion": FusionSpec(width=8, heads=2, peer_layers=1, fusion_layers=1, feedforward=8),
        "calibration": CalibrationSpec(
            fusion=dict.fromkeys(PATTERNS, same),
            peers=dict.fromkeys(MODALITIES, same),
            thresholds=(0.5,) * len(EMOTIONS),
        ),
        "license": "none",
        "summary": "For tests.",
    }
    return ModelSpec(**{**values, **changes})


class ScriptedVoice:
    """A voice network that hears loudness. It remembers the frame before, as the real one does."""

    def initial_state(self) -> VoiceState:
        return VoiceState(np.zeros((2, 1, 128), np.float32), np.zeros(64, np.float32))

    def probability(self, frame, state) -> tuple[float, VoiceState]:
        level = min(1.0, 2.5 * float(np.abs(frame).mean()))
        smooth = 0.8 * level + 0.2 * float(state.recurrent[0, 0, 0])
        return smooth, VoiceState(np.full((2, 1, 128), level, np.float32), frame[-64:].copy())


# --- workers -----------------------------------------------------------------------------------------


def transcribe(order: Transcribe) -> Hypothesis:
    """One word per loud 0.4 s; its name depends on the samples. The last of a partial one is a guess."""
    step = round(WORD_S * SAMPLE_RATE)
    words = []
    for start in range(0, len(order.samples), step):
        part = order.samples[start : start + step]
        if float(np.abs(part).mean()) < 0.1:
            continue
        t0_s = (order.start_sample + start) / SAMPLE_RATE
        whole = len(part) == step
        name = f"w{zlib.crc32(part.tobytes()) % 1000}" if whole or order.final else "hm"
        words.append(Word(name, t0_s, t0_s + len(part) / SAMPLE_RATE, 0.9))
    return Hypothesis(order.utterance, tuple(words), "en" if words else "", order.final)


def detect(order: DetectFaces) -> Faces:
    """As many faces as the first pixel says; the second says how their mouths move."""
    count, shape = int(order.image[0, 0, 0]), order.image.shape
    faces = []
    for index in range(count):
        motion = float(order.image[0, 1, index]) / 20 if order.previous is not None else None
        appearance = np.zeros(8, np.float32)
        appearance[index] = 1.0
        faces.append(
            FaceDetection(
                box=(10.0 + 100.0 * index, 10.0, 40.0, 40.0),
                landmarks=np.zeros((5, 2), np.float32),
                score=0.9,
                crop=np.full((8, 8), order.image[0, 2, index % 3], np.uint8),
                mouth_motion=motion,
                quality=1.0,
                appearance=appearance,
            )
        )
    scene = np.eye(4, dtype=np.float32)[int(order.image[1, 0, 0]) % 4]
    return Faces(order.t_s, tuple(faces), scene_change=False, scene=scene if shape[0] > 1 else None)


def encode_visual(order: EncodeVisual) -> VisualTokens:
    means = order.crops.reshape(len(order.crops), -1).mean(axis=1, dtype=np.float32) / 255
    return VisualTokens(order.t_s, order.tracks, np.stack([means, 1 - means], axis=1))


def encode_audio(order: EncodeAudio) -> AudioTokens:
    """Five tokens of the block, each of the loudness of its tenth of a second and of what came before."""
    block = order.samples[-order.block_samples :].reshape(BLOCK_TOKENS, -1)
    loud = np.abs(block).mean(axis=1)
    before = np.float32(np.abs(order.samples).mean())
    values = np.stack([loud, block.max(axis=1), block.min(axis=1), np.full(BLOCK_TOKENS, before)], axis=1)
    begin_s = (order.start_sample + len(order.samples) - order.block_samples) / SAMPLE_RATE
    step_s = order.block_samples / SAMPLE_RATE / BLOCK_TOKENS
    times_s = begin_s + (np.arange(BLOCK_TOKENS) + 0.5) * step_s
    return AudioTokens(Tokens(values.astype(np.float32), times_s.astype(np.float32)))


def encode_text(order: EncodeText) -> TextTokens:
    codes = [zlib.crc32(word.encode()) for word in order.words]
    values = np.array([[c % 7, c % 11, c % 13] for c in codes], np.float32) / 13
    return TextTokens(order.utterance, Tokens(values, np.array(order.times_s, np.float32)))


def fuse(order: Fuse) -> Fused:
    return Fused(tuple(_output(window) for window in order.windows))


def _output(window: Window) -> FusionOutput:
    peers, counts = {}, {}
    for modality in window.modalities:
        tokens = window.tokens[modality]
        assert len(tokens), "a modality without tokens is absent"
        assert (np.diff(tokens.times_s) >= 0).all(), "tokens are in order of time"
        assert tokens.times_s[0] >= 0
        assert tokens.times_s[-1] <= window.t1_s - window.t0_s + 1e-3
        mean = float(tokens.values.mean() + 0.1 * tokens.times_s.mean())
        peers[modality] = (0.5 + 0.5 * np.sin(mean + np.arange(len(EMOTIONS)))).astype(np.float32)
        counts[modality] = len(tokens)
    total = sum(counts.values())
    return FusionOutput(
        probabilities=np.mean(list(peers.values()), axis=0).astype(np.float32),
        peers=peers,
        attribution={m: count / total for m, count in counts.items()},
        valence=None,
        arousal=None,
        confidence=1 - 0.5**total,
        abstained=total < 3,
    )


WORKERS: dict[str, Callable[..., Outcome]] = {
    "transcribe": transcribe,
    "faces": detect,
    "encode_visual": encode_visual,
    "encode_audio": encode_audio,
    "encode_text": encode_text,
    "fuse": fuse,
}


def compute(work: Work) -> Outcome:
    """Do an order."""
    return WORKERS[work.kind](work.payload)


# --- inputs ------------------------------------------------------------------------------------------


def voice(duration_s: float, spans: Iterable[tuple[float, float]], seed: int = 0) -> np.ndarray:
    """Samples that are loud within `spans` (start and end in seconds) and silent elsewhere."""
    samples = np.zeros(round(duration_s * SAMPLE_RATE), np.float32)
    rng = np.random.default_rng(seed)
    for t0_s, t1_s in spans:
        part = samples[round(t0_s * SAMPLE_RATE) : round(t1_s * SAMPLE_RATE)]
        part[:] = rng.choice(np.array([-0.5, 0.5], np.float32), len(part)) * rng.uniform(0.8, 1.0)
    return samples


def chunks(samples: np.ndarray, stream: str = "audio", start: int = 0, size: int = 1600) -> list[AudioChunk]:
    """Samples as chunks of `size`."""
    return [AudioChunk(stream, start + i, samples[i : i + size]) for i in range(0, len(samples), size)]


def picture(faces: int, motion: tuple[int, ...] = (0, 0, 0), look: int = 0, scene: int = 0) -> np.ndarray:
    """A picture that `detect` reads: so many faces, motion of their mouths, what they look like."""
    image = np.zeros((2, 3, 3), np.uint8)
    image[0, 0, 0], image[0, 1], image[1, 0, 0] = faces, motion, scene
    image[0, 2] = look, look // 2, look // 3
    return image


def frames(
    t0_s: float,
    t1_s: float,
    faces: int,
    motion: tuple[int, ...] = (0, 0, 0),
    *,
    stream: str = "video",
    scene: int = 0,
) -> list[VideoFrame]:
    """Ten pictures a second, t0_s <= time < t1_s."""
    first, last = round(t0_s / FRAME_S), round(t1_s / FRAME_S)
    return [
        VideoFrame(stream, i / 10, picture(faces, motion, look=7 * i % 256, scene=scene))
        for i in range(first, last)
    ]


def merged(*streams: list[SourceInput]) -> list[SourceInput]:
    """Streams merged in the order of time, as a source would."""
    from core.media.source import available_s

    return sorted((item for stream in streams for item in stream), key=available_s)


def ended(items: list[SourceInput], stream: str, t_s: float) -> list[SourceInput]:
    """A stream and its end."""
    return [*items, EndOfStream(stream, t_s)]


# --- running -----------------------------------------------------------------------------------------


@dataclass
class Player:
    """Carries inputs and results to an engine, as eagerly as told.

    Attributes:
        rng: None delivers every result at once, in order; else results come late and in random order.
        eagerness: chance that a result is delivered before the next input.
        compute: does the orders.
    """

    engine: Engine
    rng: np.random.Generator | None = None
    eagerness: float = 0.5
    compute: Callable[[Work], Outcome] = compute

    def __post_init__(self) -> None:
        self.events: list[Event] = []
        self.orders: list[Work] = []
        self.pending: list[Work] = []

    def push(self, item) -> None:
        for output in self.engine.push(item):
            if isinstance(output, Work):
                self.orders.append(output)
                self.pending.append(output)
            else:
                self.events.append(output)

    def deliver(self) -> None:
        """Answer one outstanding order."""
        index = 0 if self.rng is None else int(self.rng.integers(len(self.pending)))
        work = self.pending.pop(index)
        self.push(WorkResult(work.id, self.compute(work)))

    def feed(self, inputs: Iterable[SourceInput]) -> None:
        for item in inputs:
            self.push(item)
            while self.pending and (self.rng is None or self.rng.random() < self.eagerness):
                self.deliver()

    def finish(self) -> list[Event]:
        while self.pending:
            self.deliver()
        assert self.engine.finished, "the engine waits for something that never comes"
        return self.events


def play(engine: Engine, inputs: Iterable[SourceInput], **options) -> list[Event]:
    """All events of a run."""
    player = Player(engine, **options)
    player.feed(inputs)
    return player.finish()


def lines(events: Iterable[Event]) -> list[str]:
    """Events as the feed writes them."""
    return [encode(event, seq) for seq, event in enumerate(events)]
