"""Telling speakers apart on one audio stream: what is encoded when, and what follows for its utterances."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from core.config import EngineConfig, SpeakersConfig
from core.encoders.silero import FRAME_SAMPLES
from core.engine.audio_buffer import AudioBuffer
from core.engine.scheduler import Scheduler, VoiceOwner
from core.engine.utterance import Utterance
from core.events import Event, Relabel, StreamInfo
from core.inputs import SAMPLE_RATE
from core.labels import UNKNOWN_PERSON
from core.policy import Policy
from core.stages.active_speaker import Attribution
from core.stages.binding import VoiceBinding
from core.stages.diarization import FEATURE_SAMPLES, Diarizer, SpeakerHead
from core.stages.vad import VadFrame
from core.work import EncodeSpeaker, Outcome, SpeakerFeatures

_BLOCK: Final = 12
"""Features that are computed at once while speech goes on: .96 s."""
_PAUSE_SAMPLES: Final = 2 * FEATURE_SAMPLES
"""After so much silence what is left of the speech is computed at once."""
_LOOKAHEAD: Final = 240
_CONTEXT: Final = 3 * SAMPLE_RATE
_BEFORE: Final = 5
"""No utterance begins more than so many features before it is heard to begin."""


@dataclass(slots=True)
class StreamVoices:
    """The voices of one audio stream.

    Attributes:
        stream: its name.
        owner: the person that all of the stream belongs to, None = anybody.
        prefix: comes before the names of its voices: streams number theirs alike.
        diarizer: who speaks when.
        binding: which faces the voices belong to.
        next_feature: the first one not asked for yet.
        numbers: voice -> its number in the person's id.
        seen: voices with a number that turned out to be a face.
        awaited: outstanding jobs -> the first feature that each gives.
    """

    stream: str
    owner: str | None
    prefix: str
    diarizer: Diarizer
    binding: VoiceBinding = field(default_factory=VoiceBinding)
    next_feature: int = 0
    numbers: dict[int, int] = field(default_factory=dict)
    seen: set[int] = field(default_factory=set)
    awaited: dict[int, int] = field(default_factory=dict)

    @classmethod
    def create(
        cls, stream: str, owner: str | None, prefix: str, head: SpeakerHead, config: SpeakersConfig
    ) -> StreamVoices:
        """Nobody was heard yet."""
        return cls(stream, owner, prefix, Diarizer(head, config))

    def process(
        self,
        frame: VadFrame,
        *,
        speech_end: int,
        utterance_start: int | None,
        audio: AudioBuffer,
        scheduler: Scheduler,
        now_s: float,
    ) -> None:
        """One more frame was heard: ask for what is due, and look at what is there.

        Args:
            frame: the newest 512 samples, and how likely they hold speech.
            speech_end: sample at which the last frame of speech ended.
            utterance_start: where the open utterance begins, None in between.
            audio: recent samples.
            scheduler: takes the jobs.
            now_s: stream time.
        """
        heard = frame.start_sample + FRAME_SAMPLES
        self.diarizer.hear(frame.start_sample + FRAME_SAMPLES // 2, frame.probability)
        if utterance_start is None or not scheduler.budget.speakers:
            self.next_feature = max(self.next_feature, heard // FEATURE_SAMPLES - _BEFORE)
            self._advance(heard // FEATURE_SAMPLES - _BEFORE)
            return
        self.next_feature = max(self.next_feature, utterance_start // FEATURE_SAMPLES)
        ready = (heard - _LOOKAHEAD) // FEATURE_SAMPLES - self.next_feature
        paused = heard - speech_end >= _PAUSE_SAMPLES
        left = -(-speech_end // FEATURE_SAMPLES) - self.next_feature
        if ready >= _BLOCK:
            self._submit(_BLOCK, audio, scheduler, now_s)
        elif paused and 0 < left <= ready:
            self._submit(left, audio, scheduler, now_s)
        quiet = paused and -(-speech_end // FEATURE_SAMPLES) <= self.next_feature
        self._advance(heard // FEATURE_SAMPLES if quiet else self.next_feature)

    def handle_result(self, work_id: int, outcome: Outcome) -> None:
        """Take features in, or that they could not be computed: then the voice of that stretch is open."""
        self.awaited.pop(work_id, None)
        if isinstance(outcome, SpeakerFeatures):
            self.diarizer.push(outcome.first, np.asarray(outcome.values, np.float32))

    def others(self, start_sample: int, end_sample: int) -> frozenset[str]:
        """Faces that do not speak between two samples: the voice is not theirs."""
        voice = self.diarizer.voice_of(start_sample, end_sample)
        return frozenset() if voice is None else self.binding.taken(voice)

    def identify(self, start_sample: int, end_sample: int, attribution: Attribution) -> str:
        """Who speaks between two samples, by voice and by what is seen: a person's id or UNKNOWN_PERSON."""
        voice = self.diarizer.voice_of(start_sample, end_sample)
        if voice is None:
            return self.owner or attribution.person
        if self.owner is not None:
            return self.owner if voice == 1 else f"{self.owner}+{self.name(voice)}"
        bound = self.binding.person_of(voice)
        if bound is not None:
            return bound
        return attribution.person if attribution.person != UNKNOWN_PERSON else self.name(voice)

    def observe(self, start_sample: int, end_sample: int, attribution: Attribution) -> None:
        """An utterance has ended: what it says of the binding of its voice."""
        voice = self.diarizer.voice_of(start_sample, end_sample)
        if voice is not None:
            duration_s = (end_sample - start_sample) / SAMPLE_RATE
            self.binding.observe(voice, attribution, duration_s)

    def merges(self) -> list[tuple[str, str]]:
        """Persons known by voice alone who turned out to be others, or a face: (who it was, who it is)."""
        found = []
        for voice in self.numbers if self.owner is None else ():
            face = self.binding.surely(voice)
            if face is not None and voice not in self.seen:
                self.seen.add(voice)
                found.append((self.name(voice), face))
        for voice, into in self.diarizer.take_merges():
            known = voice in self.numbers or voice in self.binding.evidence
            before, after = (self._person(voice), self._person(into)) if known else ("", "")
            self.binding.merge(voice, into)
            if before != after:
                found.append((before, after))
        return found

    def holds(self, person: str) -> bool:
        """Whether a voice is bound to this person: it stays known while the face is away."""
        return any(self.binding.person_of(voice) == person for voice in self.binding.evidence)

    @property
    def settled_sample(self) -> int:
        """Sample before which no change of voice will be found any more."""
        return self.diarizer.decided_sample - self.diarizer.least_samples

    def name(self, voice: int) -> str:
        """Id of a person who is known by voice alone, numbered in the order in which they were named."""
        number = self.numbers.setdefault(voice, len(self.numbers) + 1)
        return f"{self.prefix}v{number}"

    def _person(self, voice: int) -> str:
        if self.owner is not None:
            return self.owner if voice == 1 else f"{self.owner}+{self.name(voice)}"
        return self.binding.person_of(voice) or self.name(voice)

    def _advance(self, until: int) -> None:
        self.diarizer.advance(min([until, *self.awaited.values()]))

    def _submit(self, count: int, audio: AudioBuffer, scheduler: Scheduler, now_s: float) -> None:
        begin = self.next_feature * FEATURE_SAMPLES
        end = begin + count * FEATURE_SAMPLES + _LOOKAHEAD
        first = max(0, begin - _CONTEXT) // FEATURE_SAMPLES * FEATURE_SAMPLES
        payload = EncodeSpeaker(self.next_feature, count, audio.read(first, end))
        work_id = scheduler.submit("encode_speaker", payload, now_s, VoiceOwner(self.stream))
        self.awaited[work_id] = self.next_feature
        self.next_feature += count


def stream_voices(
    streams: Iterable[StreamInfo], config: EngineConfig, policy: Policy, head: SpeakerHead | None
) -> dict[str, StreamVoices]:
    """The voices of each audio stream on which speakers are told apart.

    That is every one that belongs to nobody, and with `speakers.every_stream` the others as well. A second
    stream of strangers gets names of its own.
    """
    found: dict[str, StreamVoices] = {}
    if head is None or not config.speakers.enabled or not policy.allows("audio"):
        return found
    for stream in streams:
        if stream.kind != "audio" or (stream.person is not None and not config.speakers.every_stream):
            continue
        strangers = stream.person is None and any(other.owner is None for other in found.values())
        prefix = f"{stream.name}." if strangers else ""
        found[stream.name] = StreamVoices.create(stream.name, stream.person, prefix, head, config.speakers)
    return found


def relabel(voices: StreamVoices | None, utterances: Iterable[Utterance], now_s: float) -> list[Event]:
    """Tell which persons turned out to be others; what is not final yet is theirs from now on."""
    events: list[Event] = []
    for person, into in voices.merges() if voices is not None else []:
        theirs = [utterance for utterance in utterances if utterance.person == person]
        for utterance in theirs:
            if not utterance.done:
                utterance.person = into
        events.append(Relabel(now_s, person, into, tuple(utterance.id for utterance in theirs)))
    return events
