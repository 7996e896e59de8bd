"""How each training clip's person sounds on the whole, while the encoder that says so is still being trained.

A memory holds the mean token of every clip in every view, as it was when it was last encoded. The history
of a clip is a random number of other clips of its person, in the same view: in one room, over one line.

Legend: N clips, V views, D token width, B batch.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor, nn

from core.stages.baseline import TOKEN_S, BaselineConfig

WITHOUT: Final = 0.35
"""Share of training clips without any history: the first words of somebody never met."""


class VoiceMemory(nn.Module):
    """See above. Buffers, so that an interrupted training goes on with them.

    Args:
        people: N names of persons, unique over all corpora.
        views: V.
        width: D.
        config: how much history counts.
        balance: (N,) weights of the clips in the mean of all voices.
    """

    means: Tensor
    tokens: Tensor
    centre: Tensor

    def __init__(
        self, people: Sequence[str], views: int, width: int, config: BaselineConfig, balance: Tensor
    ) -> None:
        super().__init__()
        self.register_buffer("means", torch.zeros(len(people), views, width))
        self.register_buffer("tokens", torch.ones(len(people), views))
        self.register_buffer("centre", torch.zeros(width))
        self._config = config
        self._balance = balance / balance.sum()
        rows: dict[str, list[int]] = defaultdict(list)
        for row, person in enumerate(people):
            rows[person].append(row)
        self._others = [torch.tensor([r for r in rows[p] if r != row]) for row, p in enumerate(people)]

    @torch.no_grad()
    def remember(self, row: int, view: int, spoken: Tensor) -> None:
        """Take in the (T, D) spoken tokens of a clip in a view."""
        self.means[row, view] = spoken.detach().float().mean(dim=0)
        self.tokens[row, view] = len(spoken)

    @torch.no_grad()
    def recentre(self) -> None:
        """Compute the mean of all voices anew."""
        self.centre.copy_((self.means.mean(dim=1) * self._balance[:, None].to(self.means)).sum(dim=0))

    def draw(self, row: int, view: int, generator: torch.Generator) -> Tensor:
        """(D,) what is taken off a clip: the shrunk mean of a random history, none to all."""
        others = self._others[row]
        chance, share = torch.rand(2, generator=generator).tolist()
        if not len(others) or chance < WITHOUT:
            return torch.zeros_like(self.centre)
        count = min(len(others), math.floor(math.exp(share * math.log(len(others) + 1))))
        order = torch.randperm(len(others), generator=generator)
        return self.taken_off(others[order[:count]], view)

    def whole(self, row: int, view: int) -> Tensor:
        """(D,) the same for all other clips of the person."""
        return self.taken_off(self._others[row], view)

    def taken_off(self, history: Tensor, view: int) -> Tensor:
        """(D,) the shrunk mean of clips, as far as it differs from the mean of all voices."""
        if not len(history):
            return torch.zeros_like(self.centre)
        count = self.tokens[history, view]
        mean = (self.means[history, view] * count[:, None]).sum(dim=0) / count.sum()
        seconds = float(count.sum()) * TOKEN_S
        return (mean - self.centre) * (seconds / (seconds + self._config.shrinkage_s))
