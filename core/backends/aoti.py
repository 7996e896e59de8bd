"""AOTInductor: torch's own compiler, ahead of time, to a shared library for the processor.

By default it compiles for the very processor that it runs on and only warns on others. The artifact is
compiled for x86-64-v3 (AVX2), which every processor of the last ten years runs, with vectors to match.
"""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from core.backends.base import Form, Network, NetworkName, Precision
from core.backends.fixed import Arrays, FixedShape
from core.backends.host import installed, processor
from core.errors import ModelError

if TYPE_CHECKING:
    from core.backends.source import Source

_TIDY: Final[dict[str, object]] = {
    "aot_inductor.precompile_headers": False,
    "cpp_cache_precompile_headers": False,
}
"""Precompiled headers lie in a folder of torch's that no variable moves once torch is imported."""


class AotInductor:
    """Ahead-of-time compiled torch on the processor."""

    name: ClassVar[str] = "aoti"
    precisions: ClassVar[tuple[Precision, ...]] = ("fp32", "bf16")
    reduced: ClassVar[bool] = False
    runs: ClassVar[Form] = "artifact"
    suffix: ClassVar[str] = ".pt2"

    def probe(self) -> str | None:
        """It needs torch to run, and a C++ compiler besides to compile."""
        return None if installed("torch") else "torch is not installed."

    def identity(self) -> dict[str, str]:
        """Version of torch, and the kind of processor that the code is for."""
        return {
            "torch": installed("torch") or "",
            "processor": processor(),
            **{key: str(value) for key, value in options().items()},
        }

    def lower(self, source: Source, network: NetworkName, precision: Precision, path: Path) -> None:
        """Export, generate C++, compile it.

        Raises:
            ModelError: there is no C++ compiler.
        """
        if not any(shutil.which(name) for name in ("g++", "c++", "clang++")):
            raise ModelError("there is no C++ compiler (g++ or clang++).", fix="Install one.")
        import torch
        from torch._inductor import aoti_compile_and_package
        from torch._inductor.runtime.cache_dir_utils import temporary_cache_dir

        from core.backends.modules import dynamic_shapes

        dynamic: Any = dynamic_shapes("text") if network == "text" else None
        module = source.module(network, precision)
        with (
            tempfile.TemporaryDirectory() as caches,
            patch.dict(
                os.environ, TORCHINDUCTOR_CACHE_DIR=caches
            ),  # before the first import of torch's compiler
            temporary_cache_dir(caches),  # else hundreds of megabytes stay in a folder named after the user
            warnings.catch_warnings(),
            torch.no_grad(),
        ):
            warnings.simplefilter("ignore")  # the compiler warns of its own deprecations
            program = torch.export.export(module, source.fixed_inputs(network), dynamic_shapes=dynamic)
            aoti_compile_and_package(program, package_path=str(path), inductor_configs=options() | _TIDY)

    def load(self, path: Path, network: NetworkName, precision: Precision, threads: int) -> Network:
        """Unpack and open the shared library."""
        import torch

        torch.set_num_threads(threads)
        module = torch._inductor.aoti_load_package(str(path))

        def run(inputs: Arrays) -> list[NDArray[np.float32]]:
            with torch.inference_mode():
                answer = module(*(torch.from_numpy(np.ascontiguousarray(x)) for x in inputs))
            outputs = (answer,) if isinstance(answer, torch.Tensor) else answer
            return [output.float().numpy() for output in outputs]

        return FixedShape(network, run, None)


def options() -> dict[str, object]:
    """Of the code generator: weights are constants of the code, and the code fits other processors."""
    chosen: dict[str, object] = {"freezing": True}
    if platform.machine() in ("x86_64", "AMD64"):
        chosen |= {"cpp.march": "x86-64-v3", "cpp.simdlen": 256}
    return chosen
