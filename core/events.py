"""What the engine and the session say: the public events, single source of the feed's JSON Schema.

Every event has a `type`. Times are stream seconds; probabilities lie in [0, 1]. The only wall-clock value
of a run is `Hello.started_at`. Serialisation lives in `core.wire`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from core.labels import Purpose

PROTOCOL_VERSION = "1.0"


@dataclass(frozen=True, slots=True)
class ModelCard:
    """Which checkpoint speaks: name, hash of its spec, licence of its weights, one sentence on its limits."""

    name: str
    spec_sha256: str
    license: str
    summary: str


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """One stream of the source. `person` is set when all of it belongs to one person (a microphone)."""

    name: str
    kind: Literal["audio", "video"]
    person: str | None = None


@dataclass(frozen=True, slots=True)
class Hello:
    """First message of a run.

    Attributes:
        protocol: version of the protocol, "major.minor".
        version: version of emotrack.
        started_at: RFC 3339 wall-clock time of stream time 0; the one field that differs between replays.
        source: what is being tracked, for people ("recording interview.mp4"); never a full path.
        labels: order of the labels.
        thresholds: label -> probability from which it counts as present.
        hop_s: seconds between rolling estimates.
        model: which checkpoint.
        whisper: name of the recogniser.
        streams: the source's streams.
        purpose: what the run is for.
        withheld: modality -> why nothing is inferred from it, whatever is heard and seen; one paragraph.
        capturing: people are heard or seen at this moment: show a sign of it until the status "capture" says
            "off", or the end.
    """

    protocol: str
    version: str
    started_at: str
    source: str
    labels: tuple[str, ...]
    thresholds: dict[str, float]
    hop_s: float
    model: ModelCard
    whisper: str
    streams: tuple[StreamInfo, ...]
    purpose: Purpose = "personal"
    withheld: dict[str, str] = field(default_factory=dict)
    capturing: bool = False
    type: Literal["hello"] = "hello"


@dataclass(frozen=True, slots=True)
class TranscriptWord:
    """A committed word: it never changes afterwards."""

    text: str
    t0_s: float
    t1_s: float
    probability: float


@dataclass(frozen=True, slots=True)
class Transcript:
    """All words of one utterance so far.

    Attributes:
        utterance: id of the utterance.
        person: who speaks as far as known.
        t0_s, t1_s: extent of the speech heard so far.
        text: committed words joined; a later message of the utterance only appends to it.
        words: the committed words.
        pending: the tail of the newest hypothesis, which may still change; "" when final.
        language: BCP 47 primary subtag, "" while nothing was recognised.
        revision: 0, 1, ... within the utterance.
        final: True once, last.
        language_probability: how certain the language is; null when it was given or there are no words.
        rejected: why a final transcript has no words, or a running one has none so far: what was heard was
            not to be believed; null else.
    """

    utterance: str
    person: str
    t0_s: float
    t1_s: float
    text: str
    words: tuple[TranscriptWord, ...]
    pending: str
    language: str
    revision: int
    final: bool
    language_probability: float | None = None
    rejected: str | None = None
    type: Literal["transcript"] = "transcript"


@dataclass(frozen=True, slots=True)
class Utterance:
    """A stretch of speech of one speaker, between pauses or changes of speaker.

    Attributes:
        id: unique in the run, "u1", "u2", ... in the order of their starts.
        person: who speaks; may change until final.
        t0_s, t1_s: extent; t1_s grows until final.
        ended_by: None while open; then what closed it.
        final: True once, last.
        overlap: somebody else was heard on another stream at the same time; voice and words may be mixed up.
    """

    id: str
    person: str
    t0_s: float
    t1_s: float
    ended_by: Literal["pause", "max_length", "gap", "end", "speaker"] | None
    final: bool
    overlap: bool = False
    type: Literal["utterance"] = "utterance"


@dataclass(frozen=True, slots=True)
class Stages:
    """When each stage had done its part for one estimate, in stream seconds; None where it had no part.

    Attributes:
        captured_s: end of the newest input used.
        voice_s: the voice decision that opened or closed the utterance.
        words_s: the newest transcript used.
        encoded_s: the newest token used.
        fused_s: the fusion's result was there.
        sent_s: the message was handed to the feed; null in a replay, where time waits for the work.
    """

    captured_s: float
    voice_s: float | None
    words_s: float | None
    encoded_s: float | None
    fused_s: float
    sent_s: float | None = None


@dataclass(frozen=True, slots=True)
class EmotionEstimate:
    """What one person's voice, words and face express between two times.

    Attributes:
        id: the utterance's id, or "<person>/<n>" while the person does not speak.
        person: whom it is about.
        utterance: the utterance it belongs to, or None.
        t0_s, t1_s: the window.
        probabilities: label -> probability, fused, calibrated, smoothed; labels are independent.
        active: labels present, after hysteresis, most probable first.
        peers: modality -> label -> that peer's calibrated probability.
        attribution: modality -> its share of what decided the estimate; sums to 1 over `modalities`.
        modalities: what was used, a subset of text, audio, visual.
        missing: modality -> why it was not used.
        valence, arousal: in [-1, 1], None where not trained.
        confidence: in [0, 1].
        abstained: the evidence is too thin; probabilities are given but should not be shown as a finding.
        revision: 0, 1, ... per id.
        final: True once per utterance, last; a final estimate never changes.
        stages: when each stage had done its part.
        history_s: modality -> seconds of earlier speech that the person is compared with; empty where the
            checkpoint compares nobody with their history.
    """

    id: str
    person: str
    utterance: str | None
    t0_s: float
    t1_s: float
    probabilities: dict[str, float]
    active: tuple[str, ...]
    peers: dict[str, dict[str, float]]
    attribution: dict[str, float]
    modalities: tuple[str, ...]
    missing: dict[str, str]
    valence: float | None
    arousal: float | None
    confidence: float
    abstained: bool
    revision: int
    final: bool
    stages: Stages
    history_s: dict[str, float] = field(default_factory=dict)
    type: Literal["estimate"] = "estimate"


@dataclass(frozen=True, slots=True)
class Status:
    """Something about the run itself: a gap, a fault, a person who appeared or left, a load step.

    Attributes:
        t_s: stream time.
        code: stable, machine-readable: "gap", "source_fault", "model_fault", "person_appeared",
            "person_left", "scene_change", "modality_missing", "modality_back", "load_step", "clock",
            "abstained", "record_failed", "output_failed", "disk_low", "capture", "consent".
        level: how bad.
        message: one sentence for people; never words of the conversation.
        stream, person: concerned, if any.
        value: what it is now, machine-readable: the load step's name for "load_step", the device's reason
            for "modality_missing", the offset in milliseconds for "clock", "off" for "capture", "withdrawn"
            for "consent".
    """

    t_s: float
    code: str
    level: Literal["info", "warning", "error"]
    message: str
    stream: str | None = None
    person: str | None = None
    value: str | None = None
    type: Literal["status"] = "status"


@dataclass(frozen=True, slots=True)
class End:
    """Last message of a run.

    Attributes:
        t_s: stream time of the end.
        reason: "finished" when the source ran out, "interrupted" by the user, "failed" after a fault.
        utterances, estimates, finals: how many were sent.
        faults: sentences about what could not be read or computed, empty when all went well.
    """

    t_s: float
    reason: Literal["finished", "interrupted", "failed"]
    utterances: int
    estimates: int
    finals: int
    faults: tuple[str, ...] = field(default=())
    type: Literal["end"] = "end"


@dataclass(frozen=True, slots=True)
class Marker:
    """Somebody who watches has marked a moment.

    Attributes:
        t_s: the moment.
        label: what for, may be empty.
    """

    t_s: float
    label: str
    type: Literal["marker"] = "marker"


@dataclass(frozen=True, slots=True)
class Correction:
    """Somebody who watches says that an estimate is wrong.

    Attributes:
        t_s: when it was said.
        estimate: `id` of the estimate.
        person: whom the estimate is about.
        labels: what would have been right, None when only the fault is known.
    """

    t_s: float
    estimate: str
    person: str
    labels: tuple[str, ...] | None
    type: Literal["correction"] = "correction"


@dataclass(frozen=True, slots=True)
class Relabel:
    """Somebody who was known by voice alone turned out to be somebody else: another voice, or a face.

    What was said before stays as it was said; whoever adds up over a run counts both as `into`.

    Attributes:
        t_s: when it turned out.
        person: who it was.
        into: who it is.
        utterances: the recent utterances that were said to be of `person`, by id.
    """

    t_s: float
    person: str
    into: str
    utterances: tuple[str, ...]
    type: Literal["relabel"] = "relabel"


@dataclass(frozen=True, slots=True)
class PersonTalk:
    """How one person has talked so far.

    Attributes:
        person: whom it is about.
        talk_s, share: seconds of speech, and their part of all speech in [0, 1].
        turns: stretches of speech until somebody else speaks or a second passes.
        mean_turn_s, longest_turn_s: their lengths.
        overlaps: times at which the person and somebody else spoke at once.
        overlaps_begun: those in which the person began later.
        interruptions: of these, those after which the other stopped first.
        interrupted: times at which that happened to the person.
        response_s: median pause before the person answers, null before the first answer.
        words_per_min: rate of speech, null without words.
    """

    person: str
    talk_s: float
    share: float
    turns: int
    mean_turn_s: float
    longest_turn_s: float
    overlaps: int
    overlaps_begun: int
    interruptions: int
    interrupted: int
    response_s: float | None
    words_per_min: float | None


@dataclass(frozen=True, slots=True)
class Followed:
    """How often one person's emotion came right after another's: a count, not a cause.

    Attributes:
        person, label: who spoke before, and what that expressed most.
        next_person, next_label: who spoke next, and what that expressed most.
        count, of: how often so, of all times that `next_person` spoke after this.
        low, high: 95 % interval of the share.
    """

    person: str
    label: str
    next_person: str
    next_label: str
    count: int
    of: int
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Conversation:
    """How people have talked with each other so far: at most once a second, when it changed, and at the end.

    Attributes:
        t_s: up to when.
        silence: part of the time in which nobody spoke, in [0, 1].
        persons: who spoke, in the order of their first words; the twelve who spoke longest.
        followed: which emotions followed which, most frequent first; at most twelve.
    """

    t_s: float
    silence: float
    persons: tuple[PersonTalk, ...]
    followed: tuple[Followed, ...]
    type: Literal["conversation"] = "conversation"


Event = (
    Hello
    | Transcript
    | Utterance
    | EmotionEstimate
    | Status
    | Marker
    | Correction
    | Relabel
    | Conversation
    | End
)
"""Everything that can appear on the feed and in `events.jsonl`."""
