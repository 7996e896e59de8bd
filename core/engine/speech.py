"""One audio stream: from samples to utterances, their words and their audio tokens."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from core.config import EngineConfig
from core.encoders.silero import FRAME_SAMPLES
from core.engine.audio_buffer import AudioBuffer
from core.engine.scheduler import Scheduler, SpeechOwner
from core.engine.speakers import StreamVoices
from core.engine.transcription import Transcription
from core.engine.utterance import Utterance
from core.engine.windows import between
from core.events import Event, StreamInfo
from core.inputs import SAMPLE_RATE, AudioChunk
from core.labels import UNKNOWN_PERSON
from core.stages.active_speaker import NOBODY_SEEN, ActiveSpeakerDetector, Attribution
from core.stages.endpointing import Endpointer, TurnEnded, TurnEvent, TurnStarted
from core.stages.vad import Vad, VadFrame
from core.work import AudioTokens, EncodeAudio, Failed, Hypothesis, Outcome, TextTokens

_KEEP_SAMPLES: Final = 40 * SAMPLE_RATE
"""Past audio that jobs may still need: the longest utterance and an encoder's context."""


@dataclass(frozen=True, slots=True)
class AudioBlocks:
    """The grid on which speech is encoded, from the checkpoint's spec. Lengths in samples."""

    block: int
    context: int


@dataclass(slots=True)
class SpeechStream:
    """One audio stream.

    Attributes:
        info: the stream; its `person`, if set, owns all its speech.
        config, blocks: behaviour of the stages, and the grid of audio tokens.
        vad, endpointer, active_speaker, transcription: the stages, in the order of the data.
        voices: who speaks by the sound of the voice; None where that is not asked.
        buffer: recent samples.
        utterances: those that may still lie in a window, in order of their starts.
    """

    info: StreamInfo
    config: EngineConfig
    blocks: AudioBlocks
    vad: Vad
    endpointer: Endpointer
    active_speaker: ActiveSpeakerDetector
    transcription: Transcription
    voices: StreamVoices | None = None
    buffer: AudioBuffer = field(default_factory=AudioBuffer)
    utterances: list[Utterance] = field(default_factory=list)

    @classmethod
    def create(
        cls,
        info: StreamInfo,
        config: EngineConfig,
        blocks: AudioBlocks,
        vad: Vad,
        languages: tuple[str, ...],
        voices: StreamVoices | None = None,
    ) -> SpeechStream:
        """A stream of which nothing was heard yet."""
        return cls(
            info,
            config,
            blocks,
            vad,
            Endpointer(config.voice),
            ActiveSpeakerDetector(),
            Transcription(config.transcript, config.voice, languages),
            voices,
        )

    def push(self, chunk: AudioChunk) -> list[VadFrame]:
        """Take samples in, ahead of time; frames are processed when the timeline releases them.

        Raises:
            StreamGap: the chunk does not continue the last one.
        """
        frames = self.vad.push(chunk)
        self.buffer.append(chunk.start_sample, chunk.samples)
        return frames

    def process(self, frame: VadFrame, scheduler: Scheduler, next_id: int) -> list[Utterance]:
        """Process one frame.

        Args:
            frame: speech probability of the next 512 samples.
            scheduler: takes the jobs.
            next_id: number of the next new utterance of the run.

        Returns:
            The utterances that opened or ended with this frame.
        """
        heard = frame.start_sample + FRAME_SAMPLES
        now_s = heard / SAMPLE_RATE
        self.buffer.forget_before(frame.start_sample - _KEEP_SAMPLES)
        self.active_speaker.voice(now_s, frame.probability)
        turns = self.endpointer.push(frame.start_sample, frame.probability)
        changed = self._tell_apart(frame, turns, scheduler, now_s, next_id)
        changed += self._apply(turns, scheduler, now_s, next_id + len(changed) // 2)
        speech_end = self.endpointer.state.speech_end
        for utterance in self.utterances:
            self._request_blocks(utterance, heard, heard, scheduler, now_s)
            if utterance.open:
                self.transcription.advance(utterance, speech_end, heard, self.buffer, scheduler, now_s)
        return _once(changed)

    def interrupt(self, t0_s: float, t1_s: float, scheduler: Scheduler, next_id: int) -> list[Utterance]:
        """The stream has nothing between two times: an open utterance ends before it."""
        start, end = round(t0_s * SAMPLE_RATE), round(t1_s * SAMPLE_RATE)
        return self._end_now(self.endpointer.gap(start, end), start, scheduler, t0_s, next_id)

    def finish(self, t_s: float, scheduler: Scheduler, next_id: int) -> list[Utterance]:
        """The stream is over: an open utterance ends here."""
        end = round(t_s * SAMPLE_RATE)
        return self._end_now(self.endpointer.flush(end), end, scheduler, t_s, next_id)

    def identify(self, utterance: Utterance, now_s: float) -> str:
        """Who speaks, by what is known now: a person's id or UNKNOWN_PERSON.

        The end of an utterance adds what was heard and seen of it to what is known of its voice.
        """
        if self.voices is None:
            return self.info.person or self._attribute(utterance, now_s).person
        owned = self.info.person is not None
        start, end = utterance.start_sample, round(utterance.t1_s(now_s) * SAMPLE_RATE)
        others = frozenset[str]() if owned else self.voices.others(start, end)
        attribution = NOBODY_SEEN if owned else self._attribute(utterance, now_s, others)
        if not utterance.open:
            self.voices.observe(start, end, attribution)
        return self.voices.identify(start, end, attribution)

    def _attribute(
        self, utterance: Utterance, now_s: float, others: frozenset[str] = frozenset()
    ) -> Attribution:
        return self.active_speaker.decide(utterance.t0_s, utterance.t1_s(now_s), others)

    def forget(self, utterance: Utterance) -> None:
        """Drop an utterance that is done and too old to lie in any window."""
        self.utterances = [kept for kept in self.utterances if kept is not utterance]
        self.transcription.transcripts.forget(utterance.id)

    # -- results --------------------------------------------------------------------------------------

    def handle_result(
        self,
        utterance: Utterance,
        work_id: int,
        outcome: Outcome,
        scheduler: Scheduler,
        now_s: float,
        stamp_s: float,
    ) -> list[Event]:
        """Take in the result of a job of one of the stream's utterances.

        Args:
            utterance: whose job it was.
            work_id: the job's id.
            outcome: what came of it.
            scheduler: takes the jobs that follow from it.
            now_s: stream time.
            stamp_s: stream time at which the worker was done.

        Returns:
            The new state of the transcript, if it changed.
        """
        if all(kept is not utterance for kept in self.utterances):
            return []  # too old to matter
        events: list[Event] = []
        match outcome:
            case Hypothesis():
                settled = self._settled_sample
                events = self.transcription.handle_hypothesis(
                    utterance, work_id, outcome, settled, scheduler, now_s, stamp_s
                )
            case AudioTokens(tokens):  # the last block usually reaches beyond the utterance
                utterance.audio.append(between(tokens, utterance.t0_s, utterance.t1_s(now_s)))
                utterance.encoded_s = stamp_s
            case TextTokens(tokens=tokens):
                self.transcription.handle_text_tokens(utterance, work_id, tokens, stamp_s)
            case Failed():
                events = self.transcription.handle_failure(utterance, work_id, scheduler, now_s, stamp_s)
            case _:
                raise AssertionError("the engine has checked that the result fits its job")
        utterance.awaiting.discard(work_id)
        self.transcription.release(utterance, work_id)
        return events

    def complete(self, utterance: Utterance) -> bool:
        """Whether everything that the final estimate needs was submitted and has come back."""
        if utterance.end_sample is None or not utterance.complete:
            return False
        return utterance.next_block * self.blocks.block >= utterance.end_sample

    @property
    def _settled_sample(self) -> int:
        """Sample up to which the open utterance reaches for certain: it may still be cut after it."""
        settled = self.endpointer.settled_sample
        return settled if self.voices is None else min(settled, self.voices.settled_sample)

    # -- opening and ending ---------------------------------------------------------------------------

    def _tell_apart(
        self, frame: VadFrame, turns: list[TurnEvent], scheduler: Scheduler, now_s: float, next_id: int
    ) -> list[Utterance]:
        """Cut the open utterance where the speaker changes."""
        if self.voices is None:
            return []
        heard = frame.start_sample + FRAME_SAMPLES
        current = next((u for u in self.utterances if u.open), None)
        self.voices.process(
            frame,
            speech_end=self.endpointer.state.speech_end,
            utterance_start=None if current is None else current.start_sample,
            audio=self.buffer,
            scheduler=scheduler,
            now_s=now_s,
        )
        ending = next((turn.end_sample for turn in turns if isinstance(turn, TurnEnded)), None)
        return self._cut_turns(ending, heard, scheduler, now_s, next_id)

    def _cut_turns(
        self, ending: int | None, heard: int, scheduler: Scheduler, now_s: float, next_id: int
    ) -> list[Utterance]:
        """Cut the open utterance at every change of voice; `ending`: where the turn ends, if it does now."""
        changed: list[Utterance] = []
        current = next((u for u in self.utterances if u.open), None)
        if self.voices is None or current is None:
            return changed
        if ending is not None:
            self.voices.diarizer.close()
        until = heard if ending is None else ending
        while (at := self.voices.diarizer.change_after(current.start_sample, until)) is not None:
            piece = TurnEnded(current.id, current.start_sample, at, heard, "speaker")
            changed.append(self._end(piece, scheduler, now_s))
            current = self._open(TurnStarted(current.id, at, heard), f"u{next_id}")
            changed.append(current)
            next_id += 1
        return changed

    def _end_now(
        self, turns: list[TurnEvent], heard: int, scheduler: Scheduler, now_s: float, next_id: int
    ) -> list[Utterance]:
        ending = next((turn.end_sample for turn in turns if isinstance(turn, TurnEnded)), None)
        changed = self._cut_turns(ending, heard, scheduler, now_s, next_id)
        changed += self._apply(turns, scheduler, now_s, next_id + len(changed) // 2)
        for utterance in self.utterances:  # no further sample will complete the last block
            if utterance.end_sample is not None:
                until = utterance.end_sample + self.blocks.block
                self._request_blocks(utterance, until, heard, scheduler, now_s)
        return _once(changed)

    def _apply(
        self, turns: list[TurnEvent], scheduler: Scheduler, now_s: float, next_id: int
    ) -> list[Utterance]:
        changed = []
        for turn in turns:
            if isinstance(turn, TurnStarted):
                changed.append(self._open(turn, f"u{next_id}"))
                next_id += 1
            else:
                changed.append(self._end(turn, scheduler, now_s))
        return changed

    def _open(self, turn: TurnStarted, name: str) -> Utterance:
        person = self.info.person or UNKNOWN_PERSON
        voice_s = turn.decided_sample / SAMPLE_RATE
        utterance = Utterance(name, self.info.name, turn.start_sample, person, voice_s)
        utterance.next_block = turn.start_sample // self.blocks.block
        self.transcription.begin(utterance)
        self.utterances.append(utterance)
        return utterance

    def _end(self, turn: TurnEnded, scheduler: Scheduler, now_s: float) -> Utterance:
        utterance = next(u for u in self.utterances if u.open)
        utterance.end(turn)
        t0_s, t1_s = utterance.t0_s, utterance.t1_s(now_s)
        utterance.audio = [between(run, t0_s, t1_s) for run in utterance.audio]
        self.transcription.request_final(utterance, self.buffer, scheduler, now_s)
        return utterance

    def _request_blocks(
        self, utterance: Utterance, until: int, heard: int, scheduler: Scheduler, now_s: float
    ) -> None:
        """Submit every whole block up to `until` that holds some of the utterance and was not submitted yet.

        What lies beyond `heard` is zeros, even if it was delivered ahead of its time.
        """
        block = self.blocks.block
        if not scheduler.budget.voices:  # nothing will come that a final estimate would have to wait for
            utterance.next_block = -(-(utterance.end_sample or 0) // block)
            return
        while (utterance.next_block + 1) * block <= until:
            start = utterance.next_block * block
            if utterance.end_sample is not None and start >= utterance.end_sample:
                return
            utterance.next_block += 1
            begin = max(0, start - self.blocks.context)
            samples = self.buffer.read(begin, start + block)
            samples[max(0, heard - begin) :] = 0.0
            payload = EncodeAudio(begin, samples, block)
            owner = SpeechOwner(utterance.stream, utterance)
            utterance.awaiting.add(scheduler.submit("encode_audio", payload, now_s, owner))


def _once(changed: list[Utterance]) -> list[Utterance]:
    """Each utterance once: one that was cut out of the end of a turn opened and ended at the same time."""
    return list({utterance.id: utterance for utterance in changed}.values())
