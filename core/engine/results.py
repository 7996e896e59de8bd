"""What follows from the result of a work order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from core.engine.estimation import abstain, person_left, request_final
from core.engine.estimator import EstimateRequest
from core.engine.speech import SpeechBranch
from core.engine.state import EngineState
from core.engine.utterance import UtteranceRecord
from core.engine.vision import VisionBranch
from core.engine.windows import between
from core.events import Event, Status, Transcript, TranscriptWord
from core.inputs import SAMPLE_RATE
from core.stages.transcript import TranscriptUpdate
from core.window import Tokens
from core.work import (
    AudioTokens,
    EncodeText,
    Faces,
    Failed,
    Fused,
    Hypothesis,
    Outcome,
    TextTokens,
    VisualTokens,
    Word,
)


def handle_result(
    state: EngineState, work_id: int, outcome: Outcome, done_s: float | None = None
) -> list[Event]:
    """Act upon one result; an utterance for which it was the last one gets its final estimate.

    Args:
        state: the engine's.
        work_id: of which order.
        outcome: what came of it.
        done_s: stream time at which the worker was done; by default, now.
    """
    stamp_s = state.now_s if done_s is None else done_s
    record = _utterance_of(state, work_id)
    vision = next((branch for branch in state.vision.values() if branch.resolve(work_id)), None)
    events: list[Event] = []
    match outcome:
        case Failed(reason):
            events = _handle_failure(state, work_id, record, reason, stamp_s)
        case Hypothesis() if record is not None:
            events = _apply_hypothesis(state, record, work_id, outcome, stamp_s)
        case Faces() if vision is not None:
            events = _update_faces(state, vision, outcome)
        case VisualTokens():
            for track, token in zip(outcome.tracks, outcome.tokens, strict=True):
                state.faces.push(track, Tokens(token[None], np.asarray([outcome.t_s], np.float32)))
        case AudioTokens() if record is not None:
            record.audio.append(_within(outcome.tokens, record, state.now_s))
            record.encoded_s = stamp_s
        case TextTokens() if record is not None and record.text_order == work_id:
            record.text = outcome.tokens
            record.encoded_s = stamp_s
        case Fused():
            events = _emit_estimates(state, work_id, outcome, stamp_s)
        case _:  # the utterance it was for is forgotten, or its words are others by now
            pass
    if record is not None:
        record.awaiting.discard(work_id)
        if record.partial == work_id:
            record.partial = None
        if record.early == work_id and record.final_order != work_id:
            record.early = None
        events += request_final(state, record.stream)
    return events


def _utterance_of(state: EngineState, work_id: int) -> UtteranceRecord | None:
    """The utterance that an order was for."""
    for record in state.utterances.values():
        if work_id in record.awaiting or work_id in (record.partial, record.early):
            return record
    return None


def finalize_transcript(state: EngineState, branch: SpeechBranch, record: UtteranceRecord) -> list[Event]:
    """An utterance has ended: its last words are said now if nothing is left to wait for."""
    if record.early_words is not None and record.early_end == record.end_sample:
        return _commit(state, record, record.early_words, state.now_s)
    if record.final_order is None and branch.is_over(record):
        delta = state.transcripts.finish(record.id)
        return _emit_transcript(state, record, delta, delta.words, state.now_s)
    return []


def _apply_hypothesis(
    state: EngineState, record: UtteranceRecord, work_id: int, hypothesis: Hypothesis, stamp_s: float
) -> list[Event]:
    """Take recognised words in. What was asked for early is final only if the utterance ended there."""
    if work_id == record.early and work_id != record.final_order:
        record.early_words = hypothesis
        hypothesis = replace(hypothesis, final=False)
    return _commit(state, record, hypothesis, stamp_s)


def _commit(
    state: EngineState, record: UtteranceRecord, hypothesis: Hypothesis, stamp_s: float
) -> list[Event]:
    delta = state.transcripts.push(hypothesis)
    return _emit_transcript(state, record, delta, delta.words if delta.final else hypothesis.words, stamp_s)


def _emit_transcript(
    state: EngineState,
    record: UtteranceRecord,
    delta: TranscriptUpdate,
    words: tuple[Word, ...],
    stamp_s: float,
) -> list[Event]:
    """Say the new state of a transcript and have its words encoded."""
    if record.final_transcript or not (delta.changed or delta.final):
        return []
    record.final_transcript = delta.final
    record.words_s = stamp_s
    texts = tuple(w.text for w in words)
    if not texts:
        record.text, record.text_order = None, None
    elif texts != record.words:
        times_s = tuple((w.t0_s + w.t1_s) / 2 for w in words)
        payload = EncodeText(record.id, texts, times_s)
        record.text_order = state.scheduler.submit("encode_text", payload, state.now_s)
        record.awaiting.add(record.text_order)
    record.words = texts
    record.transcript_revision += 1
    return [_transcript(state, record, delta)]


def _transcript(state: EngineState, record: UtteranceRecord, delta: TranscriptUpdate) -> Transcript:
    return Transcript(
        utterance=record.id,
        person=record.person,
        t0_s=record.t0_s,
        t1_s=record.t1_s(state.now_s),
        text=" ".join(w.text for w in delta.words),
        words=tuple(TranscriptWord(w.text, w.t0_s, w.t1_s, w.probability) for w in delta.words),
        pending=delta.pending,
        language=delta.language,
        revision=record.transcript_revision - 1,
        final=delta.final,
    )


def _update_faces(state: EngineState, branch: VisionBranch, faces: Faces) -> list[Event]:
    """Take detected faces in: tracks go on, mouths are compared with the speech heard.

    A voice or a face whose stream belongs to somebody needs no comparison.
    """
    update = branch.handle_faces(faces, state.scheduler, state.now_s)
    for track, face in update.assigned:
        if face.mouth_motion is not None and branch.info.person is None:
            for speech in state.speech.values():
                speech.active_speaker.mouth(faces.t_s, track, face.mouth_motion)
    events: list[Event] = []
    if faces.scene_change:
        events.append(Status(faces.t_s, "scene_change", "info", "the picture changed to another scene"))
    for person in update.appeared:
        message = f"{person} came into view"
        events.append(Status(faces.t_s, "person_appeared", "info", message, person=person))
    events += [person_left(state, person, faces.t_s) for person in update.left]
    return events


def _emit_estimates(state: EngineState, work_id: int, fused: Fused, stamp_s: float) -> list[Event]:
    requests = _pop_requests(state, work_id)
    events: list[Event] = []
    for request, output in zip(requests, fused.outputs, strict=True):
        estimate = state.estimator.answer(request, output, state.now_s)
        if estimate is not None:  # the foremost stream may be a little ahead of the clock
            stages = replace(estimate.stages, fused_s=max(stamp_s, estimate.t1_s))
            events.append(replace(estimate, stages=stages))
    return events + _request_next_finals(state, requests)


def _handle_failure(
    state: EngineState, work_id: int, record: UtteranceRecord | None, reason: str, stamp_s: float
) -> list[Event]:
    """Go on without a result: what was recognised so far becomes final, the rest is done without."""
    events: list[Event] = []
    said = state.faults.admit(reason.partition(":")[0], reason, state.now_s)
    if said is not None:
        events.append(Status(state.now_s, "model_fault", "error", said))
    requests = _pop_requests(state, work_id)
    for request in requests:
        if request.final:
            events += abstain(state, request)
    if record is not None and work_id == record.final_order:
        delta = state.transcripts.finish(record.id)
        events += _emit_transcript(state, record, delta, delta.words, stamp_s)
    return events + _request_next_finals(state, requests)


def _pop_requests(state: EngineState, work_id: int) -> tuple[EstimateRequest, ...]:
    """What a fusion order was about; it is outstanding no longer."""
    state.rolling = None if work_id == state.rolling else state.rolling
    return state.requests.pop(work_id, ())


def _request_next_finals(state: EngineState, requests: tuple[EstimateRequest, ...]) -> list[Event]:
    """The next utterance's turn has come when the last one's final estimate is out."""
    events: list[Event] = []
    for request in requests:
        if request.final and request.utterance is not None:
            events += request_final(state, request.utterance.stream)
    return events


def _within(tokens: Tokens, record: UtteranceRecord, now_s: float) -> Tokens:
    """The tokens that lie within the utterance; its last block usually reaches beyond it."""
    end_s = now_s if record.end_sample is None else record.end_sample / SAMPLE_RATE
    return between(tokens, record.t0_s, end_s)
