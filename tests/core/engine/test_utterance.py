"""Utterances: their states, and which transition leads where."""

from __future__ import annotations

import pytest

from core.engine.utterance import Utterance, UtteranceState
from core.stages.endpointing import TurnEnded

TURN = TurnEnded("u1", 16_000, 32_000, 40_000, "pause")
TRANSITIONS = {
    "end": (UtteranceState.OPEN, UtteranceState.ENDED),
    "request_estimate": (UtteranceState.ENDED, UtteranceState.REQUESTED),
    "finish": (UtteranceState.REQUESTED, UtteranceState.DONE),
}


def spoken(state: UtteranceState) -> Utterance:
    return Utterance("u1", "audio", 16_000, "p1", voice_s=1.2, state=state)


def step(utterance: Utterance, name: str) -> None:
    getattr(utterance, name)(*([TURN] if name == "end" else []))


@pytest.mark.parametrize("name", TRANSITIONS)
@pytest.mark.parametrize("state", UtteranceState)
def test_a_transition_leads_on_from_its_state_and_from_no_other(name, state):
    before, after = TRANSITIONS[name]
    utterance = spoken(state)
    if state is before:
        step(utterance, name)
        assert utterance.state is after
    else:
        with pytest.raises(RuntimeError, match=f"u1 is {state.value} and cannot become {after.value}"):
            step(utterance, name)
        assert utterance.state is state


def test_its_extent_grows_while_it_is_open_and_is_settled_at_its_end():
    utterance = spoken(UtteranceState.OPEN)
    assert (utterance.t0_s, utterance.t1_s(1.7)) == (1.0, 1.7)
    assert not utterance.event(1.7).final
    utterance.end(TURN)
    assert utterance.t1_s(9.0) == 2.0
    assert utterance.voice_s == 2.5
    said = utterance.event(9.0)
    assert (said.t0_s, said.t1_s, said.ended_by, said.final) == (1.0, 2.0, "pause", True)


def test_it_is_complete_once_its_words_are_settled_and_nothing_is_awaited():
    utterance = spoken(UtteranceState.OPEN)
    utterance.jobs.settled = True
    assert not utterance.complete
    utterance.end(TURN)
    utterance.awaiting.add(3)
    assert not utterance.complete
    utterance.awaiting.clear()
    assert utterance.complete
    utterance.request_estimate()
    assert not utterance.complete
