"""One part of a corpus, read and encoded by a checkpoint, with the right answers by the corpus' own rule.

Legend: N examples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.errors import SourceError
from core.spec import ModelSpec, read_spec
from core.stages.baseline import BaselineConfig
from train.corpora.base import Example, FaceExample
from train.corpora.label_space import LabelSpace
from train.corpora.registry import ReadOptions, read_corpus, split_note
from train.data.token_set import TokenSet
from train.encoding.corpus import EncodingContext, check_fit, tokens_of
from train.encoding.history import History, with_history
from train.metrics import single_answers

_AS_USUAL: Final = ReadOptions()


@dataclass(frozen=True, slots=True, eq=False)
class PreparedSplit:
    """What is judged on.

    Attributes:
        checkpoint, spec: by whose encoders the tokens are.
        examples: as they were read.
        tokens: of the examples, N of them, in an order of its own.
        answers: (N,) the right label by the corpus' own rule, as for `train.metrics.figures`.
        notes: sentences about the data without which the figures are misread.
    """

    checkpoint: Path
    spec: ModelSpec
    examples: Sequence[Example]
    tokens: TokenSet
    answers: NDArray[np.int64]
    notes: tuple[str, ...]


def prepare_split(
    checkpoint: Path,
    name: str,
    data: Path,
    split: str,
    context: EncodingContext,
    *,
    reading: ReadOptions = _AS_USUAL,
    history: History = "none",
    quiet: bool = True,
) -> PreparedSplit:
    """Read and encode one part of a corpus; arguments and errors as for `evaluate_corpus`."""
    spec = read_spec(checkpoint)
    check_fit(spec, name, modalities=context.modalities)
    reading = replace(reading, space=LabelSpace(spec.labels), whole=reading.whole or split == "all")
    everything = read_corpus(name, data, reading)
    examples = [e for e in everything if split in ("all", e.split)]
    if not examples:
        raise SourceError(
            f"holds no example of the split {split!r} of {name}.", where=str(data), fix="Try --split all."
        )
    tokens, notes = tokens_of(name, examples, context, quiet=quiet)
    check_fit(spec, name, tokens, context.modalities)
    tokens = with_history(tokens, baseline_of(spec), history)
    said = split_note(name, everything, reading) if split != "all" else ""
    answers = official_answers(examples, tokens, spec.labels)
    return PreparedSplit(checkpoint, spec, examples, tokens, answers, (*([said] if said else []), *notes))


def baseline_of(spec: ModelSpec) -> BaselineConfig | None:
    """How a checkpoint compares a person with their history; None where it does not."""
    return BaselineConfig.of(spec.encoders["audio"].options)


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
