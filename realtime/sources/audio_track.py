"""A device's sound as one stream: contiguous samples on stream time, every hole announced.

What comes in is what a device's thread tells (`device_items`) and the time; what goes out are inputs. No
thread, no clock: `take` what came, `poll` with the time, `finish` once.

A block's place follows from the device's count of samples and the model of its clock, not from when it
happened to arrive. When blocks come much too late, two things may have happened: the machine was busy and
nothing is missing (the delay shrinks again), or samples are lost (the delay stays). A device may say that a
block has waited for us. Where that does not explain the delay, blocks are held back until it is clear, at
most `_DOUBT_S`.

States and what leads from one to the next:

    Closed     --Opened-->                  Anchoring
    Anchoring  --enough blocks-->           Steady      a model of the clock is made of their arrivals
    Steady     --a block much too late-->   Doubting    it is held back, and so is what follows
    Doubting   --in time again-->           Steady      nothing is missing: all goes to its place
    Doubting   --late for too long-->       Steady      samples are lost: a hole, and a new model
    Steady, Doubting  --far beside its place-->         Anchoring   the model was wrong
    Steady, Doubting  --no data, or slept-->            Doubting    without a segment: a hole follows
    all        --Lost-->                    Closed
"""

from __future__ import annotations

from typing import Final

import numpy as np

from core.inputs import SAMPLE_RATE, AudioChunk, ClockState, EndOfStream, Gap, Samples, SourceInput
from realtime.sources.audio_segment import AudioSegment
from realtime.sources.audio_track_states import (
    ANCHOR_S,
    Anchoring,
    Closed,
    Doubting,
    OpenDevice,
    Steady,
    TrackState,
    piles_up,
)
from realtime.sources.clock_model import ClockModel
from realtime.sources.device_items import REASONS, AudioBlock, DeviceItem, Lost, Opened
from realtime.sources.device_status import DeviceStatus

MARGIN_S: Final = 0.25
"""While a device is lost its stream follows the time at this distance, so that what comes back fits in."""

_DOUBT_S: Final = 0.3
_LATE_S: Final = 0.12
_IN_TIME_S: Final = 0.06
_ASTRAY_S: Final = 0.25
"""So far beside its place sound is not steered back but put where it belongs."""

_PILE_S: Final = 3.0
"""So long a pile of old sound may take to come; while it does nobody knows where it belongs."""

_PIECE_S: Final = 0.2
_SILENT_AFTER_S: Final = 0.3
_CLOCK_EVERY_S: Final = 5.0


class AudioTrack:
    """One stream of sound.

    Args:
        stream: name of the stream.
        device: what the device is called before it was opened.
        missing_after_s: so long without data, or with nothing but zeros, until the device counts as lost.
        zero_is_missing: whether digital silence means a fault (a microphone) or silence (a loopback).
        fills_silence: the device says nothing while nothing plays (WASAPI loopback): holes are silence.

    Attributes:
        counters: samples at 16 kHz that were lost in the ring, and that came too late for their place.
        behind_s: how long the newest block had waited before it was taken.
    """

    def __init__(
        self,
        stream: str,
        device: str,
        *,
        missing_after_s: float = 0.8,
        zero_is_missing: bool = False,
        fills_silence: bool = False,
    ) -> None:
        self._stream = stream
        self._status = DeviceStatus(stream, device)
        self._missing_after_s = missing_after_s
        self._zero_is_missing = zero_is_missing
        self._fills_silence = fills_silence
        self._state: TrackState = Closed()
        self._position = 0  # of the next sample, 16 kHz
        self._trim = 0
        self._heard_s = 0.0  # when the device last said anything
        self._hole = "starting"
        self._clock_told_s = 0.0
        self.counters = {"overflow_samples": 0, "late_samples": 0}
        self.behind_s = 0.0

    # -- what comes in --------------------------------------------------------------------------------

    def take(self, item: DeviceItem) -> list[SourceInput]:
        """Take in what the device's thread told."""
        match item:
            case Opened():
                return self._open(item)
            case Lost():
                out = self._interrupt(item.reason)
                self._state = Closed()
                return [*out, *self._status.lost(self._now_s, item.reason, item.detail)]
            case AudioBlock():
                return self._block(item)
            case _:
                return []

    def poll(self, now_s: float, *, slept: bool = False) -> list[SourceInput]:
        """Let time act; `slept` when the machine was not running since the last call."""
        out: list[SourceInput] = []
        quiet_s = now_s - self._heard_s
        is_open = not isinstance(self._state, Closed)
        if slept and is_open:
            out += self._interrupt("suspended")
            out += self._status.lost(self._now_s, "suspended")
        if is_open and self._fills_silence and not slept:
            return [*out, *self._fill(now_s)] if quiet_s > _SILENT_AFTER_S else out
        if is_open and quiet_s > self._missing_after_s:
            out += self._interrupt("no_data")
            out += self._status.lost(self._now_s, "no_data")
        if self._has_nothing and not self._status.present:
            out += self._status.lost(self._now_s, "starting") if not is_open else []
            out += self._follow(now_s)
        return out

    def finish(self, now_s: float) -> list[SourceInput]:
        """End the stream; what was captured is given first."""
        out = self._interrupt("starting")
        return [*out, EndOfStream(self._stream, self._now_s)]

    @property
    def _has_nothing(self) -> bool:
        """Whether no sound is held back, and none is under way."""
        match self._state:
            case Steady():
                return False
            case Doubting() as state:
                return state.segment is None and not state.held
            case Anchoring() as state:
                return not state.held
            case Closed():
                return True

    # -- transitions ----------------------------------------------------------------------------------

    def _open(self, opened: Opened) -> list[SourceInput]:
        out = self._interrupt(self._status.reason or "no_data")
        self._state = Anchoring(OpenDevice(opened))
        self._status.device = opened.device
        self._heard_s = opened.at_s
        return out

    def _block(self, block: AudioBlock) -> list[SourceInput]:
        state = self._state
        if isinstance(state, Closed):
            return []
        self._heard_s = block.at_s
        self.behind_s = 0.0 if isinstance(state, Anchoring) else state.device.explained_s(state.clock, block)
        out = self._note_zeros(state, block)
        if not isinstance(state, Anchoring) and state.segment is not None:
            lateness_s = state.device.lateness_s(state.clock, block)
            if abs(state.segment.error_s) > _ASTRAY_S or lateness_s < -_ASTRAY_S:
                # Nothing comes too early: what seems to was preceded by a pile of old sound.
                out += self._give(state.segment.flush())
                held = state.held if isinstance(state, Doubting) else []
                self._state = state = Anchoring(state.device, held)
                self._hole = "no_data"
            elif isinstance(state, Steady):
                if lateness_s - self.behind_s <= _LATE_S:
                    state.device.observe(state.clock, block)
                    return out + self._feed(state, block)
                self._state = state = Doubting(state.device, state.clock, state.segment)
        assert not isinstance(state, Steady), "a steady track has a segment"
        state.held.append(block)
        return out + self._settle(state)

    def _settle(self, state: Anchoring | Doubting) -> list[SourceInput]:
        """Decide about what is held back, if it can be decided; its last block has just come."""
        last = state.held[-1]
        waited_s = last.at_s - state.held[0].at_s
        limit_s, slope = ANCHOR_S, 0.0
        if isinstance(state, Doubting):
            limit_s, slope = _DOUBT_S, state.clock.fit.slope
            delay_s = state.device.lateness_s(state.clock, last) - self.behind_s
            if delay_s < _IN_TIME_S:
                return self._release(state, state.clock)
        if waited_s < limit_s or (piles_up(state) and waited_s < _PILE_S):
            return []
        # Where samples were lost the device's count lies elsewhere from here on, and runs as fast as before.
        return self._release(state, ClockModel(slope))

    def _release(self, state: Anchoring | Doubting, clock: ClockModel) -> list[SourceInput]:
        """Give what is held back, at the places that `clock` says; what follows continues it."""
        held, device = state.held, state.device
        for block in held:
            # What lies further back may be of a pile of old sound, whose arrivals say nothing of the time.
            if held[-1].at_s - block.at_s <= ANCHOR_S:
                device.observe(clock, block)
        out: list[SourceInput] = []
        segment = state.segment if isinstance(state, Doubting) else None
        if not (isinstance(state, Doubting) and clock is state.clock):
            out += self._give(segment.flush()) if segment is not None else []
            segment = None
            if self._status.present:
                self._hole = "no_data"
        if segment is None:
            segment, gap = self._start_segment(device, clock, held[0].first_frame)
            out += gap
        self._state = steady = Steady(device, clock, segment)
        for block in held:
            out += self._feed(steady, block)
        return out

    def _interrupt(self, reason: str) -> list[SourceInput]:
        """Nothing continues: give what was captured. `reason` explains the hole that follows."""
        out: list[SourceInput] = []
        state = self._state
        if isinstance(state, Anchoring | Doubting) and state.held:
            out += self._release(state, state.clock if isinstance(state, Doubting) else ClockModel())
            state = self._state
        if isinstance(state, Steady | Doubting) and state.segment is not None:
            out += self._give(state.segment.flush())
            self._state = Doubting(state.device, state.clock)
        self._hole, self.behind_s = reason, 0.0
        return out

    # -- sound to its place ---------------------------------------------------------------------------

    def _feed(self, state: Steady, block: AudioBlock) -> list[SourceInput]:
        out: list[SourceInput] = []
        device, fit = state.device, state.clock.fit
        if block.first_frame != device.next_frame:
            lost_s = (block.first_frame - device.next_frame) / device.opened.rate_hz
            self.counters["overflow_samples"] += round(lost_s * SAMPLE_RATE)
            out += self._give(state.segment.flush())
            self._hole = "overflow"
            state.segment, gap = self._start_segment(device, state.clock, block.first_frame)
            out += gap
        device.next_frame = block.first_frame + len(block.samples)
        out += self._give(state.segment.push(block.samples, device.end_s(block), fit))
        return out + self._clock_state(state)

    def _start_segment(
        self, device: OpenDevice, clock: ClockModel, first_frame: int
    ) -> tuple[AudioSegment, list[SourceInput]]:
        """A segment that begins with a frame, and the hole before it."""
        start_s = clock.fit.arrival_s(first_frame / device.opened.rate_hz)
        device.next_frame = first_frame
        start = round(start_s * SAMPLE_RATE)
        self._trim = max(0, self._position - start)
        out: list[SourceInput] = []
        if start > self._position:
            self._hole = self._status.reason or self._hole
            out += self._hole_until(start)
        if not self._status.present and (device.zeros_since_s is None or not self._zero_is_missing):
            out += self._status.back(self._now_s)
        return AudioSegment(start_s, device.opened.rate_hz), out

    def _give(self, samples: Samples) -> list[SourceInput]:
        cut, self._trim = min(self._trim, len(samples)), max(0, self._trim - len(samples))
        self.counters["late_samples"] += cut
        kept = samples[cut:]
        if not len(kept):
            return []
        chunk = AudioChunk(self._stream, self._position, kept)
        self._position = chunk.end_sample
        return [chunk]

    # -- time without data ----------------------------------------------------------------------------

    def _follow(self, now_s: float) -> list[SourceInput]:
        end = round((now_s - MARGIN_S) * SAMPLE_RATE)
        if end - self._position < _PIECE_S * SAMPLE_RATE:
            return []
        self._hole = self._status.reason or self._hole
        return self._hole_until(end)

    def _fill(self, now_s: float) -> list[SourceInput]:
        out = self._interrupt("no_data")
        end = round((now_s - _SILENT_AFTER_S) * SAMPLE_RATE)
        if end - self._position >= _PIECE_S * SAMPLE_RATE / 2:
            out += self._status.back(self._now_s)
            out += self._hole_until(end)
        return out

    def _hole_until(self, end: int) -> list[SourceInput]:
        if self._fills_silence and not isinstance(self._state, Closed):
            silence = AudioChunk(self._stream, self._position, np.zeros(end - self._position, np.float32))
            self._position = end
            return [silence]
        gap = Gap(self._stream, self._position / SAMPLE_RATE, end / SAMPLE_RATE, REASONS[self._hole])
        self._position = end
        return [gap]

    # -- states that are told -------------------------------------------------------------------------

    def _note_zeros(self, state: Anchoring | Steady | Doubting, block: AudioBlock) -> list[SourceInput]:
        if not self._zero_is_missing:
            return []
        device = state.device
        if block.samples.any():
            device.zeros_since_s = None
            under_way = not isinstance(state, Anchoring) and state.segment is not None
            return [*self._status.back(self._now_s)] if under_way else []
        if device.zeros_since_s is None:
            device.zeros_since_s = block.at_s
        if block.at_s - device.zeros_since_s < self._missing_after_s:
            return []
        return [*self._status.lost(self._now_s, "all_zero")]

    def _clock_state(self, state: Steady) -> list[SourceInput]:
        t_s = self._now_s
        if t_s - self._clock_told_s < _CLOCK_EVERY_S:
            return []
        self._clock_told_s = t_s
        fit = state.clock.fit
        unknown_s = 0.005 + state.device.opened.latency_s / 2
        drift_ppm = 0.0 - fit.slope * 1e6
        return [ClockState(self._stream, t_s, drift_ppm, -state.segment.error_s, fit.spread_s + unknown_s)]

    @property
    def _now_s(self) -> float:
        """How far the stream has come: a state concerns what follows."""
        return self._position / SAMPLE_RATE
