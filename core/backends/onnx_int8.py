"""ONNX Runtime with 8-bit matrix products: weights quantised once, inputs at each call ("dynamic").

Only text and fusion. The face network consists of convolutions, whose 8-bit form with dynamic inputs is
slower than the float one. Whisper's layers have features so large that 8 bits lose the others: whichever
layers are kept in float32, an estimate from voice alone moves by .03 to .18 in probability, where .02 is
allowed. It still changes what is said, so it takes part in `auto` only when validation data spoke for it.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from core.backends.base import Form, Network, NetworkName, Precision
from core.backends.host import installed
from core.backends.onnx import Onnx, OnnxNetwork
from core.spec import ModelSpec

if TYPE_CHECKING:
    from core.backends.source import Source


QUANTISED: Final[tuple[NetworkName, ...]] = ("text", "fusion")


class OnnxInt8(Onnx):
    """ONNX Runtime, int8 weights, one scale per output channel; inputs have one scale per call.

    The fusion's first layers stay float32: they see padding, which the mask hides only later, and padding
    would set the scale for the tokens beside it. Measured: .040 in probability with them, .005 without, for
    8 % of its time.
    """

    name: ClassVar[str] = "onnx-int8"
    reduced: ClassVar[bool] = True
    runs: ClassVar[Form] = "artifact"

    def identity(self) -> dict[str, str]:
        """Its version and the processor; the file format's library writes the artifact."""
        return {**super().identity(), "onnx": installed("onnx") or ""}

    def lower(self, source: Source, network: NetworkName, precision: Precision, path: Path) -> None:
        """Quantise the weights of every matrix product."""
        if network not in QUANTISED:
            shutil.copyfile(source.export / path.name, path)
            return
        from onnxruntime.quantization import QuantType, quant_pre_process, quantize_dynamic

        logging.getLogger().addFilter(_no_advice)
        try:
            with tempfile.TemporaryDirectory() as folder:
                prepared = Path(folder) / "prepared.onnx"
                quant_pre_process(
                    str(source.export / f"{network}.onnx"), str(prepared), skip_symbolic_shape=True
                )
                quantize_dynamic(
                    str(prepared),
                    str(path),
                    op_types_to_quantize=["MatMul"],
                    per_channel=True,
                    weight_type=QuantType.QInt8,
                    nodes_to_exclude=_first_layers(prepared, source.spec) if network == "fusion" else [],
                )
        finally:
            logging.getLogger().removeFilter(_no_advice)

    def load(self, path: Path, network: NetworkName, precision: Precision, threads: int) -> Network:
        """As the float32 networks."""
        return OnnxNetwork(path, threads)


def _first_layers(model: Path, spec: ModelSpec) -> list[str]:
    """Names of the products that read tokens or times, known by the width of what they read."""
    import onnx

    graph = onnx.load(model).graph
    widths = {weight.name: weight.dims[0] for weight in graph.initializer if len(weight.dims) == 2}
    inner = {spec.fusion.width, spec.fusion.feedforward}
    return [n.name for n in graph.node if n.op_type == "MatMul" and widths.get(n.input[1], 0) not in inner]


def _no_advice(record: logging.LogRecord) -> bool:
    return "pre-processing" not in record.getMessage()
