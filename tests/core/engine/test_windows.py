"""Windows: which tokens of whom fall between two times."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from core.engine.utterance import Utterance
from core.engine.windows import FaceTokens, between, cut, token_runs
from core.window import Tokens


def tokens(*times_s: float, width: int = 2) -> Tokens:
    """Tokens that hold their own time, to know them again."""
    values = np.repeat(np.array(times_s, np.float32)[:, None], width, axis=1)
    return Tokens(values, np.array(times_s, np.float32))


def utterance(person: str, text: Tokens | None = None, audio=()) -> Utterance:
    return Utterance("u1", "audio", 0, person, 0.0, text=text, audio=list(audio))


def test_a_window_holds_the_tokens_between_its_ends_and_counts_their_times_from_its_start():
    window = cut("p1", 2.0, 4.0, {"audio": [tokens(1.9, 2.0, 3.0), tokens(4.0, 4.1)]})
    assert window.tokens["audio"].values[:, 0].tolist() == [2.0, 3.0, 4.0]
    np.testing.assert_allclose(window.tokens["audio"].times_s, [0.0, 1.0, 2.0], atol=1e-6)
    assert (window.person, window.t0_s, window.t1_s) == ("p1", 2.0, 4.0)


def test_a_modality_without_a_token_in_range_is_absent():
    window = cut("p1", 2.0, 4.0, {"text": [], "audio": [tokens(1.0)], "visual": [tokens(3.0)]})
    assert window.modalities == ("visual",)


@settings(max_examples=50, deadline=None)
@given(
    times=st.lists(st.integers(0, 100).map(lambda n: n / 10), max_size=30).map(sorted),
    cuts=st.lists(st.integers(0, 30), max_size=4),
    t0_s=st.integers(0, 60).map(lambda n: n / 10),
)
def test_how_the_tokens_were_cut_into_runs_changes_no_window(times, cuts, t0_s):
    bounds = [0, *sorted(min(c, len(times)) for c in cuts), len(times)]
    runs = [tokens(*times[a:b]) for a, b in itertools.pairwise(bounds) if b > a]
    whole = [tokens(*times)] if times else []
    ours, theirs = (cut("p1", t0_s, t0_s + 3.0, {"audio": parts}) for parts in (runs, whole))
    assert ours.modalities == theirs.modalities
    for modality in ours.modalities:
        assert ours.tokens[modality].values.tobytes() == theirs.tokens[modality].values.tobytes()
        assert ours.tokens[modality].times_s.tobytes() == theirs.tokens[modality].times_s.tobytes()


def test_between_keeps_both_ends():
    assert between(tokens(1.0, 2.0, 3.0), 1.0, 2.0).times_s.tolist() == [1.0, 2.0]


def test_evidence_of_a_person_is_their_utterances_and_their_face():
    faces = FaceTokens(30.0)
    faces.push("p1", tokens(1.0))
    faces.push("p2", tokens(1.0, 2.0))
    mine = utterance("p1", tokens(1.5), [tokens(1.1), tokens(1.6)])
    parts = token_runs("p1", [mine, utterance("p2", tokens(9.0))], faces)
    assert [len(runs) for runs in parts.values()] == [1, 2, 1]
    assert parts["text"][0] is mine.text
    nobody = token_runs("unknown", [mine], faces)
    assert not any(nobody.values())


def test_face_tokens_are_kept_for_a_while_and_no_longer():
    faces = FaceTokens(keep_s=2.0)
    for t_s in (0.0, 1.0, 2.0, 3.0):
        faces.push("p1", tokens(t_s))
    assert [float(run.times_s[0]) for run in faces.of("p1")] == [1.0, 2.0, 3.0]


def test_persons_are_those_who_were_seen_lately_in_order_of_appearance():
    faces = FaceTokens(keep_s=10.0)
    faces.push("p2", tokens(1.0))
    faces.push("p1", tokens(5.0))
    assert faces.seen_since(1.0) == ["p2", "p1"]
    assert faces.seen_since(1.1) == ["p1"]
    faces.forget_before(1.1)
    assert faces.of("p2") == []
    assert len(faces.of("p1")) == 1
