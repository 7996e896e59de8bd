"""What follows from the result of a work order."""

from __future__ import annotations

import numpy as np

from core.events import Event, Status, Transcript, TranscriptWord
from core.inputs import SAMPLE_RATE
from core.questions import conclude, say_left
from core.stages.transcript import TextDelta
from core.stages.utterances import UtteranceRecord
from core.stages.windower import between
from core.state import EngineState
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


def take_in(state: EngineState, work_id: int, outcome: Outcome) -> list[Event]:
    """Act upon one result; an utterance for which it was the last one gets its final estimate."""
    record = _owner(state, work_id)
    events: list[Event] = []
    match outcome:
        case Failed(reason):
            events = _give_up(state, work_id, record, reason)
        case Hypothesis() if record is not None:
            events = _read(state, record, outcome)
        case Faces():
            events = _recognise(state, outcome)
        case VisualTokens():
            for track, token in zip(outcome.tracks, outcome.tokens, strict=True):
                state.faces.push(track, Tokens(token[None], np.asarray([outcome.t_s], np.float32)))
        case AudioTokens() if record is not None:
            record.audio.append(_spoken(outcome.tokens, record, state.now_s))
            record.encoded_s = state.now_s
        case TextTokens() if record is not None and record.text_order == work_id:
            record.text = outcome.tokens
            record.encoded_s = state.now_s
        case Fused():
            events = _say(state, work_id, outcome)
        case _:  # the utterance it was for is forgotten, or its words are others by now
            pass
    if record is not None:
        record.awaiting.discard(work_id)
        if record.partial == work_id:
            record.partial = None
        conclude(state, record.stream)
    return events


def _owner(state: EngineState, work_id: int) -> UtteranceRecord | None:
    """The utterance that an order was for."""
    for record in state.utterances.values():
        if work_id in record.awaiting or work_id == record.partial:
            return record
    return None


def _read(state: EngineState, record: UtteranceRecord, hypothesis: Hypothesis) -> list[Event]:
    delta = state.transcripts.push(hypothesis)
    return _write(state, record, delta, delta.words if delta.final else hypothesis.words)


def _write(
    state: EngineState, record: UtteranceRecord, delta: TextDelta, words: tuple[Word, ...]
) -> list[Event]:
    """Say the new state of a transcript and have its words encoded."""
    if record.final_transcript or not (delta.changed or delta.final):
        return []
    record.final_transcript = delta.final
    record.words_s = state.now_s
    texts = tuple(w.text for w in words)
    if not texts:
        record.text, record.text_order = None, None
    elif texts != record.words:
        times_s = tuple((w.t0_s + w.t1_s) / 2 for w in words)
        payload = EncodeText(record.id, texts, times_s)
        record.text_order = state.desk.order("encode_text", payload, state.now_s)
        record.awaiting.add(record.text_order)
    record.words = texts
    record.transcript_revision += 1
    return [_transcript(state, record, delta)]


def _transcript(state: EngineState, record: UtteranceRecord, delta: TextDelta) -> Transcript:
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


def _recognise(state: EngineState, faces: Faces) -> list[Event]:
    """Take detected faces in: tracks go on, mouths are compared with the speech heard."""
    branch = next(iter(state.sight.values()))
    update = branch.recognise(faces, state.desk, state.now_s)
    for track, face in update.assigned:
        if face.mouth_motion is not None:
            for speech in state.speech.values():
                speech.pairing.mouth(faces.t_s, track, face.mouth_motion)
    events: list[Event] = []
    if faces.scene_change:
        events.append(Status(faces.t_s, "scene_change", "info", "the picture changed to another scene"))
    for person in update.appeared:
        message = f"{person} came into view"
        events.append(Status(faces.t_s, "person_appeared", "info", message, person=person))
    events += [say_left(state, person, faces.t_s) for person in update.left]
    return events


def _say(state: EngineState, work_id: int, fused: Fused) -> list[Event]:
    questions = state.questions.pop(work_id)
    answers = zip(questions, fused.outputs, strict=True)
    said = [state.estimator.answer(question, output, state.now_s) for question, output in answers]
    for question in questions:
        if question.final and question.utterance is not None:
            conclude(state, question.utterance.stream)
    return [estimate for estimate in said if estimate is not None]


def _give_up(state: EngineState, work_id: int, record: UtteranceRecord | None, reason: str) -> list[Event]:
    """Go on without a result: what was recognised so far becomes final, the rest is done without."""
    events: list[Event] = [Status(state.now_s, "model_fault", "error", reason)]
    for question in state.questions.pop(work_id, ()):
        if question.final and question.utterance is not None:
            question.utterance.done = True
            conclude(state, question.utterance.stream)
    if record is not None and work_id == record.final_order:
        delta = state.transcripts.finish(record.id)
        events += _write(state, record, delta, delta.words)
    return events


def _spoken(tokens: Tokens, record: UtteranceRecord, now_s: float) -> Tokens:
    """The tokens that lie within the utterance; its last block usually reaches beyond it."""
    end_s = now_s if record.end_sample is None else record.end_sample / SAMPLE_RATE
    return between(tokens, record.t0_s, end_s)
