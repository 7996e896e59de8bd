"""Turns of speech from frame-wise speech probabilities.

A turn opens once there was enough speech in a row, ends after a pause, and is split at its quietest place
before it gets too long. The stage sees neither audio nor a clock: frames in, decisions out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from core.config import VoiceConfig
from core.encoders.silero import FRAME_SAMPLES
from core.errors import StreamGap
from core.inputs import SAMPLE_RATE

EndedBy = Literal["pause", "max_length", "gap", "end", "speaker"]

_SPLIT_SEARCH_S = 4.0
_SPLIT_SMOOTHING_FRAMES = 5


@dataclass(frozen=True, slots=True)
class TurnStarted:
    """A turn began at `start_sample`, padding included; the stream was heard up to `decided_sample`."""

    utterance: str
    start_sample: int
    decided_sample: int


@dataclass(frozen=True, slots=True)
class TurnEnded:
    """A turn is over: the samples from `start_sample` up to, but without, `end_sample`, padding included."""

    utterance: str
    start_sample: int
    end_sample: int
    decided_sample: int
    ended_by: EndedBy


TurnEvent = TurnStarted | TurnEnded


@dataclass(frozen=True, slots=True)
class EndpointerState:
    """All memory of an `Endpointer`. It is immutable: keep it and assign it to `Endpointer.state` to go back.

    Attributes:
        position: end of the last frame or gap, None before the first.
        floor: no turn begins before this sample: the start of the stream, a gap's end, the last turn's end.
        turns: how many were opened so far.
        turn_start: start of the open turn, None in between.
        speech_start: first frame of the speech going on, None during silence.
        speech_end: end of the last frame of speech.
        recent: speech probabilities of the turn's last frames, oldest first; the newest ends at `position`.
    """

    position: int | None = None
    floor: int = 0
    turns: int = 0
    turn_start: int | None = None
    speech_start: int | None = None
    speech_end: int = 0
    recent: tuple[float, ...] = ()


class Endpointer:
    """Finds the turns of one stream. The result depends on nothing but the frames and gaps put in."""

    def __init__(self, config: VoiceConfig, state: EndpointerState | None = None) -> None:
        self.state = state or EndpointerState()
        self._config = config
        self._min_speech = _samples(config.min_speech_s)
        self._end_pause = _samples(config.end_pause_s)
        self._pad = _samples(config.pad_s)
        self._max_turn = _samples(config.max_turn_s)
        self._search_frames = _samples(min(_SPLIT_SEARCH_S, config.max_turn_s / 2)) // FRAME_SAMPLES

    @property
    def settled_sample(self) -> int:
        """Sample up to which the open turn reaches for certain, whatever comes.

        It may end after the last frame of speech and the padding, or be split in the last seconds before it
        gets too long. 0 when no turn is open.
        """
        state = self.state
        if state.turn_start is None:
            return 0
        earliest_split = state.turn_start + self._max_turn - self._search_frames * FRAME_SAMPLES
        return min(state.speech_end + self._pad, earliest_split)

    def push(self, start_sample: int, probability: float) -> list[TurnEvent]:
        """Take in the next frame: 512 samples from `start_sample` on, and how likely they hold speech.

        A hole since the last frame counts as a gap.

        Raises:
            StreamGap: the frame begins before the end of the last one.
        """
        events: list[TurnEvent] = []
        position = self.state.position
        if position is None:
            self.state = replace(self.state, floor=max(0, start_sample))
        elif start_sample < position:
            raise StreamGap(
                f"a voice frame at sample {start_sample} comes after sample {position} was heard."
            )
        elif start_sample > position:
            events += self.gap(position, start_sample)
        end = start_sample + FRAME_SAMPLES
        if self.state.turn_start is not None and end - self.state.turn_start > self._max_turn:
            events += self._split()
        self._hear(start_sample, end, probability)
        events += self._open_or_close()
        return events

    def gap(self, start_sample: int, end_sample: int) -> list[TurnEvent]:
        """The stream has a hole: an open turn ends before it, speech that had just begun is dropped."""
        heard = max(start_sample, self.state.position or 0)
        events = self._close("gap", heard)
        after = max(end_sample, heard)
        self.state = replace(self.state, position=after, floor=after, speech_start=None, recent=())
        return events

    def flush(self, end_sample: int) -> list[TurnEvent]:
        """The stream is over at `end_sample`: an open turn ends there at the latest."""
        heard = max(end_sample, self.state.position or 0)
        events = self._close("end", heard)
        self.state = replace(self.state, position=heard, speech_start=None, recent=())
        return events

    def _hear(self, start: int, end: int, probability: float) -> None:
        """Bring `speech_start`, `speech_end` and `recent` up to date; decide nothing."""
        state = self.state
        going_on = state.turn_start is not None or state.speech_start is not None
        if probability >= (self._config.off if going_on else self._config.on):
            speech_start = start if state.speech_start is None else state.speech_start
            recent = (*state.recent, probability)[-self._search_frames :]
            self.state = replace(
                state, position=end, speech_start=speech_start, speech_end=end, recent=recent
            )
        elif state.turn_start is not None:
            recent = (*state.recent, probability)[-self._search_frames :]
            self.state = replace(state, position=end, speech_start=None, recent=recent)
        else:  # too short to be speech: a click
            self.state = replace(state, position=end, speech_start=None, recent=())

    def _open_or_close(self) -> list[TurnEvent]:
        state = self.state
        assert state.position is not None
        if state.turn_start is not None:
            paused = state.position - state.speech_end >= self._end_pause
            return self._close("pause", state.position) if paused else []
        if state.speech_start is None or state.position - state.speech_start < self._min_speech:
            return []
        start = max(state.speech_start - self._pad, state.floor, state.position - self._max_turn)
        return [self._open(start, state.position)]

    def _split(self) -> list[TurnEvent]:
        """End the open turn before it gets too long; the next begins at the very same sample.

        Where all speech lies before the quietest place, the turn just ends: what follows is a pause already.
        """
        state = self.state
        assert state.position is not None
        assert state.turn_start is not None
        cut = state.position - FRAME_SAMPLES * len(state.recent) + _quietest_sample(state.recent)
        if state.speech_end <= cut:
            return self._close("max_length", state.position)
        closed = TurnEnded(_id(state.turns), state.turn_start, cut, state.position, "max_length")
        frames_after = -(-(state.position - cut) // FRAME_SAMPLES)
        self.state = replace(state, recent=state.recent[-frames_after:])
        return [closed, self._open(cut, state.position)]

    def _open(self, start: int, decided: int) -> TurnStarted:
        self.state = replace(self.state, turns=self.state.turns + 1, turn_start=start)
        return TurnStarted(_id(self.state.turns), start, decided)

    def _close(self, ended_by: EndedBy, heard: int) -> list[TurnEvent]:
        state = self.state
        if state.turn_start is None:
            return []
        end = min(state.speech_end + self._pad, heard, state.turn_start + self._max_turn)
        self.state = replace(state, turn_start=None, floor=end, speech_start=None, recent=())
        return [TurnEnded(_id(state.turns), state.turn_start, end, heard, ended_by)]


def _quietest_sample(probabilities: tuple[float, ...]) -> int:
    """Offset of the middle of the frame with the least speech around it; of equals, the last."""
    padded = np.pad(np.asarray(probabilities), _SPLIT_SMOOTHING_FRAMES // 2, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, _SPLIT_SMOOTHING_FRAMES)
    smoothed = windows.mean(axis=1)
    last = len(smoothed) - 1 - int(np.argmin(smoothed[::-1]))
    return last * FRAME_SAMPLES + FRAME_SAMPLES // 2


def _samples(seconds: float) -> int:
    return round(seconds * SAMPLE_RATE)


def _id(turn: int) -> str:
    return f"u{turn}"
