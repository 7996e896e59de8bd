"""A diagnostic of how a checkpoint combines its peers: what it says when they agree and when they do not.

Unrelated words, voices and faces are put together *by their label*. That leaks the label, so nothing here is
a figure of a fusion on people, and none may be reported as one. It shows whether combining makes sense:
whether a modality that agrees helps, and whether one that is silent or wrong spoils what the others say.

Legend: N examples, C labels, M = 3 modalities.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from core.errors import SourceError
from core.labels import MODALITIES, Modality
from core.models.calibration import fusion_probabilities, probabilities
from core.models.evidence import combine
from core.models.fusion import EmotionNet
from core.models.storage import load_network
from core.spec import ModelSpec, pattern, read_spec
from core.window import Window
from train.calibration.people import teacher_weights
from train.data.token_set import TokenSet
from train.encoding.corpus import EncodingContext
from train.evaluation.sense_data import read_examples
from train.inference import evaluation_windows, outputs_of
from train.metrics import single_answers

DIAGNOSTIC: Final = (
    "A diagnostic of how the peers are combined: unrelated examples put together by equal label. "
    "Never a fusion score."
)
FEWEST: Final = 5
"""Examples of a label in each modality; a label with fewer takes no part."""

ABSENT: Final = -1


@dataclass(frozen=True, slots=True)
class Situation:
    """Rows of one kind.

    Attributes:
        name: of the kind.
        labels: (n,) what at least two of the modalities, or the voice, express.
        members: (n, M) number of the example of each modality, `ABSENT` where there is none.
    """

    name: str
    labels: NDArray[np.int64]
    members: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SenseReport:
    """What was found.

    Attributes:
        checkpoint, spec_sha256: of what.
        diagnostic: what this is and is not.
        labels: that took part.
        examples: modality -> how many examples rows were drawn from.
        situations: name -> predictor (fusion, teacher, mean, sum, and peers that are there) -> top1 and n.
        agreeing: "text+audio, visual added" -> change of the fusion's top1 by a modality that agrees, on the
            same rows.
    """

    checkpoint: str
    spec_sha256: str
    diagnostic: str
    labels: tuple[str, ...]
    examples: dict[str, int]
    situations: dict[str, dict[str, dict[str, float]]]
    agreeing: dict[str, float]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def make_sense(
    checkpoint: Path,
    folders: dict[Modality, Path],
    context: EncodingContext,
    *,
    per_label: int = 60,
    seed: int = 0,
    quiet: bool = True,
) -> SenseReport:
    """Draw the situations and ask the checkpoint and simpler predictors.

    Args:
        checkpoint: its folder.
        folders: modality -> folder of a corpus that has it.
        context: what turns examples into tokens.
        per_label: examples of each label that are encoded, and rows of each label in a situation.
        seed: of the draw.
        quiet: no progress bars.

    Raises:
        SourceError: a folder holds nothing of its modality, or the three have too few labels in common.
    """
    spec = read_spec(checkpoint)
    net = load_network(spec, checkpoint)
    sets = {m: read_examples(m, folders[m], spec.labels, context, per_label, quiet=quiet) for m in MODALITIES}
    answers = {m: single_answers(s.targets, s.known) for m, s in sets.items()}
    shared = [
        label
        for label in range(len(spec.labels))
        if all((answers[m] == label).sum() >= FEWEST for m in MODALITIES)
    ]
    if len(shared) < 2:
        raise SourceError(
            "have fewer than two labels of which each has five examples with that label alone.",
            where=", ".join(str(folder) for folder in folders.values()),
            fix="Name larger folders.",
        )
    neutral = spec.labels.index("neutral") if "neutral" in spec.labels else ABSENT
    drawn = situations(answers, shared, neutral, per_label, seed)
    judge = _Judge(net, spec, sets, shared)
    found = {s.name: judge.top1(s) for s in drawn}
    return SenseReport(
        checkpoint=spec.name,
        spec_sha256=spec.sha256,
        diagnostic=DIAGNOSTIC,
        labels=tuple(spec.labels[i] for i in shared),
        examples={m: len(s) for m, s in sets.items()},
        situations=found,
        agreeing=_agreeing(judge, drawn[0]),
    )


def situations(
    answers: dict[Modality, NDArray[np.int64]], labels: Sequence[int], neutral: int, per_label: int, seed: int
) -> list[Situation]:
    """All situations; the first is that in which all agree.

    Args:
        answers: modality -> (N,) the one label of each example, -1 where it has none or several.
        labels: that take part.
        neutral: number of the label neutral; if it is not among `labels`, situations with it are left out.
        per_label: rows of each label.
        seed: of the draw.
    """
    rng = np.random.default_rng(seed)
    emotions = [label for label in labels if label != neutral]

    def make(name: str, of: Sequence[int], says: dict[Modality, Callable[[int], int | None]]) -> Situation:
        rows, truth = [], []
        for label in of:
            for _ in range(per_label):
                row = []
                for m in MODALITIES:
                    said = says[m](label)
                    row.append(
                        ABSENT if said is None else int(rng.choice(np.flatnonzero(answers[m] == said)))
                    )
                rows.append(row)
                truth.append(label)
        return Situation(name, np.array(truth), np.array(rows))

    def same(label: int) -> int:
        return label

    def other(label: int) -> int:
        return int(rng.choice([e for e in emotions if e != label]))

    def nothing(label: int) -> None:
        return None

    def calm(label: int) -> int:
        return neutral

    found = [make("all_agree", labels, dict.fromkeys(MODALITIES, same))]
    for odd in MODALITIES:
        pair = "_".join(m for m in MODALITIES if m != odd)
        agree: dict[Modality, Callable[[int], int | None]] = dict.fromkeys(MODALITIES, same)
        found.append(make(f"{pair}_agree_{odd}_absent", labels, agree | {odd: nothing}))
        if neutral in labels:
            found.append(make(f"{pair}_agree_{odd}_neutral", emotions, agree | {odd: calm}))
        if len(emotions) > 1:
            found.append(make(f"{pair}_agree_{odd}_other", emotions, agree | {odd: other}))
    if neutral in labels:
        with_voice: dict[Modality, Callable[[int], int | None]] = {"text": calm, "audio": same}
        found.append(make("emotionless_text_with_audio", labels, with_voice | {"visual": nothing}))
    return found


class _Judge:
    """Asks the network, its teacher and simpler rules about rows.

    Args:
        net, spec: of the checkpoint.
        sets: modality -> examples.
        shared: labels that take part.
    """

    def __init__(
        self, net: EmotionNet, spec: ModelSpec, sets: dict[Modality, TokenSet], shared: Sequence[int]
    ) -> None:
        self._net, self._spec, self._shared = net, spec, np.array(shared)
        self._windows = {m: evaluation_windows(s, (m,)) for m, s in sets.items()}
        self._peer = {
            m: outputs_of(net, windows, spec.token_shapes).peer_logits[:, MODALITIES.index(m)]
            for m, windows in self._windows.items()
        }
        self._teacher = teacher_weights(spec.labels)

    def top1(self, situation: Situation) -> dict[str, dict[str, float]]:
        """Predictor -> share of rows whose most probable label is the right one, and their number."""
        found = {"fusion": self._fusion(situation.members)} | self._rules(situation.members)
        return {
            name: {"top1": self._share(said, situation.labels), "n": float(len(situation.labels))}
            for name, said in found.items()
        }

    def fusion_top1(self, labels: NDArray[np.int64], members: NDArray[np.int64]) -> float:
        """The fusion's alone."""
        return self._share(self._fusion(members), labels)

    def _share(self, said: NDArray[np.floating], labels: NDArray[np.int64]) -> float:
        top = self._shared[said[:, self._shared].argmax(axis=1)]
        return round(float((top == labels).mean()), 4)

    def _fusion(self, members: NDArray[np.int64]) -> NDArray[np.floating]:
        windows = [self._window(row) for row in members]
        outputs = outputs_of(self._net, windows, self._spec.token_shapes)
        return fusion_probabilities(outputs.logits, outputs.available, self._spec.calibration)

    def _window(self, row: NDArray[np.int64]) -> Window:
        tokens = {
            m: self._windows[m][int(number)].tokens[m]
            for m, number in zip(MODALITIES, row, strict=True)
            if number != ABSENT
        }
        return Window("", 0.0, 1.0, tokens)

    def _rules(self, members: NDArray[np.int64]) -> dict[str, NDArray[np.floating]]:
        available = members != ABSENT  # (n, M)
        logits = np.stack(
            [self._peer[m][np.maximum(members[:, i], 0)] for i, m in enumerate(MODALITIES)], axis=1
        )  # (n, M, C)
        own = {
            m: probabilities(logits[:, i], self._spec.calibration.peers[m])
            for i, m in enumerate(MODALITIES)
            if available[:, i].any()
        }
        calibrated = np.stack(
            [_log_odds(own[m]) if m in own else logits[:, i] for i, m in enumerate(MODALITIES)], 1
        )
        evidence, base = self._evidence(torch.from_numpy(logits), torch.from_numpy(calibrated))
        there = torch.from_numpy(available)
        kept = np.where(available[..., None], calibrated, 0.0)
        summed = (evidence * there[..., None]).sum(dim=1) + base
        taught = combine(evidence, there, self._teacher, base)
        return {
            "teacher": taught.numpy(),
            "mean": kept.sum(axis=1) / available.sum(axis=1, keepdims=True),
            "sum": summed.numpy(),
            **{str(m): said for m, said in own.items()},
        }

    def _evidence(self, logits: torch.Tensor, calibrated: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(n, M, C) evidence and (C,) its base: the checkpoint's own, or against even odds of the labels."""
        if self._net.combination is not None:
            with torch.no_grad():
                return self._net.combination.evidence(logits), self._net.combination.base
        even = torch.full((logits.shape[2],), 1.0 / logits.shape[2]).logit()
        return calibrated - even, even


def _agreeing(judge: _Judge, agree: Situation) -> dict[str, float]:
    """Change of the fusion's top1 where a modality that agrees is added, on the rows in which all agree."""
    right: dict[tuple[Modality, ...], float] = {}
    for kept in ((1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (1, 0, 1), (0, 1, 1), (1, 1, 1)):
        names = tuple(m for m, there in zip(MODALITIES, kept, strict=True) if there)
        members = np.where(np.array(kept, np.bool_), agree.members, ABSENT)
        right[names] = judge.fusion_top1(agree.labels, members)
    found = {}
    for names, share in right.items():
        for added in MODALITIES:
            more = tuple(m for m in MODALITIES if m in names or m == added)
            if len(more) > len(names):
                found[f"{pattern(names)}, {added} added"] = round(right[more] - share, 4)
    return found


def _log_odds(p: NDArray[np.floating]) -> NDArray[np.floating]:
    p = np.clip(p.astype(np.float64), 1e-6, 1 - 1e-6)
    return np.asarray(np.log(p / (1 - p)), np.float32)
