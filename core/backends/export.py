"""Export of a checkpoint's networks to ONNX, once per checkpoint; the live loop runs what this writes.

    python -m core.backends.export CHECKPOINT OUT

This module imports torch; it runs in a process of its own so that the live loop never does.
"""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from core.backends.artifacts import PARITY_FILE, check_weights, write_manifest
from core.backends.base import NETWORKS, NetworkName
from core.backends.modules import (
    dynamic_shapes,
    example_inputs,
    fixed_shape_inputs,
    load_module,
    output_names,
)
from core.backends.onnx import OnnxNetwork
from core.backends.parity import compare, demand, save_cases
from core.backends.vectors import make_cases
from core.errors import EmotrackError
from core.spec import ModelSpec, read_spec
from core.weights import locate


def export(checkpoint: Path, out: Path, weights: Callable[[str], Path] = locate) -> None:
    """Export the four networks of a checkpoint into the folder `out`, with parity vectors and a manifest.

    Args:
        checkpoint: folder with spec and weights.
        out: created; must not hold an older export.
        weights: name of a third-party weight -> its folder.

    Raises:
        SpecMismatch: a file is not the one that the spec names.
        ModelError: weights are absent or do not fit, or what was exported says something else than eager.
        WeightsError: a third-party weight is not at hand.
    """
    spec = read_spec(checkpoint)
    check_weights(spec, checkpoint, weights)
    out.mkdir(parents=True, exist_ok=True)
    modules = {name: load_module(name, spec, checkpoint, weights) for name in NETWORKS}
    cases = make_cases(spec, modules)
    for name, module in modules.items():
        rows = 1 if name == "text" else 2
        _write(
            module, example_inputs(name, spec, rows), out / f"{name}.onnx", name, spec, dynamic_shapes(name)
        )
    runners = {name: OnnxNetwork(out / f"{name}.onnx") for name in NETWORKS}
    demand(compare(spec, cases, runners, runners["fusion"]), reduced=False, what="The export")
    save_cases(cases, out / PARITY_FILE)
    write_manifest(spec, out)


def write_fixed_onnx(network: NetworkName, spec: ModelSpec, module: nn.Module, path: Path) -> None:
    """Write one network with the fixed shape of one row."""
    _write(module, fixed_shape_inputs(network, spec), path, network, spec, None)


def _write(
    net: nn.Module,
    example: tuple[Tensor, ...],
    path: Path,
    network: NetworkName,
    spec: ModelSpec,
    dynamic: Any,  # noqa: ANN401
) -> None:
    with warnings.catch_warnings(), torch.no_grad():
        # the exporter warns of its own deprecations and of guards on sizes that are meant to be dynamic
        warnings.simplefilter("ignore")
        torch.onnx.export(
            net.eval(),
            example,
            str(path),
            output_names=list(output_names(network, spec)),
            dynamic_shapes=dynamic,
            dynamo=True,
            external_data=False,
            verbose=False,
        )


def main(arguments: list[str]) -> int:
    """Command line of the module: CHECKPOINT OUT."""
    logging.disable(logging.WARNING)
    torch.manual_seed(0)
    try:
        export(Path(arguments[0]), Path(arguments[1]))
    except EmotrackError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    finally:
        logging.disable(logging.NOTSET)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
