"""Running a network of one fixed shape on inputs of any size: row by row, padded to the shape."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from core.backends.base import NetworkName

Arrays = Sequence[NDArray[np.generic]]


class FixedShape:
    """A network that takes exactly one row, of exactly one size.

    Padding is zero, False in masks, so that the network itself ignores it.

    Args:
        network: which; only texts vary in their second axis, and their tokens are cut back to it.
        run: takes one row of the fixed shapes.
        shapes: of each input, rows (1) included; None = only the number of rows is fixed.
    """

    def __init__(
        self,
        network: NetworkName,
        run: Callable[[Arrays], Arrays],
        shapes: Sequence[tuple[int, ...]] | None,
    ) -> None:
        self._run = run
        self._shapes = shapes
        self._cut_back = network == "text" and shapes is not None

    def __call__(self, *inputs: NDArray[np.generic]) -> list[NDArray[np.float32]]:
        """Run once per row.

        Raises:
            ValueError: an input is larger than the fixed shape.
        """
        rows = [self._row([x[i : i + 1] for x in inputs]) for i in range(len(inputs[0]))]
        joined = [np.concatenate(parts) for parts in zip(*rows, strict=True)]
        return [part[:, : inputs[0].shape[1]] for part in joined] if self._cut_back else joined

    def _row(self, row: Arrays) -> list[NDArray[np.float32]]:
        padded = row
        if self._shapes is not None:
            padded = [_padded(x, shape) for x, shape in zip(row, self._shapes, strict=True)]
        # copied: some libraries give views of buffers that the next run overwrites
        return [np.array(output, np.float32) for output in self._run(padded)]


def _padded(x: NDArray[np.generic], shape: tuple[int, ...]) -> NDArray[np.generic]:
    if x.shape == shape:
        return np.ascontiguousarray(x)
    if any(have > room for have, room in zip(x.shape, shape, strict=True)):
        raise ValueError(f"an input of {x.shape} does not fit into {shape}")
    return np.pad(x, [(0, room - have) for have, room in zip(x.shape, shape, strict=True)])
