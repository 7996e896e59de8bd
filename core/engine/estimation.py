"""What the fusion network is asked, and when: rolling windows on the hops, one final window per utterance."""

from __future__ import annotations

from typing import Final

import numpy as np

from core.engine.estimator import EstimateRequest
from core.engine.missing_reasons import lost_modalities, missing
from core.engine.state import EngineState
from core.engine.utterance import UtteranceRecord
from core.engine.windows import cut, token_runs
from core.events import EmotionEstimate, Event, Status, Utterance
from core.labels import UNKNOWN_PERSON
from core.work import Fuse, FusionOutput

KEEP_S: Final = 30.0
"""How long tokens and finished utterances stay at hand: longer than any window."""


def emit_rolling(state: EngineState) -> list[Event]:
    """A hop: say who speaks if that has changed, and ask about everybody of whom something is known."""
    now_s = state.now_s
    _forget_old(state)
    events = _persons_left(state)
    events += _reconsider_speakers(state)
    if state.scheduler.congested("fuse", outstanding=state.rolling is not None):
        return events
    requests = []
    for person in _persons(state):
        request = _rolling_request(state, person, now_s)
        if request is not None:
            requests.append(request)
    state.rolling = _request(state, tuple(requests))
    return events


def request_final(state: EngineState, stream: str) -> list[Event]:
    """Ask for the final estimate of a stream's next utterance once everything it needs is there.

    One after the other: final estimates never go back in time, however late a result is.

    Returns:
        The final estimates of utterances of which nothing could be computed: they abstain at once.
    """
    events: list[Event] = []
    branch = state.speech[stream]
    for record in [r for r in branch.records.values() if not r.done]:
        if record.asked_final or not branch.complete(record):
            return events
        events += _request_final(state, record)
        if not record.done:
            return events
    return events


def abstain(state: EngineState, request: EstimateRequest) -> list[Event]:
    """Close an utterance of which nothing can be said: an estimate that says so, and why."""
    record = request.utterance
    if record is None or record.done:
        return []
    nothing = FusionOutput(
        probabilities=np.zeros(len(state.estimator.labels), np.float32),
        peers={},
        attribution={},
        valence=None,
        arousal=None,
        confidence=0.0,
        abstained=True,
    )
    empty = cut(record.person, record.t0_s, record.t1_s(state.now_s), {})
    reasons = missing(state, record.person, (), record)
    estimate = state.estimator.answer(EstimateRequest(empty, record, True, reasons), nothing, state.now_s)
    message = f"nothing could be computed of {record.id}: its estimate abstains"
    said: list[EmotionEstimate] = [] if estimate is None else [estimate]
    return [Status(state.now_s, "abstained", "warning", message, person=record.person), *said]


def _request_final(state: EngineState, record: UtteranceRecord) -> list[Event]:
    record.asked_final = True
    t1_s = record.t1_s(state.now_s)
    window = cut(record.person, record.t0_s, t1_s, token_runs(record.person, [record], state.faces))
    reasons = missing(state, record.person, window.modalities, record)
    compared, history_s = state.baselines.apply(window)
    state.baselines.push(record.person, record.audio)  # from the next utterance on it is history itself
    request = EstimateRequest(compared, record, True, reasons, history_s)
    if not window.tokens:  # every encoder failed: there is nothing to estimate from
        return abstain(state, request)
    _request(state, (request,))
    return []


def utterance_event(state: EngineState, record: UtteranceRecord) -> Utterance:
    """The public form of what is known of an utterance."""
    return Utterance(
        id=record.id,
        person=record.person,
        t0_s=record.t0_s,
        t1_s=record.t1_s(state.now_s),
        ended_by=record.ended_by,
        final=record.end_sample is not None,
    )


def _request(state: EngineState, requests: tuple[EstimateRequest, ...]) -> int | None:
    if not requests:
        return None
    order = state.scheduler.submit("fuse", Fuse(tuple(q.window for q in requests)), state.now_s)
    state.requests[order] = requests
    return order


def _persons(state: EngineState) -> list[str]:
    """Visible persons in order of appearance, then speakers who are not visible."""
    seen = state.faces.seen_since(state.now_s - state.config.faces.lost_after_s)
    speaking = [u.person for u in state.utterances.values() if not u.done]
    return list(dict.fromkeys([*seen, *speaking]))


def _rolling_request(state: EngineState, person: str, now_s: float) -> EstimateRequest | None:
    spoken = list(state.utterances.values())
    current = [u for u in spoken if u.person == person and not u.done]
    t0_s = max(0.0, now_s - state.config.estimates.rolling_s)
    # two utterances of `unknown` may be of two people: their words are never looked at together
    usable = current[-1:] if person == UNKNOWN_PERSON else spoken
    gone = lost_modalities(state, person)
    parts = {m: p for m, p in token_runs(person, usable, state.faces).items() if m not in gone}
    window = cut(person, t0_s, now_s, parts)
    if not window.tokens:
        return None
    record = current[-1] if current else None
    compared, history_s = state.baselines.apply(window)
    reasons = missing(state, person, window.modalities, record)
    return EstimateRequest(compared, record, False, reasons, history_s)


def _reconsider_speakers(state: EngineState) -> list[Event]:
    """Who utters an open utterance is decided anew on every hop; only its end settles it."""
    events: list[Event] = []
    for record in state.utterances.values():
        if record.end_sample is None:
            speaker = state.speech[record.stream].speaker(record, state.now_s)
            if speaker not in (record.person, UNKNOWN_PERSON):
                record.person = speaker
                events.append(utterance_event(state, record))
    return events


def _persons_left(state: EngineState) -> list[Event]:
    """Persons whose faces have not been seen for too long leave, even when no picture comes any more."""
    left = [person for vision in state.vision.values() for person in vision.advance(state.now_s)]
    return [person_left(state, person, state.now_s) for person in left]


def person_left(state: EngineState, person: str, t_s: float) -> Status:
    """A person is out of view: what is seen of them later stands alone."""
    state.estimator.smoother.reset(person)
    if all(branch.info.person != person for branch in state.speech.values()):
        state.baselines.forget(person)  # else the microphone still says who it is
    return Status(t_s, "person_left", "info", f"{person} is out of view", person=person)


def _forget_old(state: EngineState) -> None:
    """Drop what lies too far back to be in any window."""
    horizon_s = state.now_s - KEEP_S
    state.faces.forget_before(horizon_s)
    old = [u.id for u in state.utterances.values() if u.done and u.t1_s(state.now_s) < horizon_s]
    for name in old:
        record = state.utterances.pop(name)
        state.speech[record.stream].forget(record)
        state.transcripts.state.pop(name, None)
