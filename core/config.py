"""Configuration of the engine's stages. YAML in, strict values out; building it loads nothing."""

from __future__ import annotations

from pydantic import Field

from core.config_base import Strict
from core.labels import Purpose
from core.work import WorkKind


class VoiceConfig(Strict):
    """Voice activity and turns (`core.stages.vad`, `core.stages.endpointing`).

    Attributes:
        on, off: Silero's speech probability that opens and keeps open a turn (hysteresis).
        min_speech_s: speech shorter than this opens nothing (a click); 200 ms utterances must pass.
        end_pause_s: silence that closes a turn: the end-pointing hang-over.
        pad_s: kept before the first and after the last speech frame.
        max_turn_s: a turn is split at its quietest place before it gets longer than this.
    """

    on: float = Field(0.5, gt=0, lt=1)
    off: float = Field(0.35, gt=0, lt=1)
    min_speech_s: float = Field(0.1, gt=0, le=1)
    end_pause_s: float = Field(0.5, gt=0, le=5)
    pad_s: float = Field(0.2, ge=0, le=1)
    max_turn_s: float = Field(12.0, ge=2, le=25)


class TranscriptConfig(Strict):
    """When partial hypotheses are asked for (`core.stages.transcript`).

    Attributes:
        partials: whether there are any before the turn ends.
        first_partial_s, partial_every_s: speech heard before the first and between further partial orders.
        early_final: the final words are asked for as soon as the speaker pauses, before the pause is long
            enough to end the turn. If it does end, they are there sooner; if not, they serve as partial ones.
    """

    partials: bool = True
    first_partial_s: float = Field(1.0, gt=0)
    partial_every_s: float = Field(1.5, gt=0)
    early_final: bool = False


class SpeakersConfig(Strict):
    """Telling speakers apart by their voices (`core.stages.diarization`).

    Attributes:
        enabled: whether voices are told apart at all.
        every_stream: also within a stream that belongs to one person, such as `them` of a call with several
            people; the first voice is that person's.
        at_least, at_most: how many people speak in a stream, as far as that is known beforehand.
        link: mean cosine similarity of two groups of windows from which on they are one voice.
        switch_cost: what a change of voice must gain over going on with the same one, as a sum of
            similarities over windows of 160 ms.
        least_voice_s: speech that a new voice needs.
        least_turn_s: nothing shorter is cut out of a turn.
    """

    enabled: bool = True
    every_stream: bool = False
    at_least: int = Field(1, ge=1, le=20)
    at_most: int = Field(20, ge=1, le=20)
    link: float = Field(0.24, gt=0, lt=1)
    switch_cost: float = Field(0.4, ge=0, le=10)
    least_voice_s: float = Field(1.28, ge=0.32, le=10)
    least_turn_s: float = Field(0.48, ge=0.16, le=10)


class FaceConfig(Strict):
    """Face detection, tracks and their pairing with speech.

    Attributes:
        rate_hz: detections per second; frames in between only serve as the detector's `previous`.
        max_faces: the largest this many are tracked.
        lost_after_s: a track not seen for this long is over.
    """

    rate_hz: float = Field(5.0, gt=0, le=30)
    max_faces: int = Field(8, ge=1, le=32)
    lost_after_s: float = Field(1.5, gt=0)


class EstimateConfig(Strict):
    """Rolling estimates.

    Attributes:
        hop_s: stream seconds between rolling estimates.
        rolling_s: length of a rolling window; a final window is the whole utterance.
        smoothing_s: time constant of the exponential smoothing of rolling probabilities; 0 = none.
        hysteresis: an active label stays active until its probability is this much below its threshold.
        active_after_s: a label becomes active, or ceases to be, when its probability asks for that so long.
    """

    hop_s: float = Field(0.25, ge=0.01, le=5)
    rolling_s: float = Field(6.0, gt=0, le=12)
    smoothing_s: float = Field(2.0, ge=0, le=10)
    hysteresis: float = Field(0.08, ge=0, lt=0.5)
    active_after_s: float = Field(0.5, ge=0, le=10)


class QueueLimits(Strict):
    """Age in seconds of each queue's oldest entry above which the machine does not keep up.

    Attributes:
        words: orders for transcription.
        sight: orders for face detection and visual tokens.
        sound: orders for audio tokens.
        input: what the sources delivered and the engine has not taken in.
        capture: what the devices hold ready and the sources have not fetched.
    """

    words: float = Field(2.5, gt=0)
    sight: float = Field(0.6, gt=0)
    sound: float = Field(0.6, gt=0)
    input: float = Field(0.5, gt=0)
    capture: float = Field(0.5, gt=0)


class LoadConfig(Strict):
    """When a live run leaves something out to keep up (`core.engine.load_shedding`).

    Attributes:
        limit_s: age of each queue's oldest entry above which the machine does not keep up.
        down_after_s: how long an age must be above its limit before a step down.
        settle_s: time between two steps down, for the first to have an effect.
        urgent: multiple of a limit above which the next step down does not wait for that.
        up_below: part of every limit below which there is room.
        up_after_s: how long there must be room before a step up, at least.
        relapse_s: a step up must last this long, and twice its wait; else the next has to wait twice as long.
        patience_s: ... but never longer than this.
    """

    limit_s: QueueLimits = QueueLimits()
    down_after_s: float = Field(0.75, gt=0)
    settle_s: float = Field(2.0, gt=0)
    urgent: float = Field(2.0, gt=1)
    up_below: float = Field(0.5, gt=0, lt=1)
    up_after_s: float = Field(10.0, gt=0)
    relapse_s: float = Field(30.0, gt=0)
    patience_s: float = Field(300.0, gt=0)


class LatencyConfig(Strict):
    """Stream seconds after which a deterministic run takes a result in, for each kind of work."""

    transcribe: float = Field(0.5, ge=0, le=60)
    faces: float = Field(0.1, ge=0, le=60)
    encode_visual: float = Field(0.05, ge=0, le=60)
    encode_audio: float = Field(0.1, ge=0, le=60)
    encode_text: float = Field(0.05, ge=0, le=60)
    encode_speaker: float = Field(0.05, ge=0, le=60)
    fuse: float = Field(0.05, ge=0, le=60)

    def of(self, kind: WorkKind) -> float:
        """Stream seconds allowed for one kind of work."""
        return {
            "transcribe": self.transcribe,
            "faces": self.faces,
            "encode_visual": self.encode_visual,
            "encode_audio": self.encode_audio,
            "encode_text": self.encode_text,
            "encode_speaker": self.encode_speaker,
            "fuse": self.fuse,
        }[kind]


class EngineConfig(Strict):
    """Everything that the engine's behaviour depends on besides the checkpoint.

    Attributes:
        purpose: what the run is for; some purposes withhold voice and face (`core.policy`).
        deterministic: results are taken in exactly `latency_s` after their order, and stream time waits
            for them: the same input gives the same events, byte for byte. Live runs take them as they come.
        latency_s: stream seconds allowed for each kind of work in a deterministic run.
    """

    purpose: Purpose = "personal"
    voice: VoiceConfig = VoiceConfig()
    transcript: TranscriptConfig = TranscriptConfig()
    faces: FaceConfig = FaceConfig()
    speakers: SpeakersConfig = SpeakersConfig()
    estimates: EstimateConfig = EstimateConfig()
    load: LoadConfig = LoadConfig()
    deterministic: bool = True
    latency_s: LatencyConfig = LatencyConfig()
