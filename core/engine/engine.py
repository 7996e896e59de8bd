"""The sans-I/O engine: timed inputs in, events and work orders out.

    engine.push(input) -> list[Event | Work]

The engine decides, workers compute, a session carries. It knows no clock, thread, file or socket, and no
randomness: in a deterministic run the events depend on the recording, the configuration and the checkpoint
alone, however the input was chunked or interleaved and however long the workers took.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Final, Literal

import numpy as np

from core.config import EngineConfig
from core.encoders.silero import FRAME_SAMPLES
from core.engine.estimation import KEEP_S, emit_rolling, handle_result, idle, person_left, request_final
from core.engine.estimator import Estimator
from core.engine.input_checks import Input, check_input, fitting
from core.engine.load_shedding import MEANING, ComputeBudget, LoadShedder, LoadStep, QueueAges, load_steps
from core.engine.scheduler import EstimationOwner, Scheduler, SpeechOwner, VisionOwner, VoiceOwner
from core.engine.speakers import relabel, stream_voices
from core.engine.speech import AudioBlocks, SpeechStream
from core.engine.state import EngineState
from core.engine.timeline import (
    NEVER,
    EndItem,
    GapItem,
    HopItem,
    Item,
    Rank,
    ResultItem,
    Timeline,
    VadItem,
    microseconds,
)
from core.engine.utterance import Utterance, overlapped
from core.engine.vision import VisionStream, vision_streams
from core.engine.windows import FaceTokens, cut, span_runs
from core.events import Event, Status, StreamInfo
from core.inputs import (
    SAMPLE_RATE,
    AudioChunk,
    ClockState,
    DeviceState,
    EndOfStream,
    Gap,
    Tick,
    VideoFrame,
)
from core.labels import UNKNOWN_PERSON
from core.policy import Policy, settled
from core.spec import ModelSpec
from core.stages.baseline import BaselineConfig, Baselines
from core.stages.diarization import SpeakerHead
from core.stages.vad import Vad, VadNetwork
from core.window import Tokens, Window
from core.work import Faces, Failed, Outcome, VisualTokens, Work, WorkResult

Output = Event | Work

__all__ = ["Engine", "Input", "Output"]

_STALL_US: Final = 60_000_000
"""A live run that is behind by more than this leaves out the hops in between: nobody waits for them."""


class Engine:
    """The whole pipeline between a source and its sinks, as a function of its inputs.

    Args:
        config: behaviour of the stages.
        spec: the checkpoint's specification.
        network: gives the speech probability of a frame. It remembers nothing, so engines may share it.
        streams: the source's streams.
        vad: makes the VAD stage of each audio stream; by default `Vad(network)`. Pass your own where speech
            is known by other means: training bounds it to a labelled span.
        smaller_whisper: the run has a smaller recogniser to fall back to under load.
        speakers: embeds what the speaker network computes; None = voices are not told apart.
    """

    def __init__(
        self,
        config: EngineConfig,
        spec: ModelSpec,
        network: VadNetwork,
        streams: tuple[StreamInfo, ...],
        *,
        vad: Callable[[StreamInfo], Vad] | None = None,
        smaller_whisper: bool = False,
        speakers: SpeakerHead | None = None,
    ) -> None:
        options = spec.encoders["audio"].options
        blocks = AudioBlocks(
            round(options["block_s"] * SAMPLE_RATE), round(options["context_s"] * SAMPLE_RATE)
        )
        languages = spec.encoders["text"].languages
        timeline = Timeline(config.deterministic, {stream.name: -1 for stream in streams})
        scheduler = Scheduler(config, timeline)
        voices = stream_voices(streams, config, scheduler.policy, speakers)
        self.state = EngineState(
            config=config,
            timeline=timeline,
            scheduler=scheduler,
            speech={
                s.name: SpeechStream.create(
                    s, config, blocks, vad(s) if vad else Vad(network), languages, voices.get(s.name)
                )
                for s in streams
                if s.kind == "audio"
            },
            vision=vision_streams(streams, config),
            estimator=Estimator.create(
                config.estimates, spec.labels, spec.calibration.thresholds, spec.calibration.abstain_below
            ),
            faces=FaceTokens(KEEP_S),
            load=LoadShedder(
                config.load, load_steps(streams, config, scheduler.policy, smaller_whisper=smaller_whisper)
            ),
            baselines=Baselines(BaselineConfig.of(options)),
        )
        self._schedule_hop()

    # -- the four verbs -------------------------------------------------------------------------------

    def push(self, item: Input) -> list[Output]:
        """Take one input in.

        Returns:
            What follows from it: events in order, and the orders to be computed.

        Raises:
            StreamGap: audio does not continue where it left off and no `Gap` said so.
            SourceError: a time is no time of this run, or the stream was not announced.
        """
        check_input(item, self.state.speech, self.state.vision)
        out: list[Output] = []
        match item:  # what is not of a stream's content is acted upon at once
            case QueueAges():
                out.extend(self._shed_load(item))
            case DeviceState() | ClockState():
                out.extend(self._device_status(item))
            case _:
                self._buffer_input(item)
        while (released := self.state.timeline.release()) is not None:
            events = self._process(released)
            self.state.conversation.observe(events)
            out.extend(events)
            out.extend(self.state.scheduler.collect())
        return out + (self.state.conversation.due(self.now_s, last=True) if self.finished else [])

    def snapshot(self) -> EngineState:
        """A copy of everything the engine remembers; the VAD's network is shared, as it remembers nothing."""
        return copy.deepcopy(self.state)

    def restore(self, state: EngineState) -> None:
        """Go on from a snapshot, which stays untouched.

        Raises:
            PolicyError: it is of a run for another purpose, and one of the two withholds something.
        """
        here, there = self.policy.purpose, state.scheduler.policy.purpose
        settled((here, there), there)
        settled((here, there), here)
        self.state = copy.deepcopy(state)

    def cut(self, t0_s: float, t1_s: float, *, person: str = UNKNOWN_PERSON) -> Window:
        """Cut one window out of what the engine has encoded so far, whoever spoke: training's window.

        Push the inputs and results up to a little after `t1_s` first (1.5 s are enough), or end the streams.
        The engine forgets what lies more than `KEEP_S` behind `now_s`.

        Args:
            t0_s, t1_s: stream time.
            person: whom the window is said to be about; it chooses no tokens.

        Returns:
            A window of tokens as they were encoded, without any baseline taken off: the words and voice of
            every utterance that overlaps the span, and the face that speaks in it, else the one that is seen
            most. A modality of which there is nothing is absent; all may be.

        Raises:
            ValueError: the span is empty, or begins before what the engine remembers.
        """
        if not t0_s < t1_s:
            raise ValueError(f"a window from {t0_s} s to {t1_s} s is empty")
        if t0_s < self.now_s - KEEP_S:
            raise ValueError(f"what lies before {self.now_s - KEEP_S:.2f} s is forgotten, not only {t0_s} s")
        state = self.state
        return cut(person, t0_s, t1_s, span_runs(list(state.utterances.values()), state.faces, t0_s, t1_s))

    @property
    def policy(self) -> Policy:
        """What is withheld in this run."""
        return self.state.scheduler.policy

    @property
    def finished(self) -> bool:
        """All streams have ended and every order was answered."""
        state = self.state
        return len(state.ended) == len(state.timeline.reached_us) and not state.timeline.outstanding

    @property
    def waiting(self) -> bool:
        """Stream time stands still until an outstanding order is answered."""
        return self.state.config.deterministic and self.state.timeline.outstanding > 0

    @property
    def backlog(self) -> int:
        """Inputs taken in but not acted upon yet."""
        return self.state.timeline.backlog

    @property
    def now_s(self) -> float:
        """Stream time up to which the engine has acted."""
        return self.state.now_s

    # -- inputs to items ------------------------------------------------------------------------------

    def _shed_load(self, measured: QueueAges) -> list[Event]:
        """Compute as much as the machine can."""
        load = self.state.load
        if not load.observe(measured):
            return []
        step = load.step
        self.state.scheduler.budget = ComputeBudget.of(step)
        level: Literal["info", "warning"] = "info" if step is LoadStep.FULL else "warning"
        return [Status(measured.t_s, "load_step", level, MEANING[step], value=step.label)]

    def _device_status(self, item: DeviceState | ClockState) -> list[Event]:
        devices = self.state.devices
        status = devices.change(item) if isinstance(item, DeviceState) else devices.clock(item)
        return [] if status is None else [status]

    def _buffer_input(self, item: Input) -> None:
        timeline = self.state.timeline
        match item:
            case AudioChunk():
                for frame in self.state.speech[item.stream].push(item):
                    end_us = microseconds((frame.start_sample + FRAME_SAMPLES) / SAMPLE_RATE)
                    timeline.deliver(end_us, Rank.AUDIO, VadItem(item.stream, frame), stream=item.stream)
                timeline.reach(item.stream, microseconds(item.end_sample / SAMPLE_RATE))
            case VideoFrame():
                if self.policy.allows("visual"):  # else it is not even kept
                    timeline.deliver(microseconds(item.t_s), Rank.VIDEO, item, stream=item.stream)
                timeline.reach(item.stream, microseconds(item.t_s))
            case Gap():
                if item.stream in self.state.speech:
                    self.state.speech[item.stream].vad.gap()
                gap = GapItem(item)
                timeline.deliver(microseconds(item.t0_s), Rank.GAP, gap, stream=item.stream)
                timeline.reach(item.stream, microseconds(item.t1_s))
            case Tick():
                for stream in timeline.reached_us:  # audio that ends just then may still come
                    timeline.reach(stream, microseconds(item.t_s) - 1)
            case EndOfStream():
                # a container's duration may be a little shorter than what it holds
                at_us = max(microseconds(item.t_s), timeline.reached_us[item.stream])
                timeline.deliver(at_us, Rank.END, EndItem(item.stream), stream=item.stream)
                timeline.reach(item.stream, NEVER)
            case WorkResult():
                timeline.arrive(item.id, self.policy.admitted(item.outcome), item.done_s)

    def _schedule_hop(self) -> None:
        """Park the next hop that can change anything: a gap of hours must not be walked through."""
        state, hop_s = self.state, self.state.config.estimates.hop_s
        state.hop += 1
        quiet_until_us = state.timeline.quiet_until_us
        stalled = not state.config.deterministic and quiet_until_us - state.timeline.now_us > _STALL_US
        if quiet_until_us < NEVER and (stalled or idle(state)):
            state.hop = max(state.hop, math.floor(quiet_until_us / 1e6 / hop_s))
        state.timeline.deliver(microseconds(state.hop * hop_s), Rank.HOP, HopItem(state.hop))

    # -- items to outputs -----------------------------------------------------------------------------

    def _process(self, item: Item) -> list[Event]:
        state = self.state
        match item:
            case VadItem(stream, frame):
                changed = state.speech[stream].process(frame, state.scheduler, state.opened + 1)
                events = relabel(state.speech[stream].voices, state.utterances.values(), self.now_s)
                return events + self._emit_utterances(state.speech[stream], changed)
            case VideoFrame():
                state.vision[item.stream].process(item, state.scheduler)
                return []
            case ResultItem(work_id, outcome, done_s):
                return self._handle_result(work_id, outcome, state.now_s if done_s is None else done_s)
            case GapItem(gap):
                return self._interrupt(gap)
            case HopItem():
                return self._hop()
            case EndItem(stream):
                return self._end(stream)

    def _handle_result(self, work_id: int, outcome: Outcome, stamp_s: float) -> list[Event]:
        """Give a result to whose job it was."""
        state, events = self.state, list[Event]()
        kind, owner = state.scheduler.release(work_id)
        outcome = fitting(kind, outcome, len(owner.requests) if isinstance(owner, EstimationOwner) else None)
        if isinstance(outcome, Failed):
            said = state.faults.admit(outcome.reason.partition(":")[0], outcome.reason, state.now_s)
            if said is not None:
                events.append(Status(state.now_s, "model_fault", "error", said))
        match owner:
            case SpeechOwner(stream, utterance):
                events += state.speech[stream].handle_result(
                    utterance, work_id, outcome, state.scheduler, state.now_s, stamp_s
                )
                events += request_final(state, stream)
            case VoiceOwner(stream):
                if (voices := state.speech[stream].voices) is not None:
                    voices.handle_result(work_id, outcome)
            case VisionOwner(stream, size):
                events += self._handle_vision(state.vision[stream], outcome, size)
            case EstimationOwner(requests):
                events += handle_result(state, requests, outcome, stamp_s)
        return events

    def _handle_vision(self, vision: VisionStream, outcome: Outcome, size: tuple[int, int]) -> list[Event]:
        state = self.state
        if isinstance(outcome, VisualTokens):
            for track, token in zip(outcome.tracks, outcome.tokens, strict=True):
                state.faces.push(track, Tokens(token[None], np.asarray([outcome.t_s], np.float32)))
        if not isinstance(outcome, Faces):
            return []
        update = vision.handle_faces(outcome, size, state.scheduler, state.now_s)
        if vision.info.person is None:  # else nobody asks whose mouth it is
            for speech in state.speech.values():
                for track, face in update.assigned:
                    if face.mouth_motion is not None:
                        speech.active_speaker.mouth(outcome.t_s, track, face.mouth_motion)
        events: list[Event] = []
        if outcome.scene_change:
            events.append(Status(outcome.t_s, "scene_change", "info", "the picture changed to another scene"))
        for person in update.appeared:
            message = f"{person} came into view"
            events.append(Status(outcome.t_s, "person_appeared", "info", message, person=person))
        return events + [person_left(state, person, outcome.t_s) for person in update.left]

    def _emit_utterances(self, speech: SpeechStream, changed: list[Utterance]) -> list[Event]:
        """Say which utterances of a stream opened or ended, and what follows from it."""
        state, events = self.state, list[Event]()
        for utterance in changed:
            if utterance.id not in state.utterances:
                state.opened += 1
                state.utterances[utterance.id] = utterance
            utterance.person = speech.identify(utterance, self.now_s)
            utterance.overlap = overlapped(utterance, state.utterances.values(), self.now_s)
            events.append(utterance.event(self.now_s))
            events += speech.transcription.finalize_transcript(utterance, state.scheduler, self.now_s)
            events += request_final(state, speech.info.name)
        return events

    def _hop(self) -> list[Event]:
        if len(self.state.ended) == len(self.state.timeline.reached_us):
            return []
        events = emit_rolling(self.state) + self.state.conversation.due(self.now_s)
        self._schedule_hop()
        return events

    def _interrupt(self, gap: Gap) -> list[Event]:
        state = self.state
        status = state.devices.hole(gap)
        events: list[Event] = [] if status is None else [status]
        if gap.stream in state.vision:
            state.vision[gap.stream].interrupt(gap.t0_s, still=gap.still)
            return events
        speech = state.speech[gap.stream]
        return events + self._emit_utterances(
            speech, speech.interrupt(gap.t0_s, gap.t1_s, state.scheduler, state.opened + 1)
        )

    def _end(self, stream: str) -> list[Event]:
        state = self.state
        state.ended.add(stream)
        if len(state.ended) == len(state.timeline.reached_us):
            state.timeline.cancel_hops()
        if stream in state.vision:
            state.vision[stream].interrupt(self.now_s)
            return []
        speech = state.speech[stream]
        return self._emit_utterances(speech, speech.finish(self.now_s, state.scheduler, state.opened + 1))
