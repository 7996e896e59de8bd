"""Words of one stream's utterances: when transcriptions are submitted, and what follows from their results.

A transcription always hears its utterance from the start. While the speaker goes on, partial ones are
submitted at intervals; as soon as the speaker pauses, an early one hears all that the final words can hold.
If the pause ends the utterance, the early one is the final one; else it counts as partial.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from core.config import TranscriptConfig, VoiceConfig
from core.engine.audio_buffer import AudioBuffer
from core.engine.scheduler import Scheduler, SpeechOwner
from core.engine.utterance import Utterance
from core.events import Event, Transcript, TranscriptWord
from core.inputs import SAMPLE_RATE
from core.spec import ENGLISH
from core.stages.transcript import TranscriptAssembler, TranscriptUpdate
from core.window import Tokens
from core.work import EncodeText, Hypothesis, Transcribe, Word

_DOUBTFUL: Final = 0.5
"""Words whose language is less certain may as well be in another one."""
_LEAST_PAUSE: Final = SAMPLE_RATE // 10
"""Shorter ones lie between any two syllables: nothing is submitted early in them."""


@dataclass(slots=True)
class Transcription:
    """The words of one audio stream.

    Attributes:
        config, voice: when to submit.
        languages: that the network of the words knows; words in any other are not encoded.
        transcripts: the commit rule's memory.
    """

    config: TranscriptConfig
    voice: VoiceConfig
    languages: tuple[str, ...] = ENGLISH
    transcripts: TranscriptAssembler = field(default_factory=TranscriptAssembler)

    # -- submitting -----------------------------------------------------------------------------------

    def begin(self, utterance: Utterance) -> None:
        """An utterance opened: its first partial transcription is due after `first_partial_s`."""
        ahead_s = self.config.first_partial_s - self.config.partial_every_s
        utterance.jobs.partial_sample = utterance.start_sample + round(ahead_s * SAMPLE_RATE)

    def advance(
        self,
        utterance: Utterance,
        speech_end: int,
        heard: int,
        audio: AudioBuffer,
        scheduler: Scheduler,
        now_s: float,
    ) -> None:
        """The stream of an open utterance was heard up to `heard`; submit what is due.

        Args:
            utterance: the stream's open one.
            speech_end: sample at which the last frame of speech ended.
            heard: sample up to which the stream was heard.
            audio: the stream's recent samples.
            scheduler: takes the jobs.
            now_s: stream time.
        """
        jobs = utterance.jobs
        if not scheduler.budget.partials:
            return
        wait = round(self.config.partial_every_s * SAMPLE_RATE)
        due = self.config.partials and heard - jobs.partial_sample >= wait
        if due and jobs.partial is None and jobs.early is None:
            jobs.partial_sample = heard
            jobs.partial = self._submit(utterance, heard, audio, scheduler, now_s, final=False)
        end = speech_end + round(self.voice.pad_s * SAMPLE_RATE)
        paused = heard >= max(end, speech_end + _LEAST_PAUSE)
        if self.config.early_final and jobs.early is None and paused and end != jobs.early_end_sample:
            jobs.early_end_sample, jobs.early_hypothesis = end, None
            jobs.early = self._submit(utterance, end, audio, scheduler, now_s, final=True)

    def request_final(
        self, utterance: Utterance, audio: AudioBuffer, scheduler: Scheduler, now_s: float
    ) -> None:
        """Submit the final transcription, unless the early one hears the same or words are left out."""
        jobs, end = utterance.jobs, utterance.end_sample
        assert end is not None, "only an utterance that has ended has final words"
        if jobs.early_end_sample == end and jobs.early_hypothesis is not None:
            return
        if jobs.early_end_sample == end and jobs.early is not None:
            jobs.final = jobs.early
        elif scheduler.budget.text:
            jobs.final = self._submit(utterance, end, audio, scheduler, now_s, final=True)
        if jobs.final is not None:
            utterance.awaiting.add(jobs.final)

    def _submit(
        self,
        utterance: Utterance,
        end: int,
        audio: AudioBuffer,
        scheduler: Scheduler,
        now_s: float,
        *,
        final: bool,
    ) -> int:
        samples = audio.read(utterance.start_sample, end)
        small = scheduler.budget.small_whisper
        payload = Transcribe(utterance.id, utterance.start_sample, samples, final, small)
        return scheduler.submit("transcribe", payload, now_s, SpeechOwner(utterance.stream, utterance))

    # -- results --------------------------------------------------------------------------------------

    def handle_hypothesis(
        self,
        utterance: Utterance,
        work_id: int,
        hypothesis: Hypothesis,
        settled_sample: int,
        scheduler: Scheduler,
        now_s: float,
        stamp_s: float,
    ) -> list[Event]:
        """Take recognised words in. What was submitted early is final only if the utterance ended there.

        Args:
            utterance: the words are of this one.
            work_id: the job's id.
            hypothesis: what was recognised.
            settled_sample: sample up to which an open utterance reaches for certain.
            scheduler: takes the jobs that follow.
            now_s: stream time.
            stamp_s: stream time at which the worker was done.
        """
        jobs = utterance.jobs
        if work_id == jobs.early and work_id != jobs.final:
            jobs.early_hypothesis = hypothesis
            hypothesis = replace(hypothesis, final=False)
        end = settled_sample if utterance.end_sample is None else utterance.end_sample
        return self._commit(utterance, hypothesis, end / SAMPLE_RATE, scheduler, now_s, stamp_s)

    def handle_text_tokens(self, utterance: Utterance, work_id: int, tokens: Tokens, stamp_s: float) -> None:
        """Take text tokens in, unless the words have changed since they were asked for."""
        if work_id == utterance.jobs.text:
            utterance.text, utterance.encoded_s = tokens, stamp_s

    def handle_failure(
        self, utterance: Utterance, work_id: int, scheduler: Scheduler, now_s: float, stamp_s: float
    ) -> list[Event]:
        """A transcription failed: if it was the final one, what was recognised so far becomes final."""
        if work_id != utterance.jobs.final:
            return []
        return self._finish(utterance, scheduler, now_s, stamp_s)

    def release(self, utterance: Utterance, work_id: int) -> None:
        """A job is no longer outstanding, whatever became of it."""
        jobs = utterance.jobs
        if jobs.partial == work_id:
            jobs.partial = None
        if jobs.early == work_id and jobs.final != work_id:
            jobs.early = None

    def finalize_transcript(self, utterance: Utterance, scheduler: Scheduler, now_s: float) -> list[Event]:
        """An utterance opened or ended: its final transcript is said if there is nothing to wait for."""
        jobs = utterance.jobs
        if jobs.early_hypothesis is not None and jobs.early_end_sample == utterance.end_sample:
            end_s = utterance.t1_s(now_s)
            return self._commit(utterance, jobs.early_hypothesis, end_s, scheduler, now_s, now_s)
        if jobs.final is None and not utterance.open:
            return self._finish(utterance, scheduler, now_s, now_s)
        return []

    def _finish(
        self, utterance: Utterance, scheduler: Scheduler, now_s: float, stamp_s: float
    ) -> list[Event]:
        update = self.transcripts.finish(utterance.id, utterance.t1_s(now_s))
        return self._emit(utterance, update, update.words, scheduler, now_s, stamp_s)

    def _commit(
        self,
        utterance: Utterance,
        hypothesis: Hypothesis,
        until_s: float,
        scheduler: Scheduler,
        now_s: float,
        stamp_s: float,
    ) -> list[Event]:
        if not utterance.jobs.settled:
            utterance.jobs.language_probability = hypothesis.language_probability
            utterance.jobs.rejected = hypothesis.rejected
        update = self.transcripts.push(hypothesis, until_s)
        words = update.words if update.final else hypothesis.words
        return self._emit(utterance, update, words, scheduler, now_s, stamp_s)

    def _emit(
        self,
        utterance: Utterance,
        update: TranscriptUpdate,
        words: tuple[Word, ...],
        scheduler: Scheduler,
        now_s: float,
        stamp_s: float,
    ) -> list[Event]:
        """Say the new state of a transcript and have its words encoded."""
        jobs = utterance.jobs
        if jobs.settled or not (update.changed or update.final):
            return []
        jobs.settled = update.final
        utterance.words_s = stamp_s
        texts = tuple(word.text for word in words)
        jobs.unusable = self._unusable(update.language, jobs.language_probability) if texts else ""
        if not texts or jobs.unusable:
            utterance.text, jobs.text, texts = None, None, ()
        elif texts != jobs.encoded:
            middles_s = tuple((word.t0_s + word.t1_s) / 2 for word in words)
            payload = EncodeText(utterance.id, texts, middles_s)
            owner = SpeechOwner(utterance.stream, utterance)
            jobs.text = scheduler.submit("encode_text", payload, now_s, owner)
            utterance.awaiting.add(jobs.text)
        jobs.encoded = texts
        jobs.revision += 1
        return [
            Transcript(
                utterance=utterance.id,
                person=utterance.person,
                t0_s=utterance.t0_s,
                t1_s=utterance.t1_s(now_s),
                text=" ".join(word.text for word in update.words),
                words=tuple(TranscriptWord(w.text, w.t0_s, w.t1_s, w.probability) for w in update.words),
                pending=update.pending,
                language=update.language,
                revision=jobs.revision - 1,
                final=update.final,
                language_probability=jobs.language_probability if update.language else None,
                rejected=(jobs.rejected or None) if not (update.words or update.pending) else None,
            )
        ]

    def _unusable(self, language: str, probability: float | None) -> str:
        """Why words of a language must not be encoded: a network that never met it would guess."""
        known = ", ".join(self.languages)
        if language not in self.languages:
            return f"language {language or 'unknown'}: the words' network knows {known}"
        if probability is not None and probability < _DOUBTFUL:
            return f"language unclear: the words' network knows {known}"
        return ""
