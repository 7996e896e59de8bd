"""One utterance from its first frame of speech to its final estimate: its states, and what is known of it.

    OPEN --end--> ENDED --request_estimate--> REQUESTED --finish--> DONE

OPEN: the speaker goes on. ENDED: its extent is settled; words and tokens of it may still come. REQUESTED: all
of them came, and the final estimate was asked for. DONE: the final estimate is out. An utterance of which
nothing can be computed is finished from REQUESTED, too: its estimate abstains.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from core.events import Utterance as UtteranceEvent
from core.inputs import SAMPLE_RATE
from core.stages.endpointing import EndedBy, TurnEnded
from core.window import Tokens
from core.work import Hypothesis


class UtteranceState(Enum):
    """Where an utterance is on its way; see the module's docstring."""

    OPEN = "open"
    ENDED = "ended"
    REQUESTED = "requested"
    DONE = "done"


_OVERLAP_S: Final = 0.5
"""Turns are padded by .2 s on each side: what overlaps by less may just follow each other."""


@dataclass(slots=True)
class TranscriptionJobs:
    """Which transcriptions of one utterance were asked for. Written by `core.engine.transcription` alone.

    Attributes:
        partial_sample: speech up to here was part of a partial job.
        partial: id of the partial job that is outstanding.
        early: id of the outstanding job for final words that was submitted while the speaker paused.
        early_end_sample: where the audio of the newest such job ends.
        early_hypothesis: what it gave, if it has.
        final: id of the final job.
        text: id of the newest job for text tokens; what an older one gives is out of date.
        encoded: the words whose tokens were asked for last.
        revision: of the next transcript.
        settled: the final transcript is out.
        language_probability: of the newest words; None when their language was given.
        rejected: why the newest hypothesis has no words; "" when it has.
        unusable: why the words are not encoded, "" when they are.
    """

    partial_sample: int = 0
    partial: int | None = None
    early: int | None = None
    early_end_sample: int = 0
    early_hypothesis: Hypothesis | None = None
    final: int | None = None
    text: int | None = None
    encoded: tuple[str, ...] = ()
    revision: int = 0
    settled: bool = False
    language_probability: float | None = None
    rejected: str = ""
    unusable: str = ""


@dataclass(slots=True)
class Utterance:
    """One utterance of one stream.

    Attributes:
        id, stream, start_sample: as the public event has them.
        person: who speaks as far as known.
        voice_s: stream time of the newest decision about its extent.
        state: where it is on its way.
        end_sample, ended_by: None while open.
        text: tokens of its words, stream times; None while there are none.
        audio: runs of audio tokens, stream times.
        words_s, encoded_s: stream times at which the newest words and the newest tokens came.
        jobs: transcriptions asked for.
        next_block: index of the audio block to be encoded next.
        awaiting: jobs whose results the final estimate waits for.
        estimate_revision: of the next estimate.
        overlap: somebody else speaks on another stream at the same time.
    """

    id: str
    stream: str
    start_sample: int
    person: str
    voice_s: float
    state: UtteranceState = UtteranceState.OPEN
    end_sample: int | None = None
    ended_by: EndedBy | None = None
    text: Tokens | None = None
    audio: list[Tokens] = field(default_factory=list)
    words_s: float | None = None
    encoded_s: float | None = None
    jobs: TranscriptionJobs = field(default_factory=TranscriptionJobs)
    next_block: int = 0
    awaiting: set[int] = field(default_factory=set)
    estimate_revision: int = 0
    overlap: bool = False

    # -- transitions ----------------------------------------------------------------------------------

    def end(self, turn: TurnEnded) -> None:
        """The speaker paused, or speech was cut off: the extent is settled."""
        self._enter(UtteranceState.ENDED, UtteranceState.OPEN)
        self.end_sample, self.ended_by = turn.end_sample, turn.ended_by
        self.voice_s = turn.decided_sample / SAMPLE_RATE

    def request_estimate(self) -> None:
        """The final estimate was asked for."""
        self._enter(UtteranceState.REQUESTED, UtteranceState.ENDED)

    def finish(self) -> None:
        """The final estimate is out."""
        self._enter(UtteranceState.DONE, UtteranceState.REQUESTED)

    def _enter(self, state: UtteranceState, before: UtteranceState) -> None:
        if self.state is not before:
            raise RuntimeError(f"{self.id} is {self.state.value} and cannot become {state.value}")
        self.state = state

    # -- what is known --------------------------------------------------------------------------------

    @property
    def open(self) -> bool:
        """Whether the speaker goes on."""
        return self.state is UtteranceState.OPEN

    @property
    def done(self) -> bool:
        """Whether the final estimate is out."""
        return self.state is UtteranceState.DONE

    @property
    def complete(self) -> bool:
        """Whether it has ended and all its words and tokens that were asked for came."""
        return self.state is UtteranceState.ENDED and self.jobs.settled and not self.awaiting

    @property
    def t0_s(self) -> float:
        """Start in stream seconds, padding included."""
        return self.start_sample / SAMPLE_RATE

    def t1_s(self, now_s: float) -> float:
        """End in stream seconds; an open utterance reaches until `now_s`."""
        return now_s if self.end_sample is None else self.end_sample / SAMPLE_RATE

    def event(self, now_s: float) -> UtteranceEvent:
        """The public form of what is known at `now_s`."""
        return UtteranceEvent(
            id=self.id,
            person=self.person,
            t0_s=self.t0_s,
            t1_s=self.t1_s(now_s),
            ended_by=self.ended_by,
            final=not self.open,
            overlap=self.overlap,
        )


def overlapped(utterance: Utterance, others: Iterable[Utterance], now_s: float) -> bool:
    """Whether somebody else speaks on another stream for a good part of a second meanwhile."""
    return any(
        other.stream != utterance.stream
        and other.person != utterance.person
        and min(other.t1_s(now_s), utterance.t1_s(now_s)) - max(other.t0_s, utterance.t0_s) > _OVERLAP_S
        for other in others
    )
