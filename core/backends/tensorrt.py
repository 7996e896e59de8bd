"""TensorRT through torch-tensorrt: every network becomes one engine, or compiling fails.

Four of its defaults are wrong for us without a word: a padding mask is taken for a causal one, the precision
that is asked for is ignored, float32 products use TensorFloat-32, and what cannot be built is left to torch.
`settings` turns each of them off; `core.backends.precision` does the casting.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from core.backends import nvidia
from core.backends.base import Form, Network, NetworkName, Precision
from core.backends.cuda import pin_fp32
from core.backends.fixed import Arrays, FixedShape
from core.backends.host import installed
from core.errors import ModelError
from core.weights import cache_root

if TYPE_CHECKING:
    from torch import Tensor, nn

    from core.backends.source import Source


class TensorRt:
    """TensorRT on the graphics card. Not float16 by default: its LayerNorm overflows."""

    name: ClassVar[str] = "tensorrt"
    precisions: ClassVar[tuple[Precision, ...]] = ("bf16", "fp32", "fp16")
    reduced: ClassVar[bool] = False
    runs: ClassVar[Form] = "artifact"
    suffix: ClassVar[str] = ".ep"

    def probe(self) -> str | None:
        """The package and its libraries, a graphics card, and a torch that can use it."""
        if nvidia.gpu() is None:
            return nvidia.NO_CARD
        if installed("torch-tensorrt") is None:
            return "torch-tensorrt is not installed; pip install 'emotrack[tensorrt]'."
        if installed("torch-tensorrt-rtx") is not None:
            return (
                "torch-tensorrt and torch-tensorrt-rtx are both installed and overwrite each other; "
                "keep one of them."
            )
        missing = nvidia.no_cuda()
        if missing is not None:
            return missing
        try:
            load_library()
        except ModelError as error:
            return str(error)
        return None

    def identity(self) -> dict[str, str]:
        """Card, driver, versions."""
        return {
            **nvidia.cuda_identity(),
            "torch-tensorrt": installed("torch-tensorrt") or "",
            "tensorrt": next((v for n in ("tensorrt-cu13", "tensorrt") if (v := installed(n))), ""),
        }

    def lower(self, source: Source, network: NetworkName, precision: Precision, path: Path) -> None:
        """Build one engine and save it inside an exported program."""
        pin_fp32()
        library = load_library()
        module = source.module(network, precision).cuda()
        inputs = tuple(value.cuda() for value in source.fixed_inputs(network))
        built = convert(library, module, inputs, precision)
        library.save(
            built, str(path), output_format="exported_program", arg_inputs=list(inputs), retrace=False
        )

    def load(self, path: Path, network: NetworkName, precision: Precision, threads: int) -> Network:
        """Read the engine."""
        import torch

        program: Any = load_library().load(str(path))
        module = program.module()
        shapes = [tuple(value.shape) for value in program.example_inputs[0]]

        def run(inputs: Arrays) -> list[NDArray[np.float32]]:
            with torch.inference_mode():
                answer = module(*(torch.from_numpy(np.ascontiguousarray(x)).cuda() for x in inputs))
            outputs = (answer,) if isinstance(answer, torch.Tensor) else answer
            return [output.float().cpu().numpy() for output in outputs]

        return FixedShape(network, run, shapes)


def load_library() -> Any:  # noqa: ANN401
    """Import torch_tensorrt.

    Raises:
        ModelError: the package is there and its libraries are not, or they do not fit the driver.
    """
    try:
        import torch_tensorrt
    except Exception as error:  # bare Exception, AssertionError or OSError: never ImportError alone
        raise ModelError(
            f"torch-tensorrt cannot be imported ({type(error).__name__}: {error}).",
            fix="Its TensorRT libraries are missing or do not fit; install 'emotrack[tensorrt]' again.",
        ) from error
    return torch_tensorrt


def convert(
    library: Any,  # noqa: ANN401
    module: nn.Module,
    inputs: tuple[Tensor, ...],
    precision: Precision,
    *,
    dry_run: bool = False,
) -> Any:  # noqa: ANN401
    """Export a module with static shapes and turn it into one engine.

    Args:
        library: torch_tensorrt.
        module, inputs: on the graphics card; the shapes of the inputs are the engine's.
        precision: of the module, already cast.
        dry_run: stop before the engine is built, for a count of what would be in it.
    """
    import torch

    with torch.no_grad():
        program = torch.export.export(module, inputs)
        return library.dynamo.compile(program, arg_inputs=list(inputs), dryrun=dry_run, **settings(precision))


def settings(precision: Precision) -> dict[str, object]:
    """Of `torch_tensorrt.dynamo.compile`; each one is there because its default would do harm."""
    caches = cache_root() / "tensorrt"
    return {
        "attn_bias_is_causal": False,  # else a padding mask becomes a causal one
        "disable_tf32": True,  # else float32 has ten bits
        "use_fp32_acc": precision == "fp16",
        "require_full_compilation": True,  # else what does not convert runs in PyTorch
        "pass_through_build_failures": True,  # else an engine that fails to build runs in PyTorch
        "min_block_size": 1,
        "truncate_double": True,
        "cache_built_engines": False,  # our manifest decides what is used, not a cache that knows no driver
        "reuse_cached_engines": False,
        "engine_cache_dir": str(caches / "engines"),  # the defaults lie in a folder that all users share
        "timing_cache_path": str(caches / "timing.bin"),
    }
