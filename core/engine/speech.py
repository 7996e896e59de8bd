"""The audio branch of the engine: from samples to utterances, and to orders for words and audio tokens."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from core.config import EngineConfig
from core.encoders.silero import FRAME_SAMPLES
from core.engine.audio_buffer import AudioBuffer
from core.engine.scheduler import Scheduler
from core.engine.utterance import UtteranceRecord
from core.engine.windows import between
from core.events import StreamInfo
from core.inputs import SAMPLE_RATE, AudioChunk
from core.labels import UNKNOWN_PERSON
from core.stages.active_speaker import ActiveSpeakerDetector
from core.stages.endpointing import Endpointer, TurnEnded, TurnEvent, TurnStarted
from core.stages.vad import Vad, VadFrame
from core.work import EncodeAudio, Transcribe

_KEEP_SAMPLES: Final = 40 * SAMPLE_RATE
"""Past audio that orders may still need: the longest turn and an encoder's context."""

_LEAST_PAUSE: Final = SAMPLE_RATE // 10
"""Shorter ones lie between any two syllables: nothing is asked for early in them."""


@dataclass(frozen=True, slots=True)
class AudioBlocks:
    """The grid on which speech is encoded, from the checkpoint's spec. Lengths in samples."""

    block: int
    context: int


@dataclass(slots=True)
class SpeechBranch:
    """One audio stream.

    Attributes:
        info: the stream; its `person`, if set, owns all its speech.
        records: utterances not yet done, by the id that `Endpointer` gave them, in order of their starts.
    """

    info: StreamInfo
    config: EngineConfig
    blocks: AudioBlocks
    voice: Vad
    turns: Endpointer
    active_speaker: ActiveSpeakerDetector = field(default_factory=ActiveSpeakerDetector)
    buffer: AudioBuffer = field(default_factory=AudioBuffer)
    records: dict[str, UtteranceRecord] = field(default_factory=dict)

    def push(self, chunk: AudioChunk) -> list[VadFrame]:
        """Take samples in, ahead of time; frames are acted upon when the timeline releases them."""
        self.buffer.append(chunk.start_sample, chunk.samples)
        return self.voice.push(chunk)

    def process(self, frame: VadFrame, scheduler: Scheduler, next_id: int) -> list[UtteranceRecord]:
        """Act upon one frame.

        Args:
            frame: speech probability of the next 512 samples.
            scheduler: takes the orders.
            next_id: number of the next new utterance of the run.

        Returns:
            The utterances that opened or closed with this frame.
        """
        now_s = (frame.start_sample + FRAME_SAMPLES) / SAMPLE_RATE
        self.buffer.forget_before(frame.start_sample - _KEEP_SAMPLES)
        self.active_speaker.voice(now_s, frame.probability)
        changed = self._apply(
            self.turns.push(frame.start_sample, frame.probability), scheduler, now_s, next_id
        )
        heard = frame.start_sample + FRAME_SAMPLES
        for record in self.records.values():
            self._order_blocks(record, heard, heard, scheduler, now_s)
            if record.end_sample is None:
                self._order_partial(record, heard, scheduler, now_s)
                self._order_early(record, heard, scheduler, now_s)
        return changed

    def interrupt(
        self, t0_s: float, t1_s: float, scheduler: Scheduler, next_id: int
    ) -> list[UtteranceRecord]:
        """The stream has nothing between two times."""
        start, end = round(t0_s * SAMPLE_RATE), round(t1_s * SAMPLE_RATE)
        return self._end_now(self.turns.gap(start, end), start, scheduler, t0_s, next_id)

    def finish(self, t_s: float, scheduler: Scheduler, next_id: int) -> list[UtteranceRecord]:
        """The stream is over."""
        end = round(t_s * SAMPLE_RATE)
        return self._end_now(self.turns.flush(end), end, scheduler, t_s, next_id)

    def speaker(self, record: UtteranceRecord, now_s: float) -> str:
        """Who speaks, by what is known now."""
        if self.info.person is not None:
            return self.info.person
        return self.active_speaker.decide(record.t0_s, record.t1_s(now_s)).person

    # -- decisions ------------------------------------------------------------------------------------

    def _end_now(
        self, events: list[TurnEvent], heard: int, scheduler: Scheduler, now_s: float, next_id: int
    ) -> list[UtteranceRecord]:
        changed = self._apply(events, scheduler, now_s, next_id)
        for record in self.records.values():  # no further sample will complete the last block
            if record.end_sample is not None:
                self._order_blocks(record, record.end_sample + self.blocks.block, heard, scheduler, now_s)
        return changed

    def _apply(
        self, events: list[TurnEvent], scheduler: Scheduler, now_s: float, next_id: int
    ) -> list[UtteranceRecord]:
        changed = []
        for event in events:
            if isinstance(event, TurnStarted):
                changed.append(self._open(event, f"u{next_id}"))
                next_id += 1
            else:
                changed.append(self._close(event, scheduler, now_s))
        return changed

    def _open(self, turn: TurnStarted, name: str) -> UtteranceRecord:
        decided_s = turn.decided_sample / SAMPLE_RATE
        record = UtteranceRecord(
            name, self.info.name, turn.start_sample, self.info.person or UNKNOWN_PERSON, decided_s
        )
        record.next_block = turn.start_sample // self.blocks.block
        record.heard_sample = turn.start_sample + round(
            (self.config.transcript.first_partial_s - self.config.transcript.partial_every_s) * SAMPLE_RATE
        )
        self.records[turn.utterance] = record
        return record

    def _close(self, turn: TurnEnded, scheduler: Scheduler, now_s: float) -> UtteranceRecord:
        record = self.records[turn.utterance]
        record.end_sample = turn.end_sample
        record.ended_by = turn.ended_by
        record.voice_s = turn.decided_sample / SAMPLE_RATE
        record.audio = [between(run, record.t0_s, record.t1_s(now_s)) for run in record.audio]
        self._order_final(record, turn.end_sample, scheduler, now_s)
        return record

    # -- orders ---------------------------------------------------------------------------------------

    def _order_final(self, record: UtteranceRecord, end: int, scheduler: Scheduler, now_s: float) -> None:
        """Ask for the last words, unless they were asked for already or are left out under load."""
        if record.early_end == end and record.early_words is not None:
            return
        if record.early_end == end and record.early is not None:
            record.final_order = record.early
        elif scheduler.budget.text:
            record.final_order = self._transcribe(record, end, scheduler, now_s, final=True)
        if record.final_order is not None:
            record.awaiting.add(record.final_order)

    def _order_early(self, record: UtteranceRecord, heard: int, scheduler: Scheduler, now_s: float) -> None:
        """Ask for the final words as soon as all that they can hold was heard: the pause still goes on."""
        turns = self.turns.state
        if (
            not self.config.transcript.early_final
            or not scheduler.budget.partials
            or record.early is not None
        ):
            return
        end = turns.speech_end + round(self.config.voice.pad_s * SAMPLE_RATE)
        paused = heard >= max(end, turns.speech_end + _LEAST_PAUSE)
        if turns.turn_start == record.start_sample and paused and end != record.early_end:
            record.early_end, record.early_words = end, None
            record.early = self._transcribe(record, end, scheduler, now_s, final=True)

    def _order_partial(self, record: UtteranceRecord, now: int, scheduler: Scheduler, now_s: float) -> None:
        wait = round(self.config.transcript.partial_every_s * SAMPLE_RATE)
        if not self.config.transcript.partials or not scheduler.budget.partials:
            return
        if record.partial is not None or record.early is not None:
            return
        if now - record.heard_sample >= wait:
            record.heard_sample = now
            record.partial = self._transcribe(record, now, scheduler, now_s, final=False)

    def _transcribe(
        self, record: UtteranceRecord, end: int, scheduler: Scheduler, now_s: float, *, final: bool
    ) -> int:
        samples = self.buffer.read(record.start_sample, end)
        order = Transcribe(record.id, record.start_sample, samples, final, scheduler.budget.small_whisper)
        return scheduler.submit("transcribe", order, now_s)

    def _order_blocks(
        self, record: UtteranceRecord, until: int, heard: int, scheduler: Scheduler, now_s: float
    ) -> None:
        """Order every whole block up to `until` that holds some of the utterance and is not yet ordered.

        What lies beyond `heard` is zeros, even if it was delivered ahead of its time.
        """
        block = self.blocks.block
        if not scheduler.budget.voices:  # nothing will come that a final estimate would have to wait for
            record.next_block = -(-(record.end_sample or 0) // block)
            return
        while (record.next_block + 1) * block <= until:
            start = record.next_block * block
            if record.end_sample is not None and start >= record.end_sample:
                return
            record.next_block += 1
            begin = max(0, start - self.blocks.context)
            samples = self.buffer.read(begin, start + block)
            samples[max(0, heard - begin) :] = 0.0
            order = scheduler.submit("encode_audio", EncodeAudio(begin, samples, block), now_s)
            record.awaiting.add(order)

    def is_over(self, record: UtteranceRecord) -> bool:
        """Whether the utterance has ended."""
        return record.end_sample is not None

    def complete(self, record: UtteranceRecord) -> bool:
        """Whether everything that the final estimate needs has been ordered and has come back."""
        if record.end_sample is None or not record.final_transcript or record.awaiting:
            return False
        return record.next_block * self.blocks.block >= record.end_sample

    def forget(self, record: UtteranceRecord) -> None:
        """Drop an utterance that is done."""
        for turn in [name for name, kept in self.records.items() if kept is record]:
            del self.records[turn]
