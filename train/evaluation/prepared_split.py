"""One part of a corpus, read and encoded by a checkpoint: ready to be judged on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.spec import ModelSpec
from train.corpora.base import Example
from train.data.token_set import TokenSet


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
