from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from core.config import EngineConfig
from core.encoders.silero import VoiceState
from core.engine.engine import Engine
from core.errors import ModelError, SourceError
from core.events import StreamInfo
from core.inputs import SAMPLE_RATE, AudioChunk, EndOfStream, Gap, SourceInput, VideoFrame
from core.labels import EMOTIONS, MODALITIES
from core.spec import PATTERNS, BranchCalibration, CalibrationSpec, EncoderSpec, FusionSpec, ModelSpec
from core.window import Tokens, Window
from core.work import (
    AudioTokens,
    DetectFaces,
    EncodeAudio,
    EncodeText,
    EncodeVisual,
    FaceDetection,
    Faces,
    Failed,
    Fuse,
    Fused,
    FusionOutput,
    Hypothesis,
    TextTokens,
    Transcribe,
    VisualTokens,
    Word,
    Work,
    WorkResult,
)
from train.corpora.media_cutter import Cutter, Stretch

AUDIO, VIDEO = StreamInfo("audio", "audio"), StreamInfo("video", "video")
LENGTH_S = 12.0
SPEECH = ((2.0, 4.5), (5.3, 7.0))


class Memory:
    """A recording in memory."""

    def __init__(self, inputs: list[SourceInput], *streams: StreamInfo) -> None:
        self.streams = streams
        self._inputs = inputs

    def inputs(self) -> Iterator[SourceInput]:
        return iter(self._inputs)


def sound(chunk: int = 1600) -> list[SourceInput]:
    """Quiet noise, loud where there is speech."""
    t_s = np.arange(int(LENGTH_S * SAMPLE_RATE)) / SAMPLE_RATE
    loud = sum(((t_s >= a) & (t_s < b)).astype(np.float32) for a, b in SPEECH)
    noise = np.random.default_rng(0).uniform(-1, 1, len(t_s))
    samples = (noise * (0.01 + 0.8 * loud)).astype(np.float32)
    runs = [AudioChunk("audio", i, samples[i : i + chunk]) for i in range(0, len(samples), chunk)]
    return [*runs, EndOfStream("audio", LENGTH_S)]


def pictures(faces: int = 1) -> list[SourceInput]:
    """Ten pictures in a second; the red channel tells how many faces there are."""
    frames = [VideoFrame("video", i / 10, np.full((4, 4, 3), faces, np.uint8)) for i in range(120)]
    return [*frames, EndOfStream("video", LENGTH_S)]


def merged(*streams: list[SourceInput]) -> list[SourceInput]:
    def end_s(item: SourceInput) -> float:
        return item.end_sample / SAMPLE_RATE if isinstance(item, AudioChunk) else item.t_s

    return sorted([item for stream in streams for item in stream], key=end_s)


class Loudness:
    """A voice network that hears loudness."""

    def initial_state(self) -> VoiceState:
        return VoiceState(np.zeros((2, 1, 128), np.float32), np.zeros(64, np.float32))

    def probability(self, frame: np.ndarray, state: VoiceState) -> tuple[float, VoiceState]:
        return float(np.abs(frame).mean() > 0.1), state


def spec() -> ModelSpec:
    same = BranchCalibration(temperature=(1.0,) * 7, bias=(0.0,) * 7)
    options = {"block_s": 0.5, "context_s": 1.5}
    encoders = {
        m: EncoderSpec(kind="fake", weight=None, weight_sha256=None, width=2, max_tokens=64, options=options)
        for m in MODALITIES
    }
    return ModelSpec(
        name="fake",
        labels=EMOTIONS,
        encoders=encoders,
        fusion=FusionSpec(width=8, heads=2, peer_layers=1, fusion_layers=1, feedforward=8),
        calibration=CalibrationSpec(
            fusion=dict.fromkeys(PATTERNS, same),
            peers=dict.fromkeys(MODALITIES, same),
            thresholds=(0.5,) * 7,
        ),
        license="none",
        summary="For tests.",
    )


# --- workers -----------------------------------------------------------------------------------------


def transcribe(order: Transcribe) -> Hypothesis:
    """A word every half second that is loud."""
    words = []
    for start in range(0, len(order.samples) - 7_999, 8_000):
        if np.abs(order.samples[start : start + 8_000]).mean() > 0.1:
            t0_s = (order.start_sample + start) / SAMPLE_RATE
            words.append(Word(f"w{t0_s:.1f}", t0_s, t0_s + 0.5, 0.9))
    return Hypothesis(order.utterance, tuple(words), "en", order.final)


def detect(order: DetectFaces) -> Faces:
    faces = []
    for index in range(int(order.image[0, 0, 0])):
        appearance = np.zeros(4, np.float32)
        appearance[index] = 1.0
        heard = any(a <= order.t_s < b for a, b in SPEECH)
        faces.append(
            FaceDetection(
                box=(10.0 + 100 * index, 10.0, 40.0, 40.0),
                landmarks=np.zeros((5, 2), np.float32),
                score=0.9,
                crop=np.full((8, 8), 100 * index, np.uint8),
                mouth_motion=3.0 if heard and index == 1 else 0.0,
                quality=1.0,
                appearance=appearance,
            )
        )
    return Faces(order.t_s, tuple(faces), scene_change=False)


def encode_visual(order: EncodeVisual) -> VisualTokens:
    means = order.crops.reshape(len(order.crops), -1).mean(axis=1, dtype=np.float32)
    return VisualTokens(order.t_s, order.tracks, np.stack([means, means], axis=1))


def encode_audio(order: EncodeAudio) -> AudioTokens:
    begin_s = (order.start_sample + len(order.samples) - order.block_samples) / SAMPLE_RATE
    block = order.samples[-order.block_samples :].reshape(5, -1)
    context = np.full(5, np.abs(order.samples).mean(dtype=np.float64), np.float32)
    values = np.stack([np.abs(block).mean(axis=1), context], axis=1)
    return AudioTokens(Tokens(values, (begin_s + 0.05 + 0.1 * np.arange(5)).astype(np.float32)))


def encode_text(order: EncodeText) -> TextTokens:
    values = np.array([[float(word[1:]), len(order.words)] for word in order.words], np.float32)
    return TextTokens(order.utterance, Tokens(values, np.array(order.times_s, np.float32)))


WORKERS = {
    "transcribe": transcribe,
    "faces": detect,
    "encode_visual": encode_visual,
    "encode_audio": encode_audio,
    "encode_text": encode_text,
}


def cutter(inputs: list[SourceInput], *streams: StreamInfo, **options) -> Cutter:
    @contextmanager
    def opened(path: Path) -> Iterator[Memory]:
        yield Memory(inputs, *(streams or (AUDIO,)))

    return Cutter(opened, options.pop("workers", WORKERS), spec(), **options)


def cut(inputs: list[SourceInput], *stretches: Stretch, **options) -> list[Window]:
    streams = options.pop("streams", (AUDIO,))
    return cutter(inputs, *streams, **options).cut(Path("talk.mp4"), stretches)


def same(one: Window, two: Window) -> bool:
    return one.tokens.keys() == two.tokens.keys() and all(
        np.array_equal(one.tokens[m].values, two.tokens[m].values)
        and np.allclose(one.tokens[m].times_s, two.tokens[m].times_s, atol=1e-5)
        for m in one.tokens
    )


# --- what a window holds -----------------------------------------------------------------------------


def test_a_window_holds_the_tokens_of_its_stretch_timed_from_its_start() -> None:
    [window] = cut(merged(sound(), pictures()), Stretch(2.0, 4.5, "anna"), streams=(AUDIO, VIDEO))
    assert (window.person, window.t0_s, window.t1_s) == ("anna", 2.0, 4.5)
    assert set(window.tokens) == {"text", "audio", "visual"}
    assert len(window.tokens["audio"]) == 25  # one per 0.1 s
    assert len(window.tokens["visual"]) in (12, 13)  # five in a second
    for tokens in window.tokens.values():
        assert tokens.times_s.min() >= 0
        assert tokens.times_s.max() <= 2.5
        assert (np.diff(tokens.times_s) >= 0).all()


def test_blocks_are_encoded_with_the_sound_before_the_stretch_as_context() -> None:
    """Silence before speech, and speech before speech, are not the same context."""
    after_silence, after_speech = cut(sound(), Stretch(2.0, 2.5, "a"), Stretch(4.0, 4.5, "a"))
    context = [window.tokens["audio"].values[0, 1] for window in (after_silence, after_speech)]
    assert context[0] < context[1] / 2


def live_final_windows(voice: Loudness) -> list[Window]:
    """The windows about which a live, deterministic engine asks when utterances end."""
    engine = Engine(EngineConfig(), spec(), voice, (AUDIO, VIDEO))
    asked: list[Window] = []
    pending: list[object] = [*reversed(merged(sound(), pictures(faces=2)))]
    while pending:
        for output in engine.push(pending.pop()):
            if isinstance(output, Work) and isinstance(output.payload, Fuse):
                asked += output.payload.windows
                nothing = FusionOutput(np.zeros(7, np.float32), {}, {}, None, None, 0.0, True)
                pending.append(WorkResult(output.id, Fused((nothing,) * len(output.payload.windows))))
            elif isinstance(output, Work):
                pending.append(WorkResult(output.id, WORKERS[output.kind](output.payload)))
    ends = {(w.t0_s, w.t1_s): w for w in asked}
    hop_s = EngineConfig().estimates.hop_s
    return [w for (_, t1_s), w in ends.items() if abs(t1_s / hop_s - round(t1_s / hop_s)) > 1e-6]


def test_a_stretch_with_the_borders_of_a_live_utterance_gives_the_live_window() -> None:
    live = [w for w in live_final_windows(Loudness()) if "text" in w.tokens]
    assert len(live) == 2
    stretches = [Stretch(w.t0_s, w.t1_s, w.person) for w in live]
    inputs = merged(sound(), pictures(faces=2))
    trained = cut(inputs, *stretches, streams=(AUDIO, VIDEO), voice=Loudness())
    for one, two in zip(live, trained, strict=True):
        assert set(one.tokens) == {"text", "audio", "visual"}
        assert same(one, two)


def test_stretches_do_not_hear_each_other() -> None:
    alone = [cut(sound(), s)[0] for s in (Stretch(2.0, 3.2, "a"), Stretch(3.2, 4.5, "b"))]
    together = cut(sound(), Stretch(2.0, 3.2, "a"), Stretch(3.2, 4.5, "b"))
    assert all(same(one, two) for one, two in zip(alone, together, strict=True))
    words = [window.tokens["text"].values[:, 0] for window in together]
    assert words[0].max() < words[1].min()


@pytest.mark.parametrize("chunk", [160, 4_000, 16_000])
def test_chunking_changes_nothing(chunk: int) -> None:
    stretch = Stretch(2.1, 4.4, "a")
    assert same(cut(sound(), stretch)[0], cut(sound(chunk), stretch)[0])


def test_with_a_voice_network_pauses_within_a_stretch_stay_without_sound_tokens() -> None:
    stretch = Stretch(1.0, 9.0, "a")
    [everything], [heard] = cut(sound(), stretch), cut(sound(), stretch, voice=Loudness())
    assert len(everything.tokens["audio"]) == 80
    assert len(heard.tokens["audio"]) < 60
    assert heard.tokens["audio"].times_s.max() < 8.0


def test_a_silent_stretch_has_no_window_content() -> None:
    [window] = cut(sound(), Stretch(9.0, 10.0, "a"), voice=Loudness())
    assert window.tokens == {}


def test_an_open_end_is_the_end_of_the_recording() -> None:
    [window] = cut(sound(), Stretch(3.0, None, "a"))
    assert window.t1_s == LENGTH_S
    assert window.tokens["audio"].times_s.max() == pytest.approx(8.95, abs=0.01)


def test_the_face_whose_mouth_moves_with_the_speech_is_taken() -> None:
    inputs = merged(sound(), pictures(faces=2))
    [window] = cut(inputs, Stretch(2.0, 4.5, "a"), streams=(AUDIO, VIDEO))
    assert set(window.tokens["visual"].values.ravel().tolist()) == {100.0}


def test_a_recording_without_sound_has_its_face() -> None:
    [window] = cut(pictures(), Stretch(2.0, 4.0, "a"), streams=(VIDEO,))
    assert set(window.tokens) == {"visual"}


def test_a_hole_in_the_sound_is_no_obstacle() -> None:
    inputs = sound()
    hole = [i for i in inputs if not (isinstance(i, AudioChunk) and 48_000 <= i.start_sample < 56_000)]
    place = next(n for n, i in enumerate(hole) if isinstance(i, AudioChunk) and i.start_sample >= 56_000)
    hole.insert(place, Gap("audio", 3.0, 3.5, "damaged"))
    [window] = cut(hole, Stretch(2.0, 4.5, "a"))
    assert {"text", "audio"} == set(window.tokens)


# --- mistakes ----------------------------------------------------------------------------------------


def test_a_stretch_beyond_the_end_is_refused() -> None:
    with pytest.raises(SourceError, match=r"talk\.mp4: ends at 12\.00 s, before the stretch"):
        cut(sound(), Stretch(11.0, 14.0, "a"))


@pytest.mark.parametrize("t1_s", [40.0, None])
def test_a_stretch_that_is_too_long_is_refused(t1_s: float | None) -> None:
    minutes = [AudioChunk("audio", i * 16_000, np.zeros(16_000, np.float32)) for i in range(60)]
    with pytest.raises(SourceError, match=r"25 s are allowed. Label it utterance by utterance"):
        cut([*minutes, EndOfStream("audio", 60.0)], Stretch(1.0, t1_s, "a"))


def test_a_worker_that_fails_is_told_and_not_learned_from() -> None:
    workers = {**WORKERS, "encode_audio": lambda order: Failed("out of memory")}
    with pytest.raises(ModelError, match="encode_audio: out of memory"):
        cut(sound(), Stretch(2.0, 3.0, "a"), workers=workers)
