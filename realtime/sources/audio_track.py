"""A device's sound as one stream: contiguous samples on stream time, every hole announced.

What comes in is what a device's thread tells (`device_items`) and the time; what goes out are inputs. No
thread, no clock: `take` what came, `poll` with the time, `finish` once.

A block's place follows from the device's count of samples and the clock line, not from when it happened to
arrive. When blocks come much too late, two things may have happened: the machine was busy and nothing is
missing (the delay shrinks again), or samples are lost (the delay stays). A device may say that a block has
waited for us. Where that does not explain the delay, blocks are held back until it is clear, at most
`_DOUBT_S`.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from core.inputs import SAMPLE_RATE, AudioChunk, ClockState, EndOfStream, Gap, Samples, SourceInput
from realtime.sources.audio_segment import AudioSegment
from realtime.sources.clock_model import ClockModel
from realtime.sources.device_items import REASONS, AudioBlock, DeviceItem, Lost, Opened
from realtime.sources.device_status import DeviceStatus

MARGIN_S: Final = 0.25
"""While a device is lost its stream follows the time at this distance, so that what comes back fits in."""

_ANCHOR_S: Final = 0.2
_DOUBT_S: Final = 0.3
_LATE_S: Final = 0.12
_IN_TIME_S: Final = 0.06
_ASTRAY_S: Final = 0.25
"""So far beside its place sound is not steered back but put where it belongs."""

_WAITED_S: Final = 0.05
"""A block that has waited for so long says nothing of the time."""

_PILING: Final = 1.2
_JITTER_S: Final = 0.05
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
        self._position = 0  # of the next sample, 16 kHz
        self._opened: Opened | None = None
        self._clock_model: ClockModel | None = None
        self._segment: AudioSegment | None = None
        self._held: list[AudioBlock] = []
        self._next_frame = 0
        self._trim = 0
        self._heard_s = 0.0  # when the device last said anything
        self._zeros_since_s: float | None = None
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
                out = self._stop(item.reason)
                self._opened = None
                return [*out, *self._status.lost(self._now_s, item.reason, item.detail)]
            case AudioBlock():
                return self._block(item) if self._opened is not None else []
            case _:
                return []

    def poll(self, now_s: float, *, slept: bool = False) -> list[SourceInput]:
        """Let time act; `slept` when the machine was not running since the last call."""
        out: list[SourceInput] = []
        quiet_s = now_s - self._heard_s
        if slept and self._opened is not None:
            out += self._stop("suspended")
            out += self._status.lost(self._now_s, "suspended")
        if self._opened is not None and self._fills_silence and not slept:
            return [*out, *self._fill(now_s)] if quiet_s > _SILENT_AFTER_S else out
        if self._opened is not None and quiet_s > self._missing_after_s:
            out += self._stop("no_data")
            out += self._status.lost(self._now_s, "no_data")
        if self._segment is None and not self._held and not self._status.present:
            out += self._status.lost(self._now_s, "starting") if self._opened is None else []
            out += self._follow(now_s)
        return out

    def finish(self, now_s: float) -> list[SourceInput]:
        """End the stream; what was captured is given first."""
        out = self._stop("starting")
        return [*out, EndOfStream(self._stream, self._now_s)]

    # -- blocks to their place ------------------------------------------------------------------------

    def _open(self, opened: Opened) -> list[SourceInput]:
        out = self._stop(self._status.reason or "no_data")
        self._opened, self._clock_model = opened, None
        self._status.device = opened.device
        self._heard_s, self._next_frame, self._zeros_since_s = opened.at_s, 0, None
        return out

    def _block(self, block: AudioBlock) -> list[SourceInput]:
        self._heard_s = block.at_s
        self.behind_s = self._explained_s(block)
        out = self._note_zeros(block)
        if self._segment is not None and (
            abs(self._segment.error_s) > _ASTRAY_S or self._lateness_s(block) < -_ASTRAY_S
        ):
            # Nothing comes too early: what seems to was preceded by a pile of old sound, which came at once.
            out += self._end_segment()
            self._clock_model, self._hole = None, "no_data"
        if (
            self._clock_model is None
            or self._held
            or self._segment is None
            or self._lateness_s(block) - self.behind_s > _LATE_S
        ):
            self._held.append(block)
            return out + self._settle()
        self._add(self._clock_model, block)
        return out + self._feed(block)

    def _settle(self) -> list[SourceInput]:
        """Decide about what is held back, if it can be decided; its last block has just come."""
        last = self._held[-1]
        waited_s = last.at_s - self._held[0].at_s
        if self._clock_model is not None and self._lateness_s(last) - self.behind_s < _IN_TIME_S:
            return self._release(self._clock_model)
        if waited_s < (_ANCHOR_S if self._clock_model is None else _DOUBT_S):
            return []
        if self._piles_up() and waited_s < _PILE_S:
            return []
        return self._release(ClockModel() if self._clock_model is None else self._moved_clock_model())

    def _piles_up(self) -> bool:
        """Whether blocks come faster than they can be recorded: old ones, which say nothing of the time."""
        assert self._opened is not None
        last = self._held[-1]
        before = [block for block in self._held if last.at_s - block.at_s > _ANCHOR_S]
        first = before[-1] if before else self._held[0]
        recorded_s = (last.first_frame - first.first_frame) / self._opened.rate_hz
        return recorded_s > _PILING * (last.at_s - first.at_s) + _JITTER_S

    def _moved_clock_model(self) -> ClockModel:
        """Samples are lost: from here on the device's count lies elsewhere."""
        slope = self._clock_model.fit.slope if self._clock_model is not None else 0.0
        return ClockModel(slope)

    def _release(self, clock_model: ClockModel) -> list[SourceInput]:
        held, self._held = self._held, []
        moved = clock_model is not self._clock_model
        self._clock_model = clock_model
        for block in held:
            # What lies further back may be of a pile of old sound, whose arrivals say nothing of the time.
            if held[-1].at_s - block.at_s <= _ANCHOR_S:
                self._add(clock_model, block)
        out: list[SourceInput] = self._end_segment() if moved else []
        if moved and self._status.present:
            self._hole = "no_data"
        for block in held:
            out += self._feed(block)
        return out

    def _feed(self, block: AudioBlock) -> list[SourceInput]:
        assert self._opened is not None
        assert self._clock_model is not None
        out: list[SourceInput] = []
        rate_hz, fit = self._opened.rate_hz, self._clock_model.fit
        if self._segment is not None and block.first_frame != self._next_frame:
            lost_s = (block.first_frame - self._next_frame) / rate_hz
            self.counters["overflow_samples"] += round(lost_s * SAMPLE_RATE)
            out += self._end_segment()
            self._hole = "overflow"
        if self._segment is None:
            out += self._start_segment(fit.arrival_s(block.first_frame / rate_hz))
        self._next_frame = block.first_frame + len(block.samples)
        assert self._segment is not None
        out += self._give(self._segment.push(block.samples, self._next_frame / rate_hz, fit))
        return out + self._clock_state()

    # -- runs -----------------------------------------------------------------------------------------

    def _start_segment(self, start_s: float) -> list[SourceInput]:
        assert self._opened is not None
        self._segment = AudioSegment(start_s, self._opened.rate_hz)
        start = round(start_s * SAMPLE_RATE)
        self._trim = max(0, self._position - start)
        out: list[SourceInput] = []
        if start > self._position:
            self._hole = self._status.reason or self._hole
            out += self._hole_until(start)
        if not self._status.present and (self._zeros_since_s is None or not self._zero_is_missing):
            out += self._status.back(self._now_s)
        return out

    def _end_segment(self) -> list[SourceInput]:
        segment, self._segment = self._segment, None
        return self._give(segment.flush()) if segment is not None else []

    def _stop(self, reason: str) -> list[SourceInput]:
        """Nothing continues: give what was captured. `reason` explains the hole that follows."""
        out: list[SourceInput] = []
        if self._held and self._opened is not None:
            out += self._release(self._clock_model if self._clock_model is not None else ClockModel())
        out += self._end_segment()
        self._hole, self.behind_s = reason, 0.0
        return out

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
        out = self._stop("no_data")
        end = round((now_s - _SILENT_AFTER_S) * SAMPLE_RATE)
        if end - self._position >= _PIECE_S * SAMPLE_RATE / 2:
            out += self._status.back(self._now_s)
            out += self._hole_until(end)
        return out

    def _hole_until(self, end: int) -> list[SourceInput]:
        if self._fills_silence and self._opened is not None:
            silence = AudioChunk(self._stream, self._position, np.zeros(end - self._position, np.float32))
            self._position = end
            return [silence]
        gap = Gap(self._stream, self._position / SAMPLE_RATE, end / SAMPLE_RATE, REASONS[self._hole])
        self._position = end
        return [gap]

    # -- small things ---------------------------------------------------------------------------------

    def _note_zeros(self, block: AudioBlock) -> list[SourceInput]:
        if not self._zero_is_missing:
            return []
        if block.samples.any():
            self._zeros_since_s = None
            return [*self._status.back(self._now_s)] if self._segment is not None else []
        if self._zeros_since_s is None:
            self._zeros_since_s = block.at_s
        if block.at_s - self._zeros_since_s < self._missing_after_s:
            return []
        return [*self._status.lost(self._now_s, "all_zero")]

    def _clock_state(self) -> list[SourceInput]:
        t_s = self._now_s
        if t_s - self._clock_told_s < _CLOCK_EVERY_S:
            return []
        assert self._segment is not None
        assert self._clock_model is not None
        assert self._opened is not None
        self._clock_told_s = t_s
        fit = self._clock_model.fit
        unknown_s = 0.005 + self._opened.latency_s / 2
        drift_ppm = 0.0 - fit.slope * 1e6
        return [ClockState(self._stream, t_s, drift_ppm, -self._segment.error_s, fit.spread_s + unknown_s)]

    def _lateness_s(self, block: AudioBlock) -> float:
        assert self._opened is not None
        assert self._clock_model is not None
        end_s = (block.first_frame + len(block.samples)) / self._opened.rate_hz
        return block.at_s - self._opened.latency_s - self._clock_model.fit.arrival_s(end_s)

    def _explained_s(self, block: AudioBlock) -> float:
        """How much of a block's delay is this program's: as much as the device and the clock agree on."""
        if self._clock_model is None or not self._clock_model.known:
            return 0.0
        return min(block.waited_s, max(0.0, self._lateness_s(block)))

    def _add(self, clock_model: ClockModel, block: AudioBlock) -> None:
        assert self._opened is not None
        if self._explained_s(block) > _WAITED_S:
            return
        end_s = (block.first_frame + len(block.samples)) / self._opened.rate_hz
        clock_model.add(end_s, block.at_s - self._opened.latency_s)

    @property
    def _now_s(self) -> float:
        """How far the stream has come: a state concerns what follows."""
        return self._position / SAMPLE_RATE
