"""What the fusion network is asked, and when: rolling windows on the hops, one final window per utterance."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from core.engine.estimator import EstimateRequest
from core.engine.missing_reasons import lost_modalities, missing
from core.engine.scheduler import EstimationOwner
from core.engine.state import EngineState
from core.engine.utterance import Utterance
from core.engine.windows import cut, token_runs
from core.events import EmotionEstimate, Event, Status
from core.labels import UNKNOWN_PERSON
from core.work import Failed, Fuse, Fused, FusionOutput, Outcome

KEEP_S: Final = 30.0
"""How long tokens and finished utterances stay at hand: longer than any window."""


def emit_rolling(state: EngineState) -> list[Event]:
    """A hop: say who speaks if that has changed, and ask about everybody of whom something is known."""
    now_s = state.now_s
    _forget_old(state)
    events = _persons_left(state)
    events += _reconsider_speakers(state)
    if state.scheduler.congested("fuse"):
        return events
    requests = []
    for person in _persons(state):
        request = _rolling_request(state, person, now_s)
        if request is not None:
            requests.append(request)
    _submit(state, tuple(requests))
    return events


def idle(state: EngineState) -> bool:
    """Whether hops change nothing until something comes: nobody speaks, is in view, or can be asked about."""
    if any(u.open for u in state.utterances.values()) or any(v.occupied for v in state.vision.values()):
        return False
    if not state.config.deterministic and state.scheduler.outstanding("fuse"):
        return True
    return not _persons(state)


def request_final(state: EngineState, stream: str) -> list[Event]:
    """Ask for the final estimate of a stream's next utterance once everything it needs is there.

    One after the other: final estimates never go back in time, however late a result is.

    Returns:
        The final estimates of utterances of which nothing could be computed: they abstain at once.
    """
    events: list[Event] = []
    speech = state.speech[stream]
    for utterance in [u for u in speech.utterances if not u.done]:
        if not speech.complete(utterance):
            return events
        events += _request_final(state, utterance)
        if not utterance.done:
            return events
    return events


def handle_result(
    state: EngineState, requests: tuple[EstimateRequest, ...], outcome: Outcome, stamp_s: float
) -> list[Event]:
    """Take in what the fusion network said of some windows, or that it failed.

    Args:
        state: the engine's.
        requests: what the windows were for.
        outcome: what came of the job.
        stamp_s: stream time at which the worker was done.

    Returns:
        Estimates, and what follows: the next utterance's turn has come when a final estimate is out.
    """
    events: list[Event] = []
    match outcome:
        case Fused(outputs):
            for request, output in zip(requests, outputs, strict=True):
                estimate = state.estimator.answer(request, output, state.now_s)
                if estimate is not None:  # the foremost stream may be a little ahead of the clock
                    stages = replace(estimate.stages, fused_s=max(stamp_s, estimate.t1_s))
                    events.append(replace(estimate, stages=stages))
        case Failed():
            for request in requests:
                if request.final:
                    events += abstain(state, request)
        case _:
            raise AssertionError("the engine has checked that the result fits its job")
    for request in requests:
        if request.final and request.utterance is not None:
            events += request_final(state, request.utterance.stream)
    return events


def abstain(state: EngineState, request: EstimateRequest) -> list[Event]:
    """Close an utterance of which nothing can be said: an estimate that says so, and why."""
    utterance = request.utterance
    if utterance is None or utterance.done:
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
    empty = cut(utterance.person, utterance.t0_s, utterance.t1_s(state.now_s), {})
    reasons = missing(state, utterance.person, (), utterance)
    estimate = state.estimator.answer(EstimateRequest(empty, utterance, True, reasons), nothing, state.now_s)
    message = f"nothing could be computed of {utterance.id}: its estimate abstains"
    said: list[EmotionEstimate] = [] if estimate is None else [estimate]
    return [Status(state.now_s, "abstained", "warning", message, person=utterance.person), *said]


def _request_final(state: EngineState, utterance: Utterance) -> list[Event]:
    utterance.request_estimate()
    t1_s = utterance.t1_s(state.now_s)
    runs = token_runs(utterance.person, [utterance], state.faces)
    window = cut(utterance.person, utterance.t0_s, t1_s, runs)
    reasons = missing(state, utterance.person, window.modalities, utterance)
    compared, history_s = state.baselines.apply(window)
    state.baselines.push(utterance.person, utterance.audio)  # from the next utterance on it is history itself
    request = EstimateRequest(compared, utterance, True, reasons, history_s)
    if not window.tokens:  # every encoder failed: there is nothing to estimate from
        return abstain(state, request)
    _submit(state, (request,))
    return []


def _submit(state: EngineState, requests: tuple[EstimateRequest, ...]) -> None:
    if requests:
        payload = Fuse(tuple(request.window for request in requests))
        state.scheduler.submit("fuse", payload, state.now_s, EstimationOwner(requests))


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
    utterance = current[-1] if current else None
    compared, history_s = state.baselines.apply(window)
    reasons = missing(state, person, window.modalities, utterance)
    return EstimateRequest(compared, utterance, False, reasons, history_s)


def _reconsider_speakers(state: EngineState) -> list[Event]:
    """Who utters an open utterance is decided anew on every hop; only its end settles it."""
    events: list[Event] = []
    for utterance in state.utterances.values():
        if utterance.open:
            speaker = state.speech[utterance.stream].identify(utterance, state.now_s)
            if speaker not in (utterance.person, UNKNOWN_PERSON):
                utterance.person = speaker
                events.append(utterance.event(state.now_s))
    return events


def _persons_left(state: EngineState) -> list[Event]:
    """Persons whose faces have not been seen for too long leave, even when no picture comes any more."""
    left = [person for vision in state.vision.values() for person in vision.advance(state.now_s)]
    return [person_left(state, person, state.now_s) for person in left]


def person_left(state: EngineState, person: str, t_s: float) -> Status:
    """A person is out of view: what is seen of them later stands alone."""
    state.estimator.smoother.reset(person)
    heard = (speech for speech in state.speech.values())
    if not any(s.info.person == person or (s.voices and s.voices.holds(person)) for s in heard):
        state.baselines.forget(person)  # else the microphone or the voice still says who it is
    return Status(t_s, "person_left", "info", f"{person} is out of view", person=person)


def _forget_old(state: EngineState) -> None:
    """Drop what lies too far back to be in any window."""
    horizon_s = state.now_s - KEEP_S
    state.faces.forget_before(horizon_s)
    old = [u.id for u in state.utterances.values() if u.done and u.t1_s(state.now_s) < horizon_s]
    for name in old:
        utterance = state.utterances.pop(name)
        state.speech[utterance.stream].forget(utterance)
