"""PyTorch on a graphics card, one CUDA graph per network: needs no compiler and no artifact.

At batch one the networks are bound by the launching of their several hundred small kernels; a graph launches
them all at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from core.backends import nvidia
from core.backends.base import Form, Network, NetworkName, Precision
from core.backends.fixed import Arrays, FixedShape
from core.errors import ModelError
from core.spec import read_spec
from core.weights import locate

if TYPE_CHECKING:
    from torch import Tensor, nn

    from core.backends.source import Source

_WARM_UPS = 3


class GraphedNetwork:
    """A module captured once for one shape: copy in, replay, copy out.

    Args:
        module: on the graphics card.
        example: inputs of the shape, on the graphics card; they become the graph's own buffers.
    """

    def __init__(self, module: nn.Module, example: tuple[Tensor, ...]) -> None:
        import torch

        self._inputs = example
        self._graph = torch.cuda.CUDAGraph()
        with torch.inference_mode():
            side: Any = torch.cuda.Stream()  # type: ignore[no-untyped-call]
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):  # libraries allocate at their first calls; a capture must not
                for _ in range(_WARM_UPS):
                    module(*example)
            torch.cuda.current_stream().wait_stream(side)
            with torch.cuda.graph(self._graph):
                answer: Any = module(*example)
        self._outputs: tuple[Tensor, ...] = (answer,) if isinstance(answer, torch.Tensor) else tuple(answer)

    def __call__(self, inputs: Arrays) -> list[NDArray[np.float32]]:
        """Run on inputs of exactly the captured shapes."""
        import torch

        for buffer, value in zip(self._inputs, inputs, strict=True):
            buffer.copy_(torch.from_numpy(np.ascontiguousarray(value)))
        self._graph.replay()
        return [output.float().cpu().numpy() for output in self._outputs]


class Cuda:
    """PyTorch on the graphics card, bfloat16 products by default."""

    name: ClassVar[str] = "cuda"
    precisions: ClassVar[tuple[Precision, ...]] = ("bf16", "fp32", "fp16")
    reduced: ClassVar[bool] = False
    runs: ClassVar[Form] = "checkpoint"
    suffix: ClassVar[str] = ""

    def probe(self) -> str | None:
        """A graphics card and a torch that can use it."""
        return nvidia.no_cuda()

    def identity(self) -> dict[str, str]:
        """Card, driver and torch."""
        return nvidia.cuda_identity()

    def lower(self, source: Source, network: NetworkName, precision: Precision, path: Path) -> None:
        """There is nothing to lower."""
        raise ModelError("cuda runs the checkpoint itself; there is nothing to compile.")

    def load(self, path: Path, network: NetworkName, precision: Precision, threads: int) -> Network:
        """Build the network on the card and capture its graph."""
        from core.backends.modules import fixed_shape_inputs, load_module

        pin_fp32()
        spec = read_spec(path)
        module = load_module(network, spec, path, locate, precision).cuda()
        example = tuple(value.cuda() for value in fixed_shape_inputs(network, spec))
        shapes = [tuple(value.shape) for value in example]
        return FixedShape(network, GraphedNetwork(module, example), shapes)


def pin_fp32() -> None:
    """Float32 means float32: no TensorFloat-32 in products that claim full precision."""
    import torch

    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
