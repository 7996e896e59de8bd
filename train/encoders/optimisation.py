"""What the three encoder trainings share beyond `train.optim`: loss, targets, and a log that is a file."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from train.corpora.base import Example


def masked_bce(logits: Tensor, target: Tensor, available: Tensor) -> Tensor:
    """Mean binary cross entropy over the available labels. All (B, C); `available` bool."""
    loss = nn.functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    weight = available.to(loss.dtype)
    return (loss * weight).sum() / weight.sum().clamp(min=1)


def label_tensors(examples: list[Any]) -> tuple[Tensor, Tensor]:
    """(B, C) float targets and (B, C) bool availability of examples."""
    rows: list[Example] = examples
    target = torch.stack([torch.from_numpy(row.labels.target) for row in rows])
    return target, torch.stack([torch.from_numpy(row.labels.available) for row in rows])


class JsonLog:
    """Lines of JSON, appended to a file and printed, each with the seconds since the start."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._start = time.monotonic()

    def write(self, **values: object) -> None:
        """Append one line."""
        rounded = {k: round(v, 5) if isinstance(v, float) else v for k, v in values.items()}
        line = json.dumps({"seconds": round(time.monotonic() - self._start, 1), **rounded})
        with self._path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
