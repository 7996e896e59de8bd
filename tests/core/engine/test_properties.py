"""The engine's promises, on random conversations: feeding and answering it otherwise changes nothing."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.engine.state import FaultLimiter
from core.events import EmotionEstimate, Status
from core.testing import rechunk
from core.work import Failed, Work
from tests.core import fakes
from tests.core.conversations import CONFIG, LIVE, Conversation, conversations
from tests.core.fakes import Player, lines, play
from tests.core.laws import check, check_order_of_finals, of

quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
seeds = st.integers(0, 10_000)


@quick
@given(conversation=conversations(), seed=seeds, eagerness=st.sampled_from([0.0, 0.3, 0.9]))
def test_chunks_interleaving_and_speed_of_the_workers_change_no_event(conversation, seed, eagerness):
    whole = play(conversation.engine(), conversation.inputs)
    rng = np.random.default_rng(seed)
    others = list(rechunk(conversation.inputs, rng, max_samples=20_000))
    pieces = play(conversation.engine(), others, rng=rng, eagerness=eagerness)
    assert lines(pieces) == lines(whole)


@quick
@given(conversation=conversations())
def test_every_run_obeys_the_laws(conversation):
    events = play(conversation.engine(), conversation.inputs)
    check(events)
    check_order_of_finals(events)


@quick
@given(conversation=conversations(), seed=seeds, eagerness=st.sampled_from([0.0, 0.3, 0.9]))
def test_a_live_run_that_takes_results_as_they_come_obeys_the_laws_too(conversation, seed, eagerness):
    rng = np.random.default_rng(seed)
    engine = conversation.engine(LIVE)
    events = play(engine, rechunk(conversation.inputs, rng), rng=rng, eagerness=eagerness)
    check(events)
    check_order_of_finals(events)


@quick
@given(conversation=conversations(), seed=seeds, place=st.floats(0, 1))
def test_a_run_restored_from_a_snapshot_goes_on_as_if_nothing_had_happened(conversation, seed, place):
    straight = lines(play(conversation.engine(), conversation.inputs))
    cut = round(place * len(conversation.inputs))
    first = Player(conversation.engine(), np.random.default_rng(seed))
    first.feed(conversation.inputs[:cut])
    second = Player(conversation.engine(), np.random.default_rng(seed + 1))
    snapshot, second.events, second.pending = first.engine.snapshot(), [*first.events], [*first.pending]
    first.feed(conversation.inputs[cut:])  # leaves the snapshot as it is
    assert lines(first.finish()) == straight
    second.engine.restore(snapshot)
    second.feed(conversation.inputs[cut:])
    assert lines(second.finish()) == straight


KINDS = tuple(fakes.WORKERS)


@quick
@given(
    conversation=conversations(),
    seed=seeds,
    broken=st.sets(st.sampled_from(KINDS), min_size=1),
    chance=st.sampled_from([0.2, 0.7, 1.0]),
    config=st.sampled_from([CONFIG, LIVE]),
)
def test_a_worker_that_fails_costs_what_it_would_have_given_and_nothing_else(
    conversation, seed, broken, chance, config
):
    rng = np.random.default_rng(seed)
    failed = []

    def unreliable(work: Work):
        if work.kind in broken and rng.random() < chance:
            failed.append(work)
            return Failed(f"{work.kind}: out of order")
        return fakes.compute(work)

    events = play(conversation.engine(config), conversation.inputs, rng=rng, compute=unreliable)
    check(events)
    faults = [s for s in of(events, Status) if s.code == "model_fault"]
    kinds = Counter(s.message.partition(":")[0] for s in faults)
    assert set(kinds) == {w.kind for w in failed}
    end_s = max((s.t_s for s in faults), default=0.0)
    assert max(kinds.values(), default=0) <= 1 + end_s / FaultLimiter().every_s
    assert all(s.level == "error" for s in faults)


@quick
@given(conversation=conversations())
def test_what_is_not_there_is_missing_and_never_estimated_from(conversation: Conversation):
    events = of(play(conversation.engine(), conversation.inputs), EmotionEstimate)
    kinds = {stream.kind for stream in conversation.streams}
    for event in events:
        if "audio" not in kinds:
            assert event.modalities == ("visual",)
            assert event.missing == {"text": "no audio", "audio": "no audio"}
            assert event.utterance is None
        if "video" not in kinds:
            assert event.missing["visual"] == "no video"
            assert event.person == "unknown"
