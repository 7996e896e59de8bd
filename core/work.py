"""Work orders: slow computations that the engine asks for and whose results come back as inputs.

The engine decides, workers compute, the session carries. An order is a value: it holds everything that
its computation needs, so a worker keeps no state of the conversation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.inputs import Image, Samples
from core.window import Tokens, Window

WorkKind = Literal[
    "transcribe", "faces", "encode_visual", "encode_audio", "encode_text", "encode_speaker", "fuse"
]


# --- payloads (engine -> worker) ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Transcribe:
    """Turn speech into words.

    Attributes:
        utterance: id of the utterance that the audio belongs to.
        start_sample: stream index of samples[0].
        samples: (n,) float32 mono 16 kHz, at most the configured maximum length of a turn.
        final: True for the one order after the utterance has ended; partial hypotheses may be cheaper.
        small: the machine is short of time: a smaller recogniser will do.
    """

    utterance: str
    start_sample: int
    samples: Samples
    final: bool
    small: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class DetectFaces:
    """Find every face in `image`; `previous` is the frame just before it, for the motion of mouths.

    Attributes:
        t_s, image: time and picture, (H, W, 3) uint8 RGB.
        previous: picture of the same size one frame earlier, or None after a gap or at the start.
        elapsed_s: time between the two pictures; 0 without `previous`.
    """

    t_s: float
    image: Image
    previous: Image | None
    elapsed_s: float


@dataclass(frozen=True, slots=True, eq=False)
class EncodeVisual:
    """Encode aligned face crops of one instant. crops: (n, S, S) uint8 grey; S is the spec's crop size."""

    t_s: float
    tracks: tuple[str, ...]
    crops: NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class EncodeAudio:
    """Encode one block of speech with its left context.

    Attributes:
        start_sample: stream index of samples[0]; negative never.
        samples: (n,) float32; the left context followed by the block (the context is shorter at the start).
        block_samples: length of the block at the end of `samples` for which tokens are wanted.
    """

    start_sample: int
    samples: Samples
    block_samples: int


@dataclass(frozen=True, slots=True, eq=False)
class EncodeSpeaker:
    """Encode who speaks in a stretch of speech, as features of 80 ms each.

    Attributes:
        first: index of the first feature wanted; feature i begins at sample i * 1280 of the stream.
        count: how many features are wanted.
        samples: (n,) float32 that end 240 samples after the last feature: what came before, and the features.
    """

    first: int
    count: int
    samples: Samples


@dataclass(frozen=True, slots=True)
class EncodeText:
    """Encode the words of one utterance; `times_s` gives each word's middle in stream time."""

    utterance: str
    words: tuple[str, ...]
    times_s: tuple[float, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Fuse:
    """Estimate emotions for a batch of windows (several persons at one instant)."""

    windows: tuple[Window, ...]


Payload = Transcribe | DetectFaces | EncodeVisual | EncodeAudio | EncodeText | EncodeSpeaker | Fuse


# --- results (worker -> engine) ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Word:
    """One recognised word with stream times in seconds and its probability in [0, 1]."""

    text: str
    t0_s: float
    t1_s: float
    probability: float


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What was recognised in one order's audio. No words is a result too (silence, noise, music).

    Attributes:
        utterance: copied from the order.
        words: in time order, stream times; text keeps case and punctuation, without surrounding spaces.
        language: BCP 47 primary subtag, "" when there are no words.
        final: copied from the order.
        language_probability: in [0, 1], how certain the language is; None when it was given.
        rejected: why there are no words, in a few words for people; "" when there are some.
    """

    utterance: str
    words: tuple[Word, ...]
    language: str
    final: bool
    language_probability: float | None = None
    rejected: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class FaceDetection:
    """One face of one picture.

    Attributes:
        box: x, y, width, height in pixels of the picture.
        landmarks: (5, 2) float32 pixels: right eye, left eye, nose tip, right and left mouth corner.
        score: detector's confidence in [0, 1].
        crop: (S, S) uint8 grey, cut by `core.stages.face_crop`.
        mouth_motion: mean absolute change of the mouth region since the previous frame, beyond what the
            rest of the face moved, per second, >= 0; None without a previous frame, or when it is the
            same picture again.
        quality: [0, 1], falls with small, blurred or turned faces.
        appearance: (k,) float32 unit vector of colours, for keeping tracks apart within a shot. It is not
            an identity embedding.
    """

    box: tuple[float, float, float, float]
    landmarks: NDArray[np.float32]
    score: float
    crop: NDArray[np.uint8]
    mouth_motion: float | None
    quality: float
    appearance: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Faces:
    """All faces of one picture, left to right; `scene_change` when it does not continue `previous`.

    `scene`: (k,) float32 unit vector describing the whole picture, or None. Its product with that of an
    earlier picture tells whether a cut lies between them: detections are further apart than frames.
    """

    t_s: float
    detections: tuple[FaceDetection, ...]
    scene_change: bool
    scene: NDArray[np.float32] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class VisualTokens:
    """One token per track. tokens: (n, D_visual) float32."""

    t_s: float
    tracks: tuple[str, ...]
    tokens: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class AudioTokens:
    """Tokens of one block, times in stream seconds."""

    tokens: Tokens


@dataclass(frozen=True, slots=True, eq=False)
class SpeakerFeatures:
    """Features of one stretch of speech: who speaks, not how. values: (F, D) float32.

    `first`: index of the first one in the stream's grid of 80 ms.
    """

    first: int
    values: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class TextTokens:
    """Tokens of one utterance's words, times in stream seconds."""

    utterance: str
    tokens: Tokens


@dataclass(frozen=True, slots=True, eq=False)
class FusionOutput:
    """What the networks say of one window, calibrated.

    Attributes:
        probabilities: (C,) float32, fusion branch, calibrated for the window's availability pattern.
        peers: modality -> (C,) float32 calibrated probabilities; only the modalities present.
        attribution: modality -> its share, in [0, 1], of what decided the estimate; sums to 1.
        valence, arousal: in [-1, 1], None where the checkpoint was not trained for them.
        confidence: [0, 1].
        abstained: the evidence is too thin to be shown as an estimate (rule in the spec).
        thresholds: (C,) float32, of the window's availability pattern; None = those of the checkpoint.
    """

    probabilities: NDArray[np.float32]
    peers: dict[str, NDArray[np.float32]]
    attribution: dict[str, float]
    valence: float | None
    arousal: float | None
    confidence: float
    abstained: bool
    thresholds: NDArray[np.float32] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Fused:
    """One output per window of the order, in its order."""

    outputs: tuple[FusionOutput, ...]


@dataclass(frozen=True, slots=True)
class Failed:
    """The worker could not do it. The engine goes on without this result and says so in a status event."""

    reason: str


Outcome = Hypothesis | Faces | VisualTokens | AudioTokens | TextTokens | SpeakerFeatures | Fused | Failed


@dataclass(frozen=True, slots=True, eq=False)
class Work:
    """An order.

    Attributes:
        id: unique within the run, increasing.
        kind: which worker.
        payload: what to compute on.
        issued_t_s: stream time at which the engine decided to ask.
        due_t_s: stream time at which a deterministic run takes the result in (see `core.engine.engine`).
    """

    id: int
    kind: WorkKind
    payload: Payload
    issued_t_s: float
    due_t_s: float


@dataclass(frozen=True, slots=True, eq=False)
class WorkResult:
    """The answer to the order with the same id: an input of the engine like any other.

    Attributes:
        id, outcome: of which order, and what came of it.
        done_s: stream time at which the worker was done, in a live run; None where time waits for workers.
    """

    id: int
    outcome: Outcome
    done_s: float | None = None
