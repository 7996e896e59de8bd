"""What is known of each utterance while it is open and until its final estimate is out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from core.inputs import SAMPLE_RATE
from core.window import Tokens
from core.work import Hypothesis

EndedBy = Literal["pause", "max_length", "gap", "end"]


@dataclass(slots=True)
class UtteranceRecord:
    """One utterance in the making.

    Attributes:
        id, stream, start_sample: as the public event has them.
        end_sample: None while open.
        person: who speaks as far as known.
        voice_s: stream time of the newest voice decision about it.
        words: words of its newest hypothesis, committed and pending.
        words_s: stream time at which that hypothesis was taken in.
        text, audio: its tokens, stream times.
        encoded_s: stream time at which the newest tokens were taken in.
        next_block: index of the audio block to be encoded next.
        heard_sample: speech up to here was part of a partial order.
        partial: id of the partial order under way.
        text_order: id of the newest text order; what an older one gives is out of date.
        final_order: id of the final transcription order.
        early: id of the newest order for final words that was given while the speaker paused.
        early_end: sample up to which that order hears.
        early_words: what it gave, if it has.
        awaiting: orders whose results the final estimate waits for.
        transcript_revision, estimate_revision: of the next message.
        final_transcript: its last transcript is out.
        asked_final: its final estimate has been asked for.
        done: its final estimate is out, or can never be.
    """

    id: str
    stream: str
    start_sample: int
    person: str
    voice_s: float
    end_sample: int | None = None
    ended_by: EndedBy | None = None
    words: tuple[str, ...] = ()
    words_s: float | None = None
    text: Tokens | None = None
    audio: list[Tokens] = field(default_factory=list)
    encoded_s: float | None = None
    next_block: int = 0
    heard_sample: int = 0
    partial: int | None = None
    text_order: int | None = None
    final_order: int | None = None
    early: int | None = None
    early_end: int = 0
    early_words: Hypothesis | None = None
    awaiting: set[int] = field(default_factory=set)
    final_transcript: bool = False
    transcript_revision: int = 0
    estimate_revision: int = 0
    asked_final: bool = False
    done: bool = False

    @property
    def t0_s(self) -> float:
        """Start in stream seconds."""
        return self.start_sample / SAMPLE_RATE

    def t1_s(self, now_s: float) -> float:
        """End in stream seconds; an open utterance reaches until now."""
        return now_s if self.end_sample is None else self.end_sample / SAMPLE_RATE
