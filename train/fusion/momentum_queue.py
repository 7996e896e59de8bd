"""A queue of remembered summaries: more negatives for the contrastive loss than a batch holds.

After MoCo (He et al., CVPR 2020, arXiv 1911.05722): the remembered summaries come from the moving average of
the peers, which changes slowly, so that older ones still fit.

Legend: Q size of the queue, B rows of a batch, M = 3 modalities, p width of the projections.
"""

from __future__ import annotations

import torch
from torch import Tensor

from train.fusion.losses import QueuedRows


class MomentumQueue:
    """The newest Q rows; the oldest is overwritten first.

    Args:
        size: Q.
        width: p.
        modalities: M.
        device: where it lies.
    """

    def __init__(self, size: int, width: int, modalities: int, device: torch.device) -> None:
        self._keys = torch.zeros(size, modalities, width, device=device)
        self._groups = torch.full((size,), -1, device=device)
        self._present = torch.zeros(size, modalities, dtype=torch.bool, device=device)
        self._next = 0

    def __len__(self) -> int:
        return int(self._present.any(dim=1).sum())

    @torch.no_grad()
    def push(self, keys: Tensor, groups: Tensor, present: Tensor) -> None:
        """Remember rows.

        Args:
            keys: (B, M, p) projected summaries.
            groups: (B,) id of the recording.
            present: (B, M) bool; rows without any modality are not kept.
        """
        kept = present.any(dim=1).nonzero().squeeze(1)[-len(self._keys) :]
        places = (self._next + torch.arange(len(kept), device=keys.device)) % len(self._keys)
        self._keys[places] = keys[kept].to(self._keys.dtype)
        self._groups[places] = groups[kept]
        self._present[places] = present[kept]
        self._next = (self._next + len(kept)) % len(self._keys)

    def queued(self, first: int, second: int) -> QueuedRows:
        """Rows for the loss between two modalities, given by their numbers."""
        return QueuedRows(
            self._keys[:, first],
            self._keys[:, second],
            self._groups,
            self._present[:, first] & self._present[:, second],
        )

    def state_dict(self) -> dict[str, object]:
        """For a checkpoint."""
        return {
            "keys": self._keys,
            "groups": self._groups,
            "present": self._present,
            "next": self._next,
        }

    def load_state_dict(self, state: dict[str, object]) -> None:
        """Take up where `state_dict` was."""
        for name, mine in (("keys", self._keys), ("groups", self._groups), ("present", self._present)):
            found = state[name]
            assert isinstance(found, Tensor)
            mine.copy_(found)
        self._next = int(state["next"])  # type: ignore[call-overload]
