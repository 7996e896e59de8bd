"""Evaluating a checkpoint on one corpus, exactly as it runs live: stored weights, stored calibration.

Legend: N examples, C labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.errors import SourceError
from core.spec import read_spec
from train.corpora.base import Example, FaceExample
from train.corpora.label_space import LabelSpace
from train.corpora.registry import ReadOptions, read_corpus, split_note
from train.data.token_set import TokenSet
from train.encoding.corpus import EncodingContext, RecordingWork, check_fit, tokens_of
from train.encoding.features import Locate
from train.evaluation.branches import FUSION
from train.evaluation.judge_checkpoint import AUTO, Figures, Report, evaluate
from train.evaluation.prepared_split import PreparedSplit
from train.evaluation.robustness import under_conditions
from train.metrics import single_answers

__all__ = ["AUTO", "Report", "evaluate", "evaluate_corpus", "official_answers", "prepare_split"]

_AS_USUAL: Final = ReadOptions()
_HERE: Final = RecordingWork()


def evaluate_corpus(
    checkpoint: Path,
    name: str,
    data: Path,
    split: str,
    *,
    cache: Path,
    locate: Locate,
    branch: str = FUSION,
    operating_point: str = AUTO,
    resamples: int = 200,
    reading: ReadOptions = _AS_USUAL,
    recordings: RecordingWork = _HERE,
    robustness: bool = False,
    quiet: bool = True,
) -> Report:
    """Read a corpus, encode it with the checkpoint's encoders, and judge every branch on it.

    Args:
        checkpoint: folder of the checkpoint.
        name, data, split: corpus, its folder (or one above it), and "train", "validation", "test" or "all".
        cache: for tokens.
        locate: finds third-party weights.
        branch: "fusion" or the modality whose peer is meant, for `metrics` and `intervals`.
        operating_point: "auto" = the corpus' own where there is one, "default", or a name.
        resamples: of the bootstrap; 0 = no intervals.
        reading: how the corpus is read; its label space is the checkpoint's.
        recordings: how recordings are worked off, for a corpus that has some.
        robustness: also under noise, word errors and lost faces, see `train.evaluation.robustness`.
        quiet: no progress bars.

    Raises:
        ConfigError: the corpus has no such branch, or the checkpoint no such operating point.
        SourceError: the folder has no example of that split, or recordings cannot be read.
        SpecMismatch: the checkpoint has no encoder for what the corpus holds.
    """
    context = EncodingContext(checkpoint, cache, locate, lambda: checkpoint, recordings=recordings)
    prepared = prepare_split(checkpoint, name, data, split, context, reading=reading, quiet=quiet)
    report = evaluate(
        checkpoint,
        prepared.spec,
        prepared.tokens,
        split,
        branch=branch,
        resamples=resamples,
        answers=prepared.answers,
        operating_point=operating_point,
    )
    spoiled: dict[str, Figures] = {}
    if robustness:
        spoiled = under_conditions(
            prepared, context, branch=branch, point=report.operating_point, quiet=quiet
        )
    return replace(report, notes=prepared.notes, robustness=spoiled)


def prepare_split(
    checkpoint: Path,
    name: str,
    data: Path,
    split: str,
    context: EncodingContext,
    *,
    reading: ReadOptions = _AS_USUAL,
    quiet: bool = True,
) -> PreparedSplit:
    """Read and encode one part of a corpus; arguments and errors as for `evaluate_corpus`."""
    spec = read_spec(checkpoint)
    check_fit(spec, name)
    reading = replace(reading, space=LabelSpace(spec.labels), whole=reading.whole or split == "all")
    everything = read_corpus(name, data, reading)
    examples = [e for e in everything if split in ("all", e.split)]
    if not examples:
        raise SourceError(
            f"holds no example of the split {split!r} of {name}.", where=str(data), fix="Try --split all."
        )
    tokens, notes = tokens_of(name, examples, context, quiet=quiet)
    check_fit(spec, name, tokens)
    said = split_note(name, everything, reading) if split != "all" else ""
    answers = official_answers(examples, tokens, spec.labels)
    return PreparedSplit(checkpoint, spec, examples, tokens, answers, (*([said] if said else []), *notes))


def official_answers(
    examples: Sequence[Example], tokens: TokenSet, labels: Sequence[str]
) -> NDArray[np.int64]:
    """(N,) the right label by the corpus' own rule, -1 where it has none; see `train.metrics.figures`."""
    answers = single_answers(tokens.targets, tokens.known)
    row_of = {name: row for row, name in enumerate(tokens.ids)}
    for example in examples:
        if isinstance(example, FaceExample):
            name = example.majority
            other = len(labels) if name else -1
            answers[row_of[example.id]] = labels.index(name) if name in labels else other
    return answers
