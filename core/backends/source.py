"""What a backend lowers: one checkpoint, as portable ONNX and as torch modules."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from core.backends.base import NetworkName, Precision
from core.spec import ModelSpec
from core.weights import locate

if TYPE_CHECKING:
    from torch import Tensor, nn


class Source:
    """One checkpoint and its export.

    Args:
        spec: of the checkpoint.
        checkpoint: its folder.
        export: what `core.backends.export` wrote.
        weights: name of a third-party weight -> its folder.
    """

    def __init__(
        self, spec: ModelSpec, checkpoint: Path, export: Path, weights: Callable[[str], Path] = locate
    ) -> None:
        self.spec = spec
        self.checkpoint = checkpoint
        self.export = export
        self.weights = weights

    def module(self, network: NetworkName, precision: Precision) -> nn.Module:
        """The network as a torch module, fresh each time."""
        from core.backends.modules import load_module

        return load_module(network, self.spec, self.checkpoint, self.weights, precision)

    def fixed_inputs(self, network: NetworkName) -> tuple[Tensor, ...]:
        """Inputs of the one shape that backends with static shapes use."""
        from core.backends.modules import fixed_shape_inputs

        return fixed_shape_inputs(network, self.spec)

    def write_onnx(self, network: NetworkName, precision: Precision, path: Path) -> None:
        """Write the network as ONNX: the export itself, or a new one in lower precision with fixed shapes."""
        if precision == "fp32":
            shutil.copyfile(self.export / f"{network}.onnx", path)
            return
        from core.backends.export import write_fixed_onnx

        write_fixed_onnx(network, self.spec, self.module(network, precision), path)
