"""What people make of voice and face together is learned from votes, on actors apart from those judged on."""

from __future__ import annotations

import json
from collections import Counter
from string import ascii_uppercase

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from core.labels import EMOTIONS, MODALITIES
from core.models.evidence import EvidenceWeights
from train.calibration.people import (
    LABELS,
    fit_people,
    in_labels,
    judge_people,
    table_of,
    teacher_weights,
    with_words,
    write_weights,
)
from train.cli import app
from train.corpora.cremad_votes import LETTERS, Votes
from train.metrics import jensen_shannon, soft_figures

RATERS = 10


def made_votes(voice_share: float, clips: int = 480, seed: int = 0) -> list[Votes]:
    """Votes of raters who, having both, follow the voice in `voice_share` of the cases and else the face."""
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(clips):
        counts: Counter = Counter()
        voice, face = (0.8 * np.eye(6)[rng.integers(6)] + 0.2 / 6 for _ in range(2))
        both = voice_share * voice + (1 - voice_share) * face
        for channel, p in (("audio", voice), ("face", face), ("av", both)):
            for letter, count in zip(LETTERS, rng.multinomial(RATERS, p), strict=True):
                counts[channel, letter] += int(count)
        line = "".join(ascii_uppercase[i // 12 // 26**place % 26] for place in range(3))
        rows.append(Votes(f"{1001 + i % 12}_{line}_ANG_XX", counts))
    return rows


def of(weights: EvidenceWeights, modality: str) -> float:
    return float(weights.positive[MODALITIES.index(modality)].mean())


def test_whom_people_follow_gets_the_larger_weight():
    face, voice = fit_people(table_of(made_votes(0.2))), fit_people(table_of(made_votes(0.8)))
    assert of(face, "visual") > of(face, "audio") + 0.1
    assert of(voice, "audio") > of(voice, "visual") + 0.1
    assert min(float(face.positive.min()), float(face.negative.min())) >= 0.0


def test_the_fit_beats_mean_and_sum_on_actors_that_it_has_not_seen():
    votes = made_votes(0.25)
    found = judge_people(votes)
    assert (found.n, found.actors) == (120, 3)
    assert found.bce["teacher"] < min(found.bce["mean"], found.bce["sum"], found.bce["visual"]) - 0.005
    assert found.bce["fusion"] == found.bce["teacher"]
    silent = EvidenceWeights(*(torch.zeros_like(w) for w in fit_people(table_of(votes))))
    assert judge_people(votes, silent).bce["fusion"] == pytest.approx(found.bce["constant"])


def test_held_out_votes_do_not_reach_the_fit():
    votes = made_votes(0.25)
    left_out = table_of(votes).held_out
    turned = [
        Votes(v.clip, v.counts | Counter({("av", x): RATERS for x in LETTERS})) if out else v
        for v, out in zip(votes, left_out, strict=True)
    ]
    assert all(
        torch.equal(a, b)
        for a, b in zip(fit_people(table_of(votes)), fit_people(table_of(turned)), strict=True)
    )


def test_a_label_without_votes_gets_the_mean_and_words_get_their_own_weights():
    fitted = fit_people(table_of(made_votes(0.3)))
    ours = with_words(in_labels(fitted, LABELS, EMOTIONS), EMOTIONS)
    audio, text = MODALITIES.index("audio"), MODALITIES.index("text")
    assert ours.positive[audio, EMOTIONS.index("surprise")] == pytest.approx(of(fitted, "audio"), abs=1e-5)
    for label in LABELS:
        where = LABELS.index(label)
        assert ours.positive[audio, EMOTIONS.index(label)] == pytest.approx(
            float(fitted.positive[audio, where])
        )
    assert ours.positive[text, EMOTIONS.index("neutral")] < ours.positive[audio].mean() / 2
    assert ours.negative[text, EMOTIONS.index("anger")] < ours.negative[audio].mean()
    assert (ours.cross.diagonal(dim1=1, dim2=2) == 0).all()


def test_the_shipped_weights_are_monotone_and_prefer_the_face_as_people_do():
    shipped = teacher_weights(EMOTIONS)
    assert all(float(w.min()) >= 0.0 for w in (shipped.positive, shipped.negative, shipped.margin))
    assert of(shipped, "visual") > of(shipped, "audio") > 0.5


def test_weights_are_written_as_they_are_read(tmp_path):
    fitted = fit_people(table_of(made_votes(0.3)))
    write_weights(fitted, tmp_path / "people.json")
    stored = json.loads((tmp_path / "people.json").read_text())
    assert stored["labels"] == list(LABELS)
    assert np.allclose(stored["cross"], fitted.cross.numpy(), atol=5e-4)


def test_the_verb_gives_mean_sum_and_fusion_beside_each_other(tmp_path):
    header = ["fileName", *(f"{c}_{x}" for c in ("audio", "av", "face") for x in LETTERS)]
    rows = [
        ",".join([v.clip, *(str(v.counts[c, x]) for c in ("audio", "av", "face") for x in LETTERS)])
        for v in made_votes(0.25, clips=120)
    ]
    table = tmp_path / "votes.csv"
    table.write_text("\n".join([",".join(header), *rows]) + "\n")
    done = CliRunner().invoke(app, ["people", str(table), "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.output.splitlines()[-1])
    assert {"mean", "sum", "fusion", "teacher", "constant"} <= found["bce"].keys() & found["top1"].keys()
    assert found["n"] == 30


def test_jensen_shannon_is_0_for_the_same_and_1_bit_for_nothing_in_common():
    same = np.array([[0.2, 0.3], [2.0, 2.0]])
    assert jensen_shannon(same, same / same.sum(axis=1, keepdims=True)) == pytest.approx(0.0)
    assert jensen_shannon(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])) == pytest.approx(1.0)


def test_soft_figures_are_those_of_the_shares_and_only_where_there_are_shares():
    p, known = np.array([[0.5, 0.5]]), np.ones((1, 2), np.bool_)
    assert soft_figures(p, np.array([[1.0, 0.0]]), known) == {}
    found = soft_figures(p, np.array([[0.75, 0.25]]), known)
    assert found["bce"] == pytest.approx(np.log(2))
    assert found["js"] == pytest.approx(0.0488, abs=1e-4)
