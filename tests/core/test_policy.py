"""Purposes: what is withheld, and that the engine has no way around it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.config import EngineConfig
from core.engine.load_shedding import ComputeBudget, LoadStep, QueueAges
from core.engine.scheduler import EstimationOwner, Scheduler
from core.engine.timeline import Timeline
from core.errors import PolicyError
from core.events import EmotionEstimate, StreamInfo, Transcript
from core.inputs import EndOfStream, VideoFrame
from core.policy import policy_of, settled
from core.window import Tokens, Window
from core.work import (
    AudioTokens,
    DetectFaces,
    EncodeAudio,
    EncodeSpeaker,
    EncodeText,
    EncodeVisual,
    Faces,
    Failed,
    Fuse,
    VisualTokens,
    WorkResult,
)
from tests.core import fakes
from tests.core.conversations import AUDIO, BOTH, conversations, engine
from tests.core.fakes import Player, chunks, ended, frames, merged, voice
from tests.core.laws import check, of

OPEN, CLOSED = ("personal", "research", "media"), ("workplace", "education")
FORBIDDEN = {"faces", "encode_visual", "encode_audio", "encode_speaker"}
SOUND = np.zeros(8000, np.float32)
PICTURE = np.zeros((2, 3, 3), np.uint8)
ORDERS = {
    "faces": DetectFaces(0.0, PICTURE, None, 0.0),
    "encode_visual": EncodeVisual(0.0, ("p1",), np.zeros((1, 8, 8), np.uint8)),
    "encode_audio": EncodeAudio(0, SOUND, 8000),
    "encode_speaker": EncodeSpeaker(0, 1, SOUND),
}
TOKENS = Tokens(np.zeros((1, 4), np.float32), np.zeros(1, np.float32))


def config(purpose: str, **more) -> EngineConfig:
    return EngineConfig.from_mapping({"purpose": purpose, **more}, where="test")


def talk(purpose: str, **more) -> Player:
    """Two people before a camera, who take turns; nothing has been played yet."""
    return Player(engine(BOTH, config(purpose, **more)))


def inputs():
    sound = chunks(voice(6.0, [(0.6, 2.0), (3.5, 5.0)], seed=1))
    return merged(ended(sound, "audio", 6.0), ended(frames(0.0, 6.0, 2, (60, 0, 0)), "video", 6.0))


# --- what is withheld, and why -----------------------------------------------------------------------


@pytest.mark.parametrize("purpose", OPEN)
def test_most_purposes_withhold_nothing(purpose):
    policy = policy_of(purpose)
    assert (policy.withheld, policy.forbidden, policy.why, policy.explained) == ((), frozenset(), "", {})
    assert policy.permitted(fakes.WORKERS) == fakes.WORKERS


@pytest.mark.parametrize("purpose", CLOSED)
def test_work_and_school_withhold_voice_and_face_and_say_why(purpose):
    policy = policy_of(purpose)
    assert policy.withheld == ("audio", "visual")
    assert policy.forbidden == FORBIDDEN
    assert set(policy.permitted(fakes.WORKERS)) == {"transcribe", "encode_text", "fuse"}
    for words in ("Art. 5(1)(f)", "Art. 50(3)", "no legal advice", "consent changes"):
        assert words in policy.why
    assert policy.explained == {"audio": policy.why, "visual": policy.why}


def test_a_purpose_that_does_not_exist_is_refused_even_behind_the_configurations_back():
    with pytest.raises(PolicyError, match="no purpose 'work'"):
        policy_of("work")
    forged = EngineConfig().model_copy(update={"purpose": "Workplace"})
    with pytest.raises(PolicyError):
        engine(BOTH, forged)


def test_a_purpose_that_withholds_cannot_be_replaced():
    settled(["personal", "research"], "media")
    settled(["workplace", "workplace"], "workplace")
    settled(["personal"], "workplace")
    for named, chosen in (("workplace", "personal"), ("workplace", "education"), ("education", "media")):
        with pytest.raises(PolicyError, match=f"{named}, and {chosen} cannot"):
            settled([named, chosen], chosen)


NOBODY = EstimationOwner(())


# --- the scheduler ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("purpose", CLOSED)
@pytest.mark.parametrize("kind", sorted(FORBIDDEN))
def test_the_scheduler_refuses_whatever_stage_asks(purpose, kind):
    scheduler = Scheduler(config(purpose), Timeline(True, {}))
    with pytest.raises(PolicyError, match=f"{kind} is withheld: purpose {purpose}"):
        scheduler.submit(kind, ORDERS[kind], 0.0, NOBODY)
    assert scheduler.collect() == []
    assert scheduler.timeline.outstanding == 0


@pytest.mark.parametrize("modality", ["audio", "visual"])
def test_the_scheduler_refuses_a_fusion_of_what_is_withheld(modality):
    scheduler = Scheduler(config("workplace"), Timeline(True, {}))
    with pytest.raises(PolicyError):
        scheduler.submit(
            "fuse", Fuse((Window("p1", 0.0, 1.0, {"text": TOKENS, modality: TOKENS}),)), 0.0, NOBODY
        )
    assert scheduler.submit("fuse", Fuse((Window("p1", 0.0, 1.0, {"text": TOKENS}),)), 0.0, NOBODY) == 1
    assert scheduler.submit("encode_text", EncodeText("u1", ("hi",), (0.5,)), 0.0, NOBODY) == 2


def test_no_load_step_gives_back_what_is_withheld():
    scheduler = Scheduler(config("workplace"), Timeline(True, {}))
    assert (scheduler.budget.faces, scheduler.budget.voices, scheduler.budget.text) == (False, False, True)
    for step in LoadStep:
        scheduler.budget = ComputeBudget.of(step)
        assert not scheduler.budget.faces
        assert not scheduler.budget.voices


# --- the engine --------------------------------------------------------------------------------------


@pytest.mark.parametrize("purpose", CLOSED)
def test_at_work_estimates_rest_on_words_and_say_what_was_withheld(purpose):
    player = talk(purpose)
    player.feed(inputs())
    events = player.finish()
    check(events)
    assert {work.kind for work in player.orders} == {"transcribe", "encode_text", "fuse"}
    assert [t for t in of(events, Transcript) if t.final and t.text]
    estimates = of(events, EmotionEstimate)
    assert [e for e in estimates if e.final]
    for estimate in estimates:
        assert estimate.missing["audio"] == estimate.missing["visual"] == f"withheld: purpose {purpose}"
        if not estimate.abstained:
            assert estimate.modalities == ("text",)
            assert set(estimate.peers) == set(estimate.attribution) == {"text"}


def test_what_is_said_is_the_same_for_every_purpose():
    texts = []
    for purpose in ("personal", "workplace"):
        player = talk(purpose)
        player.feed(inputs())
        texts.append([(t.t0_s, t.text) for t in of(player.finish(), Transcript) if t.final])
    assert texts[0] == texts[1]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    conversation=conversations(),
    purpose=st.sampled_from(CLOSED),
    deterministic=st.booleans(),
    ages=st.lists(st.floats(0.0, 9.0), max_size=3),
)
def test_whatever_happens_no_forbidden_order_is_ever_issued(conversation, purpose, deterministic, ages):
    player = Player(conversation.engine(config(purpose, deterministic=deterministic)))
    for number, age_s in enumerate(ages):  # a machine that is too slow, or has time to spare
        player.push(QueueAges(float(number), {"words": age_s, "sight": age_s}))
    player.feed(conversation.inputs)
    check(player.finish())
    assert not {work.kind for work in player.orders} & FORBIDDEN
    for work in player.orders:
        if isinstance(work.payload, Fuse):
            assert all(set(window.tokens) == {"text"} for window in work.payload.windows)


def test_pictures_are_not_even_kept():
    player = talk("workplace")
    for frame in frames(0.0, 2.0, 2):
        player.push(frame)
    state = player.engine.snapshot()
    assert state.vision["video"]._previous is None
    assert not any(isinstance(entry.item, VideoFrame) for entry in state.timeline._heap)


@pytest.mark.parametrize(
    "outcome",
    [
        Faces(0.5, (), scene_change=False),
        VisualTokens(0.5, ("p1",), np.zeros((1, 2), np.float32)),
        AudioTokens(TOKENS),
    ],
    ids=lambda outcome: type(outcome).__name__,
)
def test_results_that_were_smuggled_in_are_failures(outcome):
    """A recording of another run, or a worker that answers something else than it was asked."""
    assert isinstance(policy_of("workplace").admitted(outcome), Failed)
    assert policy_of("personal").admitted(outcome) is outcome
    player = Player(engine((AUDIO,), config("workplace")), compute=lambda work: outcome)
    player.feed(ended(chunks(voice(4.0, [(0.5, 2.0)])), "audio", 4.0))
    player.push(WorkResult(999, outcome))  # nobody has asked for it
    events = player.finish()
    assert all(e.modalities == () and e.abstained for e in of(events, EmotionEstimate))
    assert player.engine.snapshot().faces.seen_since(0.0) == []


def test_an_engine_cannot_be_given_the_memory_of_a_run_for_another_purpose():
    personal, work = engine(BOTH, config("personal")), engine(BOTH, config("workplace"))
    for one, other in ((personal, work), (work, personal)):
        with pytest.raises(PolicyError):
            one.restore(other.snapshot())
    assert work.policy.purpose == "workplace"
    engine(BOTH, config("research")).restore(personal.snapshot())


def test_words_are_never_left_out_where_nothing_else_is_left():
    steps = engine(BOTH, config("workplace", deterministic=False)).state.load.steps
    assert steps == (LoadStep.FULL, LoadStep.NO_PARTIALS)
    assert LoadStep.NO_TEXT in engine(BOTH, config("media", deterministic=False)).state.load.steps


def test_a_stream_of_pictures_alone_gives_nothing_at_work():
    video = StreamInfo("video", "video", "p1")
    player = Player(engine((video,), config("education")))
    player.feed([*frames(0.0, 3.0, 1), EndOfStream("video", 3.0)])
    assert player.finish() == []
    assert player.orders == []


def test_a_policy_cannot_be_changed_in_place():
    policy = policy_of("workplace")
    with pytest.raises(dataclasses.FrozenInstanceError):
        policy.withheld = ()  # type: ignore[misc]
