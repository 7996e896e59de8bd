"""What is said of the fusion network's answers: identities, revisions, final values."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from core.config import EstimateConfig
from core.engine.estimator import EstimateRequest, Estimator
from core.engine.utterance import Utterance
from core.labels import EMOTIONS
from core.stages.endpointing import TurnEnded
from core.window import Tokens, Window
from core.work import FusionOutput


def estimator(**config) -> Estimator:
    at_once = EstimateConfig(**({"active_after_s": 0.0} | config))
    return Estimator.create(at_once, EMOTIONS, (0.5,) * len(EMOTIONS))


def spoken(name: str = "u1") -> Utterance:
    """An utterance whose final estimate was asked for."""
    said = Utterance(name, "audio", 16_000, "p1", voice_s=2.5, words_s=2.0, encoded_s=2.25)
    said.end(TurnEnded(name, 16_000, 32_000, 40_000, "pause"))
    said.request_estimate()
    return said


def request(utterance=None, *, final=False, person="p1", t1_s=3.0) -> EstimateRequest:
    one = Tokens(np.zeros((1, 2), np.float32), np.zeros(1, np.float32))
    window = Window(person, 1.0, t1_s, {"audio": one, "visual": one})
    return EstimateRequest(window, utterance, final, {"text": "no words"})


def output(*values: float) -> FusionOutput:
    probabilities = np.zeros(len(EMOTIONS), np.float32)
    probabilities[: len(values)] = values
    peers = {"visual": probabilities, "audio": probabilities / 2}
    return FusionOutput(
        probabilities, peers, {"visual": 0.25, "audio": 0.75}, 0.5, -0.5, 0.8, abstained=False
    )


def test_an_estimate_says_what_the_network_said_in_canonical_order():
    said = estimator().answer(request(spoken()), output(0.2, 0.9, 0.6), 3.1)
    assert said is not None
    assert tuple(said.probabilities) == EMOTIONS
    assert said.active == (EMOTIONS[1], EMOTIONS[2])
    assert list(said.peers) == ["audio", "visual"]
    assert said.attribution == {"audio": 0.75, "visual": 0.25}
    assert said.modalities == ("audio", "visual")
    assert (said.valence, said.arousal, said.confidence, said.abstained) == (0.5, -0.5, 0.8, False)
    assert (said.id, said.utterance, said.revision, said.final) == ("u1", "u1", 0, False)


def test_stages_are_those_of_the_utterance_and_words_count_only_where_they_were_used():
    stages = estimator().answer(request(spoken()), output(), 3.1).stages
    assert (stages.captured_s, stages.voice_s, stages.encoded_s, stages.fused_s) == (3.0, 2.5, 2.25, 3.1)
    assert stages.words_s is None
    quiet = estimator().answer(request(), output(), 3.1).stages
    assert (quiet.voice_s, quiet.encoded_s) == (None, None)


def test_revisions_count_within_an_utterance_and_nothing_follows_the_final_one():
    stage, utterance = estimator(), spoken()
    asked = [request(utterance), request(utterance), request(utterance, final=True), request(utterance)]
    said = [stage.answer(q, output(0.5), 3.0 + i) for i, q in enumerate(asked)]
    assert [e and (e.revision, e.final) for e in said] == [(0, False), (1, False), (2, True), None]
    assert utterance.done
    assert (stage.sent, stage.finals) == (3, 1)


def test_a_final_estimate_is_not_smoothed():
    stage, utterance = estimator(smoothing_s=5.0), spoken()
    stage.answer(request(utterance), output(0.0), 3.0)
    rolling = stage.answer(request(utterance), output(1.0), 3.25)
    final = stage.answer(request(utterance, final=True), output(1.0), 3.5)
    assert rolling.probabilities[EMOTIONS[0]] < 0.1
    assert final.probabilities[EMOTIONS[0]] == 1.0
    assert final.active == (EMOTIONS[0],)


def test_an_abstaining_estimate_has_no_active_label_be_it_final_or_not():
    stage, utterance = Estimator.create(EstimateConfig(), EMOTIONS, (0.1,) * len(EMOTIONS), 0.5), spoken()
    thin = replace(output(0.3), confidence=0.2, abstained=True)
    rolling = [stage.answer(request(utterance), thin, 3.0 + i) for i in range(3)]
    final = stage.answer(request(utterance, final=True), thin, 7.0)
    assert [(e.abstained, e.active) for e in (*rolling, final)] == [(True, ())] * 4


def test_labels_are_active_from_the_thresholds_that_come_with_the_answer():
    low = np.full(len(EMOTIONS), 0.25, np.float32)
    answer = replace(output(0.3), thresholds=low)
    assert estimator().answer(request(spoken()), answer, 3.1).active == (EMOTIONS[0],)
    assert estimator().answer(request(spoken(), final=True), answer, 3.1).active == (EMOTIONS[0],)
    assert estimator().answer(request(spoken()), output(0.3), 3.1).active == ()


def test_each_stretch_without_speech_has_an_id_of_its_own_per_person():
    stage, utterance = estimator(), spoken()
    asked = [
        request(),
        request(),
        request(person="p2"),
        request(utterance),
        request(),
        request(person="p2"),
    ]
    said = [stage.answer(q, output(), float(i)) for i, q in enumerate(asked)]
    found = [(e.id, e.revision) for e in said]
    assert found == [("p1/1", 0), ("p1/1", 1), ("p2/1", 0), ("u1", 0), ("p1/2", 0), ("p2/1", 1)]
