"""What a network says of a token set, branch by branch, and the same calibrated at an operating point.

Legend: N examples of the set, n of them that a branch can judge, C labels, M = 3 modalities.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.labels import MODALITIES, Modality
from core.models.calibration import fusion_probabilities, fusion_thresholds, probabilities, thresholds_of
from core.models.fusion import EmotionNet
from core.spec import CalibrationSpec, ModelSpec, pattern
from train.data.token_set import TokenSet
from train.inference import Outputs, evaluation_windows, outputs_of

FUSION: Final = "fusion"
"""The branch that runs live: the fusion of whatever an example has."""


@dataclass(frozen=True, slots=True, eq=False)
class Branch:
    """Outputs of the network on the examples that a branch can judge.

    Attributes:
        rows: (n,) int64 numbers of the examples.
        outputs: of those.
        peer: the modality whose peer this is; None = the fusion.
    """

    rows: NDArray[np.int64]
    outputs: Outputs
    peer: Modality | None = None

    def at(self, calibration: CalibrationSpec) -> Predictions:
        """Calibrate."""
        if self.peer is not None:
            logits = self.outputs.peer_logits[:, MODALITIES.index(self.peer)]
            branch = calibration.peers[self.peer]
            limits = np.broadcast_to(thresholds_of(branch, calibration), logits.shape)
            return Predictions(self.rows, probabilities(logits, branch), limits, self.outputs.counts)
        logits, available = self.outputs.logits, self.outputs.available
        return Predictions(
            self.rows,
            fusion_probabilities(logits, available, calibration),
            fusion_thresholds(available, calibration),
            self.outputs.counts,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """What a branch says, calibrated.

    Attributes:
        rows: (n,) int64 numbers of the examples.
        probabilities, thresholds: (n, C) float32.
        counts: (n, M) tokens of each modality.
    """

    rows: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    thresholds: NDArray[np.float32]
    counts: NDArray[np.int64]


def branches_of(
    net: EmotionNet, spec: ModelSpec, tokens: TokenSet
) -> tuple[dict[str, Branch], dict[str, Branch]]:
    """Run the network on every set of modalities that some example has.

    Returns:
        The branches: "fusion" of whatever each example has, and the peers; and the fusion under each pattern
        of availability.
    """
    present = tokens.present
    there = tuple(m for i, m in enumerate(MODALITIES) if present[:, i].any())
    patterns: dict[str, Branch] = {}
    peers: dict[str, Branch] = {}
    for names in (p for n in range(1, len(there) + 1) for p in itertools.combinations(there, n)):
        rows = np.flatnonzero(present[:, [MODALITIES.index(m) for m in names]].all(axis=1))
        if not len(rows):
            continue
        outputs = _outputs(net, spec, tokens, rows, names)
        patterns[pattern(names)] = Branch(rows, outputs)
        if len(names) == 1:
            peers[names[0]] = Branch(rows, outputs, names[0])
    whole = patterns.get(pattern(there))
    if whole is None or len(whole.rows) < int(present.any(axis=1).sum()):
        rows = np.flatnonzero(present.any(axis=1))
        whole = Branch(rows, _outputs(net, spec, tokens, rows, MODALITIES))
    return {FUSION: whole, **peers}, patterns


def _outputs(
    net: EmotionNet, spec: ModelSpec, tokens: TokenSet, rows: NDArray[np.int64], names: tuple[Modality, ...]
) -> Outputs:
    part = tokens.take([int(i) for i in rows])
    return outputs_of(net, evaluation_windows(part, names), spec.token_shapes)
