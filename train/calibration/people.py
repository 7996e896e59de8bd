"""How people combine a voice and a face, learned from CREMA-D's votes, and the teacher that follows from it.

For each clip some raters only heard it, some only saw it, and some did both. The log-odds of the first two
kinds of votes, beyond their base rates, are evidence as `core.models.evidence` takes it; the third says what
people make of them together. Every fourth actor is left out of the fit and judged on.

Nobody voted on words with and without a voice, so the weights of words are set by hand: see `TEXT`.

Legend: N clips, C = 6 labels of the votes or those of a checkpoint, M = 3 modalities.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from core.errors import ConfigError
from core.labels import MODALITIES
from core.models.evidence import PAIR, EvidenceWeights, combine
from core.models.storage import load_network
from core.resources import shipped
from core.spec import read_spec
from train.corpora.cremad_votes import LETTERS, NAMES_OF_LETTERS, Channel, Votes
from train.metrics import jensen_shannon

WEIGHTS_FILE: Final = "configs/train/people.json"
"""Weights that the teacher uses, as `emotrack train people VOTES --out FILE` writes them."""

LABELS: Final = tuple(NAMES_OF_LETTERS[letter] for letter in LETTERS)

SMOOTHING: Final = 0.5
"""Votes that are added for and against each label, so that no log-odds are infinite."""

HELD_OUT_EVERY: Final = 4

PRIOR_POSITIVE, PRIOR_NEGATIVE, PRIOR_STRENGTH = 1.0, 0.5, 0.03
"""The fit is drawn to these weights: at this strength it costs .0005 in cross entropy, and a modality keeps
more say where people's votes are too few to tell."""

EVEN_STRENGTH: Final = 0.3
"""How strongly the weights of a modality are drawn to their mean over labels."""

CROSS_STRENGTH: Final = 0.01


@dataclass(frozen=True, slots=True)
class WordWeights:
    """Weights of the evidence of words.

    Words that do not speak of an emotion say little about a voice or a face that does: evidence against a
    label counts little, evidence for neutral too, weak evidence not at all, and the more the words are
    neutral, the less all else that they say (`calm`). The margin is what there is without validation texts;
    with them it is what emotionless texts hardly ever reach (`train.calibration.teacher`).
    """

    positive: float = 1.3
    negative: float = 0.1
    margin: float = 0.5
    neutral: float = 0.2
    calm: float = 1.0


TEXT: Final = WordWeights()


@dataclass(frozen=True, slots=True, eq=False)
class VoteTable:
    """Votes as evidence.

    Attributes:
        evidence: (N, M, C) log-odds of voice and face beyond the base rates of the fitted clips; words are 0.
        logits: (N, M, C) the log-odds.
        target: (N, C) share of the votes of those who heard and saw the clip.
        base: (C,) log-odds of the base rates of `target` on the fitted clips.
        held_out: (N,) bool, clips of actors that nothing is fitted on.
        actors: (N,) their names.
    """

    evidence: NDArray[np.float64]
    logits: NDArray[np.float64]
    target: NDArray[np.float64]
    base: NDArray[np.float64]
    held_out: NDArray[np.bool_]
    actors: NDArray[np.str_]


def table_of(votes: Sequence[Votes]) -> VoteTable:
    """Turn votes into evidence; clips without votes of some kind are left out."""
    kinds: tuple[Channel, ...] = ("audio", "face", "av")
    votes = [row for row in votes if all(any(row.counts[k, x] for x in LETTERS) for k in kinds)]
    actors = np.array([row.clip.partition("_")[0] for row in votes])
    left_out = np.unique(actors)[HELD_OUT_EVERY - 1 :: HELD_OUT_EVERY]
    held_out = np.isin(actors, left_out)
    voice, face, both = (_counts(votes, channel) for channel in kinds)
    logits = np.zeros((len(votes), len(MODALITIES), len(LABELS)))
    base = np.zeros((len(MODALITIES), len(LABELS)))
    for modality, counts in zip(PAIR, (voice, face), strict=True):
        column = MODALITIES.index(modality)
        total = counts.sum(axis=1, keepdims=True)
        logits[:, column] = np.log((counts + SMOOTHING) / (total - counts + SMOOTHING))
        base[column] = _log_odds((counts / total)[~held_out].mean(axis=0))
    target = both / both.sum(axis=1, keepdims=True)
    rate = target[~held_out].mean(axis=0)
    return VoteTable(logits - base, logits, target, _log_odds(rate), held_out, actors)


def fit_people(table: VoteTable) -> EvidenceWeights:
    """The weights that predict best what people make of voice and face, on actors that are not left out."""
    fitted = ~table.held_out
    evidence = torch.tensor(table.evidence[fitted])
    target, base = torch.tensor(table.target[fitted]), torch.tensor(table.base)
    there = _there(len(evidence))
    pair = [MODALITIES.index(m) for m in PAIR]
    count = len(LABELS)
    on, off = torch.zeros(len(MODALITIES), 1), 1.0 - torch.eye(count)
    on[pair] = 1.0
    free = {
        "positive": torch.full((len(MODALITIES), count), 0.7, dtype=torch.float64),
        "negative": torch.full((len(MODALITIES), count), 0.5, dtype=torch.float64),
        "cross": torch.zeros(len(MODALITIES), count, count, dtype=torch.float64),
        "pair_bias": torch.zeros(count, dtype=torch.float64),
    }
    for value in free.values():
        value.requires_grad_(True)

    def weights() -> EvidenceWeights:
        positive, negative = free["positive"].abs() * on, free["negative"].abs() * on
        cross = free["cross"] * off * on[..., None]
        none = torch.zeros_like(positive)
        return EvidenceWeights(positive, negative, none, cross, free["pair_bias"], none)

    def loss() -> Tensor:
        w = weights()
        own = torch.stack([w.positive[pair], w.negative[pair]])  # (2, 2, C)
        centre = torch.tensor([PRIOR_POSITIVE, PRIOR_NEGATIVE], dtype=torch.float64)[:, None, None]
        value = binary_cross_entropy_with_logits(combine(evidence, there, w, base), target)
        value = value + PRIOR_STRENGTH * ((own - centre) ** 2).mean()
        value = value + EVEN_STRENGTH * ((own - own.mean(dim=2, keepdim=True)) ** 2).mean()
        return value + CROSS_STRENGTH * (w.cross[pair] ** 2).mean()

    optimiser = torch.optim.LBFGS(list(free.values()), max_iter=300, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimiser.zero_grad()
        value = loss()
        value.backward()
        return value

    optimiser.step(closure)
    return EvidenceWeights(*(value.detach() for value in weights()))


@dataclass(frozen=True, slots=True)
class PeopleReport:
    """How well predictors agree with what people make of voice and face, on actors that are left out.

    Attributes:
        bce: predictor -> cross entropy to the shares of the votes, mean over labels.
        js: predictor -> Jensen-Shannon divergence in bits, of the probabilities divided by their sum.
        top1: predictor -> share of clips whose most probable label has the most votes.
        n, actors: clips and actors judged on.
    """

    bce: dict[str, float]
    js: dict[str, float]
    top1: dict[str, float]
    n: int
    actors: int

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return asdict(self)


def judge_people(votes: Sequence[Votes], own: EvidenceWeights | None = None) -> PeopleReport:
    """Compare ways to combine on the actors that are left out.

    Args:
        votes: of the clips.
        own: of a checkpoint's fusion, in the labels of the votes; the predictor `fusion`. None = what is
            fitted here.

    Predictors: `constant` (base rates), `audio`, `visual` (votes on one alone), `mean` of their logits, `sum`
    of their evidence, `teacher` (fitted on the other actors) and `fusion`.
    """
    table = table_of(votes)
    rows = table.held_out
    e, z, y = table.evidence[rows], table.logits[rows], table.target[rows]
    fitted = fit_people(table)

    def combined(weights: EvidenceWeights) -> NDArray[np.float64]:
        weights = EvidenceWeights(*(w.double() for w in weights))
        found = combine(torch.tensor(e), _there(len(e)), weights, torch.tensor(table.base))
        return np.asarray(found.numpy())

    voice, face = (MODALITIES.index(m) for m in PAIR)
    said = {
        "constant": np.tile(table.base, (len(y), 1)),
        "audio": z[:, voice],
        "visual": z[:, face],
        "mean": (z[:, voice] + z[:, face]) / 2,
        "sum": table.base + e[:, voice] + e[:, face],
        "teacher": combined(fitted),
        "fusion": combined(fitted if own is None else own),
    }
    return PeopleReport(
        bce={name: float((np.logaddexp(0.0, v) - y * v).mean()) for name, v in said.items()},
        js={name: jensen_shannon(1 / (1 + np.exp(-v)), y) for name, v in said.items()},
        top1={name: float((_at_top(y, v) == y.max(axis=1)).mean()) for name, v in said.items()},
        n=len(y),
        actors=len(np.unique(table.actors[rows])),
    )


def own_weights(checkpoint: Path) -> EvidenceWeights | None:
    """The weights of a checkpoint's fusion in the labels of the votes; None where it does not sum evidence.

    Raises:
        SpecMismatch: the folder holds no checkpoint.
        ConfigError: it has not all labels of the votes.
    """
    spec = read_spec(checkpoint)
    if spec.fusion.combination != "evidence":
        return None
    lacking = [label for label in LABELS if label not in spec.labels]
    if lacking:
        raise ConfigError(f"has no label {', '.join(lacking)}, which the votes have.", where=str(checkpoint))
    net = load_network(spec, checkpoint)
    assert net.combination is not None
    weights = EvidenceWeights(*(w.detach() for w in net.combination.weights))
    place = [spec.labels.index(label) for label in LABELS]
    return EvidenceWeights(
        weights.positive[:, place],
        weights.negative[:, place],
        weights.margin[:, place],
        weights.cross[:, place][:, :, place],
        weights.pair_bias[place],
        weights.calm[:, place],
    )


# --- weights in a file, and for the labels of a checkpoint -------------------------------------------


def write_weights(weights: EvidenceWeights, path: Path) -> None:
    """Write fitted weights, rounded to three places."""
    text = json.dumps(
        {
            "labels": LABELS,
            **{
                name: np.round(getattr(weights, name).numpy(), 3).tolist()
                for name in EvidenceWeights._fields
                if name != "calm"
            },
        }
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n", encoding="utf-8")


def teacher_weights(labels: Sequence[str]) -> EvidenceWeights:
    """The teacher's weights for a checkpoint's labels: people's for voice and face, `TEXT` for words.

    A label that the votes do not have gets the mean over those that they have.
    """
    stored = json.loads(shipped(WEIGHTS_FILE).read_text(encoding="utf-8"))
    # `calm` is of words, and nobody voted on words
    none = torch.zeros(len(MODALITIES), len(stored["labels"]))
    found = EvidenceWeights(
        *(none if name == "calm" else torch.tensor(stored[name]) for name in EvidenceWeights._fields)
    )
    return with_words(in_labels(found, stored["labels"], labels), labels)


def in_labels(weights: EvidenceWeights, known: Sequence[str], wanted: Sequence[str]) -> EvidenceWeights:
    """The weights for other labels, in another order; what is unknown is the mean over what is known."""
    place = {label: i for i, label in enumerate(known)}
    rows = torch.zeros(len(wanted), len(known))
    for i, label in enumerate(wanted):
        if label in place:
            rows[i, place[label]] = 1.0
        else:
            rows[i] = 1.0 / len(known)
    off = 1.0 - torch.eye(len(wanted))
    many = len(known) / max(1, len(known) - 1)  # the diagonal is 0 and no part of the mean
    scale = torch.tensor([1.0 if label in place else many for label in wanted])
    float_weights = EvidenceWeights(*(w.float() for w in weights))
    cross = torch.einsum("ik,mkl,jl->mij", rows, float_weights.cross, rows)
    return EvidenceWeights(
        float_weights.positive @ rows.T,
        float_weights.negative @ rows.T,
        float_weights.margin @ rows.T,
        cross * off * torch.maximum(scale[:, None], scale[None, :]),
        float_weights.pair_bias @ rows.T,
        float_weights.calm @ rows.T,
    )


def with_words(weights: EvidenceWeights, labels: Sequence[str], words: WordWeights = TEXT) -> EvidenceWeights:
    """The weights with those of words set."""
    positive, negative, margin, calm = (
        w.clone() for w in (weights.positive, weights.negative, weights.margin, weights.calm)
    )
    row = MODALITIES.index("text")
    positive[row], negative[row], margin[row] = words.positive, words.negative, words.margin
    for i, label in enumerate(labels):
        if label == "neutral":
            positive[row, i], negative[row, i] = words.neutral, 0.0
            calm[row, i] = words.calm
    return weights._replace(positive=positive, negative=negative, margin=margin, calm=calm)


def _counts(votes: Sequence[Votes], channel: Channel) -> NDArray[np.float64]:
    return np.array([[row.counts[channel, letter] for letter in LETTERS] for row in votes], np.float64)


def _there(rows: int) -> Tensor:
    """(rows, M) bool: voice and face."""
    return torch.tensor([m in PAIR for m in MODALITIES]).expand(rows, -1)


def _log_odds(p: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.log(p / (1.0 - p)))


def _at_top(y: NDArray[np.floating], said: NDArray[np.floating]) -> NDArray[np.floating]:
    return np.asarray(y[np.arange(len(y)), said.argmax(axis=1)])
