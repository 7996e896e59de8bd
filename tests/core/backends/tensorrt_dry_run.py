"""Converts networks with the real torch-tensorrt on a machine without a graphics card, up to the engine.

    python tests/core/backends/tensorrt_dry_run.py CHECKPOINT NETWORK...

prints one line of JSON: network -> how many operators there are, how many TensorRT takes, into how many
engines, and what would be left to torch. The card is a shim: its description is made up, nothing runs on it.
"""

from __future__ import annotations

import json
import os
import sys
import types
from pathlib import Path

import torch


def pretend_card() -> None:
    card = types.SimpleNamespace(
        name="A card made up", major=9, minor=0, total_memory=1 << 36, multi_processor_count=132
    )
    torch.cuda.get_device_capability = lambda *_: (card.major, card.minor)
    torch.cuda.get_device_properties = lambda *_: card
    torch.cuda.get_device_name = lambda *_: card.name
    torch.cuda.current_device = lambda: 0
    torch.cuda.device_count = lambda: 1
    torch.cuda.mem_get_info = lambda *_: (1 << 36, 1 << 36)
    torch.cuda.empty_cache = lambda: None
    torch._C._CudaDeviceProperties = type(card)


def import_library() -> types.ModuleType:
    """With its C++ runtime out of sight, as that needs libtorch_cuda."""
    there, available = os.path.isfile, torch.cuda.is_available
    os.path.isfile = lambda path: "libtorchtrt" not in str(path) and there(path)
    torch.cuda.is_available = lambda: True
    try:
        import torch_tensorrt
    finally:
        os.path.isfile, torch.cuda.is_available = there, available
    torch_tensorrt.Device.to = lambda *_: torch.device("cpu")
    return torch_tensorrt


def main(checkpoint: Path, networks: list[str]) -> None:
    pretend_card()
    library = import_library()
    from core.backends.modules import fixed_shape_inputs, load_module
    from core.backends.tensorrt import convert
    from core.spec import read_spec
    from core.weights import locate

    counts = []
    library.dynamo._compiler.dryrun_stats_display = lambda tracker, _: counts.append(tracker)
    spec = read_spec(checkpoint)
    found = {}
    for network in networks:
        module = load_module(network, spec, checkpoint, locate)
        convert(library, module, fixed_shape_inputs(network, spec), "fp32", dry_run=True)
        count = counts.pop()
        found[network] = {
            "operators": count.total_ops_in_graph,
            "taken": count.supported_ops_in_graph,
            "engines": count.tensorrt_graph_count,
            "left": [str(node) for node in count.to_run_in_torch],
        }
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
