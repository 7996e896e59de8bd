"""Whether a fusion agrees with its teacher where no labels are known: part of what chooses the weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch

from core.labels import Modality
from core.models.fusion import EmotionNet
from core.window import TokenShape, Window
from train.calibration.joined import joined_windows, truly_paired
from train.calibration.stage import PATTERNS
from train.config import TrainingConfig
from train.data.token_set import TokenSet
from train.fusion.objective import DistillationKind, Teacher
from train.inference import outputs_of

JOINED_WINDOWS: Final = 300
"""Joined windows on which each pattern of several modalities is judged in a validation."""


class TeacherAgreement:
    """Compares a fusion with its teacher on label-blind joined windows of validation parts.

    Args:
        windows: with several modalities each.
        shapes: static sizes.
        teacher, kind: what the fusion learns from.
    """

    def __init__(
        self,
        windows: Sequence[Window],
        shapes: dict[Modality, TokenShape],
        teacher: Teacher,
        kind: DistillationKind,
    ) -> None:
        self._windows, self._shapes, self._teacher, self._kind = windows, shapes, teacher, kind

    def of(self, net: EmotionNet) -> float:
        """1 - mean absolute difference between the fusion's probabilities and the teacher's, in [0, 1]."""
        outputs = outputs_of(net, self._windows, self._shapes)
        teacher = self._teacher.to(torch.device("cpu"))
        taught = teacher.logits(
            torch.from_numpy(outputs.peer_logits), torch.from_numpy(outputs.available), self._kind
        )
        return 1.0 - float((taught.sigmoid() - torch.from_numpy(outputs.logits).sigmoid()).abs().mean())


def teacher_agreement(
    config: TrainingConfig,
    validation: Sequence[TokenSet],
    shapes: dict[Modality, TokenShape],
    teacher: Teacher,
) -> TeacherAgreement | None:
    """For the patterns of several modalities that no validation part truly has; None where there are none."""
    if not config.losses.distillation or not config.pairing.join:
        return None
    windows: list[Window] = []
    for names in (p for p in PATTERNS if len(p) > 1):
        if not truly_paired(validation, names):
            windows += joined_windows(validation, shapes, names, config.placement, JOINED_WINDOWS)
    return TeacherAgreement(windows, shapes, teacher, config.losses.distillation_kind) if windows else None
