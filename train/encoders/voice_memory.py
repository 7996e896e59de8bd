"""How each training clip's person sounds on the whole, while the encoder that says so is still being trained.

A memory holds the mean token, and the mean of its squares, of every clip in every view, as it was when it was
last encoded. The history of a clip is a random number of other clips of its person, in the same view: in one
room, over one line.

Legend: N clips, V views, D token width, B batch.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn

from core.stages.baseline import LEAST_CHANGE, MOST_CHANGE, TOKEN_S, BaselineConfig

WITHOUT: Final = 0.35
"""Share of training clips without any history: the first words of somebody never met."""


_LEAST_VARIANCE: Final = 1e-5


@dataclass(frozen=True, slots=True, eq=False)
class Voices:
    """What all training voices are on the whole.

    Attributes:
        centre: (D,) their mean token.
        deviation: (D,) how far the tokens of one person usually lie from that person's mean.
    """

    centre: Tensor
    deviation: Tensor

    @classmethod
    def unknown(cls, width: int) -> Voices:
        """Where nothing is compared."""
        return cls(torch.zeros(width), torch.ones(width))

    def compared(
        self, x: Tensor, mean: Tensor, square: Tensor, seconds: float, config: BaselineConfig
    ) -> Tensor:
        """(T, D) tokens as the live loop compares them (`core.stages.baseline`), before they are centred.

        Args:
            x: the tokens.
            mean, square: (D,) of the person's history.
            seconds: of speech in it; 0 = none.
            config: how much it counts.
        """
        weight = seconds / (seconds + config.shrinkage_s)
        if not weight:
            return x
        rest = x - self.centre - (mean - self.centre) * weight
        if config.deviation:
            variance = (square - mean**2).clamp(min=0.0) / self.deviation**2
            rest = rest * variance.clamp(MOST_CHANGE**-2, LEAST_CHANGE**-2) ** (-0.5 * weight)
        return rest + self.centre


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
    squares: Tensor
    tokens: Tensor
    centre: Tensor
    deviation: Tensor

    def __init__(
        self, people: Sequence[str], views: int, width: int, config: BaselineConfig, balance: Tensor
    ) -> None:
        super().__init__()
        self.register_buffer("means", torch.zeros(len(people), views, width))
        self.register_buffer("squares", torch.zeros(len(people), views, width))
        self.register_buffer("tokens", torch.ones(len(people), views))
        self.register_buffer("centre", torch.zeros(width))
        self.register_buffer("deviation", torch.ones(width))
        self._config = config
        self._balance = balance / balance.sum()
        rows: dict[str, list[int]] = defaultdict(list)
        for row, person in enumerate(people):
            rows[person].append(row)
        self._people = [torch.tensor(of_one) for of_one in rows.values()]
        self._others = [torch.tensor([r for r in rows[p] if r != row]) for row, p in enumerate(people)]

    @torch.no_grad()
    def remember(self, row: int, view: int, spoken: Tensor) -> None:
        """Take in the (T, D) spoken tokens of a clip in a view."""
        values = spoken.detach().float()
        self.means[row, view], self.squares[row, view] = values.mean(dim=0), (values**2).mean(dim=0)
        self.tokens[row, view] = len(spoken)

    @torch.no_grad()
    def recentre(self) -> None:
        """Compute mean and deviation of all voices anew."""
        self.centre.copy_((self.means.mean(dim=1) * self._balance[:, None].to(self.means)).sum(dim=0))
        variances = []
        for rows in self._people:
            means, squares = self.means[rows].flatten(0, 1), self.squares[rows].flatten(0, 1)
            variances.append((squares.mean(dim=0) - means.mean(dim=0) ** 2).clamp(min=_LEAST_VARIANCE))
        self.deviation.copy_(torch.stack(variances).mean(dim=0).sqrt())

    @property
    def voices(self) -> Voices:
        """What they are on the whole, as of the last `recentre`."""
        return Voices(self.centre, self.deviation)

    def draw(self, x: Tensor, row: int, view: int, generator: torch.Generator) -> Tensor:
        """(T, D) tokens of a clip, compared with a random history: none to all."""
        others = self._others[row]
        chance, share = torch.rand(2, generator=generator).tolist()
        if not len(others) or chance < WITHOUT:
            return x
        count = min(len(others), math.floor(math.exp(share * math.log(len(others) + 1))))
        order = torch.randperm(len(others), generator=generator)
        return self.compared(x, others[order[:count]], view)

    def whole(self, x: Tensor, row: int, view: int) -> Tensor:
        """(T, D) the same for all other clips of the person."""
        return self.compared(x, self._others[row], view)

    def compared(self, x: Tensor, history: Tensor, view: int) -> Tensor:
        """(T, D) tokens, compared with clips in a view."""
        if not len(history):
            return x
        count = self.tokens[history, view][:, None]
        mean, square = (
            (part[history, view] * count).sum(dim=0) / count.sum() for part in (self.means, self.squares)
        )
        return self.voices.compared(x, mean, square, float(count.sum()) * TOKEN_S, self._config)
