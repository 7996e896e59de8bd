"""PyTorch as it is, on the processor: the reference that every other backend is compared with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from core.backends.base import Form, Network, NetworkName, Precision
from core.backends.host import installed
from core.errors import ModelError
from core.spec import read_spec
from core.weights import locate

if TYPE_CHECKING:
    from torch import nn

    from core.backends.source import Source


class EagerNetwork:
    """A torch module that takes and gives numpy arrays."""

    def __init__(self, module: nn.Module) -> None:
        self._module = module

    def __call__(self, *inputs: NDArray[np.generic]) -> list[NDArray[np.float32]]:
        """Run once."""
        import torch

        with torch.inference_mode():
            answer = self._module(*(torch.from_numpy(np.ascontiguousarray(x)) for x in inputs))
        outputs = (answer,) if isinstance(answer, torch.Tensor) else answer
        return [output.float().numpy() for output in outputs]


class Eager:
    """PyTorch on the processor. The number of threads is the process's: torch has no other."""

    name: ClassVar[str] = "eager"
    precisions: ClassVar[tuple[Precision, ...]] = ("fp32", "bf16")
    reduced: ClassVar[bool] = False
    runs: ClassVar[Form] = "checkpoint"
    suffix: ClassVar[str] = ""

    def probe(self) -> str | None:
        """It needs torch."""
        return None if installed("torch") else "torch is not installed."

    def identity(self) -> dict[str, str]:
        """Its version and the processor."""
        return {"torch": installed("torch") or ""}

    def lower(self, source: Source, network: NetworkName, precision: Precision, path: Path) -> None:
        """There is nothing to lower."""
        raise ModelError("eager runs the checkpoint itself; there is nothing to compile.")

    def load(self, path: Path, network: NetworkName, precision: Precision, threads: int) -> Network:
        """Build the network and read its weights from the checkpoint's folder."""
        import torch

        from core.backends.modules import load_module

        torch.set_num_threads(threads)
        return EagerNetwork(load_module(network, read_spec(path), path, locate, precision))
