"""An engine that tells speakers apart: cuts, names, faces of voices, and what is withheld."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from core.config import EngineConfig, SpeakersConfig
from core.engine.engine import Engine
from core.events import Conversation, Relabel, StreamInfo, Transcript, Utterance
from core.labels import UNKNOWN_PERSON
from core.work import EncodeSpeaker, SpeakerFeatures, Work
from tests.core import fakes
from tests.core.conversations import AUDIO, VIDEO
from tests.core.fakes import Player, chunks, ended, frames, merged, voice

RATE = 16_000


class Direction:
    """Stands in for the head: an embedding is the direction of the mean feature."""

    def embed(self, features):
        mean = features.mean(axis=0)
        return (mean / max(float(np.linalg.norm(mean)), 1e-9)).astype(np.float32)


class Voices:
    """Stands in for the speaker network: a plan of (start, end, voice) in seconds says who speaks."""

    def __init__(self, plan):
        self.plan = plan
        self.rng = np.random.default_rng(0)

    def features(self, order: EncodeSpeaker) -> SpeakerFeatures:
        values = np.zeros((order.count, 6), np.float32)
        for row in range(order.count):
            middle_s = (order.first + row + 0.5) * 0.08
            for start_s, end_s, number in self.plan:
                if start_s <= middle_s < end_s:
                    values[row, number] = 1.0
        noise = 0.05 * self.rng.standard_normal(values.shape)
        return SpeakerFeatures(order.first, (values + noise).astype(np.float32))

    def compute(self, work: Work):
        return self.features(work.payload) if work.kind == "encode_speaker" else fakes.compute(work)


def run(plan, length_s, *, video=None, streams=(AUDIO,), config=None, seed=None):
    spans = [(start, end) for start, end, _ in plan]
    engine = Engine(
        config or EngineConfig(), fakes.spec(), fakes.ScriptedVoice(), streams, speakers=Direction()
    )
    sound = ended(chunks(voice(length_s, spans)), "audio", length_s)
    inputs = sound if video is None else merged(sound, ended(video, "video", length_s))
    rng = None if seed is None else np.random.default_rng(seed)
    player = Player(engine, rng=rng, compute=Voices(plan).compute)
    player.feed(inputs)
    return player.finish()


def finals(events):
    return [e for e in events if isinstance(e, Utterance) and e.final]


TWO = [(0.5, 8.0, 1), (8.0, 14.0, 2), (16.0, 19.0, 1)]


def test_a_turn_is_cut_where_the_voice_changes_and_whoever_returns_is_the_same():
    first, *others = finals(run(TWO, 21))
    assert first.ended_by in {"speaker", "max_length"}
    persons = {round(u.t0_s): u.person for u in [first, *others]}
    assert persons[0] == persons[16] != persons[8]
    (cut,) = [u.t1_s for u in [first, *others] if u.ended_by == "speaker"]
    assert cut == pytest.approx(8.0, abs=0.2)


def test_pieces_follow_each_other_without_hole_or_overlap_and_hold_their_words():
    events = run(TWO, 21)
    pieces = finals(events)
    for before, after in pairwise(pieces):
        assert before.t1_s <= after.t0_s + 1e-9
    extents = {u.id: (u.t0_s, u.t1_s) for u in pieces}
    assert len(extents) == len(pieces), "each is final once"
    for transcript in (e for e in events if isinstance(e, Transcript) and e.final):
        low, high = extents[transcript.utterance]
        assert all(low - 1e-6 <= w.t0_s and w.t1_s <= high + 1e-6 for w in transcript.words)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_order_of_results_changes_nothing(seed):
    assert fakes.lines(run(TWO, 21, seed=seed)) == fakes.lines(run(TWO, 21))


def test_without_a_head_or_switched_off_all_is_as_it_was():
    off = run(TWO, 21, config=EngineConfig(speakers=SpeakersConfig(enabled=False)))
    assert {u.person for u in finals(off)} == {UNKNOWN_PERSON}


@pytest.mark.parametrize("purpose", ["workplace", "education"])
def test_where_voices_are_withheld_nobody_is_told_apart(purpose):
    assert {u.person for u in finals(run(TWO, 21, config=EngineConfig(purpose=purpose)))} == {UNKNOWN_PERSON}


def test_a_voice_that_moves_a_mouth_keeps_that_person_while_the_face_is_away():
    plan = [(0.5, 7.0, 1), (9.0, 12.0, 1)]
    video = [
        *frames(0, 0.5, 1),
        *frames(0.5, 7.0, 1, motion=(60, 0, 0)),
        *frames(7.0, 8.0, 1),
        *frames(8.0, 13, 0),
    ]
    events = run(plan, 13, video=video, streams=(AUDIO, VIDEO))
    assert [u.person for u in finals(events)] == ["p1", "p1"]
    assert not [e for e in events if isinstance(e, Relabel)]


def test_a_stream_that_belongs_to_somebody_stays_theirs_unless_it_is_asked_for():
    mine = StreamInfo("audio", "audio", "them")
    assert {u.person for u in finals(run(TWO, 21, streams=(mine,)))} == {"them"}
    every = EngineConfig(speakers=SpeakersConfig(every_stream=True))
    persons = {u.person for u in finals(run(TWO, 21, streams=(mine,), config=every))}
    assert "them" in persons
    assert len(persons) == 2


def test_the_conversation_counts_them():
    events = run(TWO, 21)
    last = [e for e in events if isinstance(e, Conversation)][-1]
    assert isinstance(events[-1], Conversation) or last.t_s > 18
    assert {talk.person for talk in last.persons} == {u.person for u in finals(events)}
    assert sum(talk.share for talk in last.persons) == pytest.approx(1.0)
