"""TensorRT-RTX: engines from ONNX, built in seconds, and finished for the card when they are loaded.

It reads our ONNX files itself, so neither torch's exporter nor its operators are involved; torch only holds
the buffers on the card.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from core.backends import nvidia
from core.backends.base import Form, Network, NetworkName, Precision
from core.backends.fixed import Arrays, FixedShape
from core.backends.host import installed
from core.errors import ModelError

if TYPE_CHECKING:
    from core.backends.source import Source


class TensorRtRtx:
    """TensorRT-RTX on the graphics card."""

    name: ClassVar[str] = "tensorrt-rtx"
    precisions: ClassVar[tuple[Precision, ...]] = ("bf16", "fp32", "fp16")
    reduced: ClassVar[bool] = False
    runs: ClassVar[Form] = "artifact"
    suffix: ClassVar[str] = ".engine"

    def probe(self) -> str | None:
        """The package, a graphics card, and a torch that can use it."""
        if nvidia.gpu() is None:
            return nvidia.NO_CARD
        if installed("tensorrt-rtx") is None:
            return "tensorrt-rtx is not installed; pip install 'emotrack[tensorrt-rtx]'."
        missing = nvidia.no_cuda()
        if missing is not None:
            return missing
        try:
            load_library()
        except ModelError as error:
            return str(error)
        return None

    def identity(self) -> dict[str, str]:
        """Card, driver, version."""
        return {**nvidia.cuda_identity(), "tensorrt-rtx": installed("tensorrt-rtx") or ""}

    def lower(self, source: Source, network: NetworkName, precision: Precision, path: Path) -> None:
        """Build an engine for the card at hand."""
        model = path.with_suffix(".onnx")
        source.write_onnx(network, precision, model)
        try:
            shapes = [tuple(value.shape) for value in source.fixed_inputs(network)]
            path.write_bytes(build_engine(load_library(), model, shapes, for_this_card=True))
        finally:
            model.unlink(missing_ok=True)

    def load(self, path: Path, network: NetworkName, precision: Precision, threads: int) -> Network:
        """Finish the engine for the card, and make its buffers."""
        library = load_library()
        runtime = library.Runtime(library.Logger(library.Logger.ERROR))
        engine = runtime.deserialize_cuda_engine(path.read_bytes())
        if engine is None:
            raise ModelError("is no engine that this TensorRT-RTX can load.", where=str(path))
        run = EngineNetwork(library, engine)
        return FixedShape(network, run, run.shapes)


class EngineNetwork:
    """An engine with its buffers on the card.

    Args:
        library: tensorrt_rtx.
        engine: deserialised.
    """

    def __init__(self, library: Any, engine: Any) -> None:  # noqa: ANN401
        import torch

        self._engine = engine
        self._context = engine.create_execution_context()
        self._inputs: list[torch.Tensor] = []
        self._outputs: list[torch.Tensor] = []
        for index in range(engine.num_io_tensors):
            name = engine.get_tensor_name(index)
            is_input = engine.get_tensor_mode(name) == library.TensorIOMode.INPUT
            # built for one shape: the profile's, of which minimum, best and maximum are the same
            shape = engine.get_tensor_profile_shape(name, 0)[1] if is_input else None
            if is_input:
                self._context.set_input_shape(name, shape)
            size = tuple(self._context.get_tensor_shape(name))
            dtype = torch.from_numpy(np.zeros(0, library.nptype(engine.get_tensor_dtype(name)))).dtype
            buffer = torch.zeros(size, dtype=dtype, device="cuda")
            self._context.set_tensor_address(name, buffer.data_ptr())
            (self._inputs if is_input else self._outputs).append(buffer)
        self._stream: Any = torch.cuda.Stream()  # type: ignore[no-untyped-call]

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Of the inputs."""
        return [tuple(buffer.shape) for buffer in self._inputs]

    def __call__(self, inputs: Arrays) -> list[NDArray[np.float32]]:
        """Run on inputs of exactly these shapes."""
        import torch

        with torch.cuda.stream(self._stream):
            for buffer, value in zip(self._inputs, inputs, strict=True):
                buffer.copy_(torch.from_numpy(np.ascontiguousarray(value)))
            if not self._context.execute_async_v3(self._stream.cuda_stream):
                raise ModelError("the engine failed to run.")
        self._stream.synchronize()
        return [buffer.float().cpu().numpy() for buffer in self._outputs]


def load_library() -> Any:  # noqa: ANN401
    """Import tensorrt_rtx.

    Raises:
        ModelError: the package is there and its libraries are not.
    """
    try:
        import tensorrt_rtx
    except Exception as error:  # OSError and bare Exception besides ImportError
        raise ModelError(
            f"tensorrt-rtx cannot be imported ({type(error).__name__}: {error}).",
            fix="Install 'emotrack[tensorrt-rtx]' again.",
        ) from error
    return tensorrt_rtx


def build_engine(
    library: Any,  # noqa: ANN401
    model: Path,
    shapes: list[tuple[int, ...]],
    *,
    for_this_card: bool,
) -> bytes:
    """Build an engine from an ONNX file. Needs no graphics card unless it is for the one at hand.

    Args:
        library: tensorrt_rtx.
        model: the ONNX file; its types are the engine's.
        shapes: of each input.
        for_this_card: only for the card at hand: smaller, and refused by others.

    Raises:
        ModelError: the file cannot be read or the engine cannot be built; says why.
    """
    logger = library.Logger(library.Logger.ERROR)
    builder = library.Builder(logger)
    network = builder.create_network(0)
    parser = library.OnnxParser(network, logger)
    if not parser.parse_from_file(str(model)):
        reasons = "; ".join(parser.get_error(i).desc() for i in range(parser.num_errors))
        raise ModelError(f"TensorRT-RTX cannot read the network: {reasons}", where=str(model))
    config = builder.create_builder_config()
    config.clear_flag(library.BuilderFlag.TF32)
    profile = builder.create_optimization_profile()
    for index, shape in enumerate(shapes):
        profile.set_shape(network.get_input(index).name, shape, shape, shape)
    config.add_optimization_profile(profile)
    if for_this_card:
        config.num_compute_capabilities = 1
        config.set_compute_capability(library.ComputeCapability.CURRENT, 0)
    engine = builder.build_serialized_network(network, config)
    if engine is None:
        raise ModelError("TensorRT-RTX could not build an engine.", where=str(model))
    return bytes(engine)
