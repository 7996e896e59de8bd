"""WeSpeaker's ResNet34 speaker network (Wang et al. 2023, VoxCeleb) in two parts: speech is computed once.

The trunk turns filterbank frames into features of 80 ms each; the head pools any set of them (mean and
standard deviation over time) into one embedding. The trunk is run once on each block of speech, the head on
as many overlapping windows as are wanted: it costs a small matrix product.

Legend: F features of 80 ms, D feature width, E embedding width.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from core.encoders.kaldi_fbank import HOP, WINDOW, fbank
from core.errors import ModelError
from core.inputs import Samples
from core.onnx_session import open_session

if TYPE_CHECKING:
    from onnx import ModelProto

FEATURE_SAMPLES: Final = 8 * HOP
"""One feature stands for this many samples (80 ms at 16 kHz)."""
LOOKAHEAD_SAMPLES: Final = WINDOW - HOP
"""Samples after the last feature that its last window reaches into."""

_EPSILON: Final = 1e-7


class SpeakerHead:
    """From features to an embedding. It remembers nothing, so streams share it.

    Args:
        weight: (E, 2 D) float32.
        bias: (E,) float32.
    """

    def __init__(self, weight: NDArray[np.float32], bias: NDArray[np.float32]) -> None:
        self._weight = weight
        self._bias = bias

    def embed(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Embedding of (F, D) features, F at least 2: (E,) float32 of length 1."""
        deviation = np.sqrt(features.var(axis=0, ddof=1) + _EPSILON)
        pooled = np.concatenate([features.mean(axis=0), deviation])
        embedding = self._weight @ pooled + self._bias
        unit: NDArray[np.float32] = (embedding / max(float(np.linalg.norm(embedding)), 1e-9)).astype(
            np.float32
        )
        return unit

    def __deepcopy__(self, memo: dict[int, Any]) -> SpeakerHead:
        """Itself: it never changes, and a snapshot need not hold five megabytes."""
        return self


class SpeakerNetwork:
    """The trunk, and the head that belongs to it.

    Args:
        path: the network as one ONNX file, from `input_features` (B, T, 80) to `last_hidden_state` (B, 256).

    Raises:
        ModelError: the file is absent or is not that network.
    """

    def __init__(self, path: Path) -> None:
        import onnx

        try:
            model = onnx.load(str(path))
            trunk, self.head = _split(model)
            self._session = open_session(trunk.SerializeToString(), threads=1, log_severity=4)
        except Exception as error:  # onnx's and ONNX Runtime's exceptions share no narrower base
            raise ModelError(
                f"cannot be loaded as WeSpeaker's ResNet34 ({error}).",
                where=str(path),
                fix="Run `emotrack models verify` to check the file, then `emotrack models pull`.",
            ) from error

    def features(self, samples: Samples, count: int) -> NDArray[np.float32]:
        """Features of the end of `samples`.

        Args:
            samples: (n,) float32, 16 kHz: context, the blocks wanted, and `LOOKAHEAD_SAMPLES` more. All of it
                gives the mean that is taken off (the channel); the network sees six features of context.
            count: how many features are wanted.

        Returns:
            (count, D) float32.

        Raises:
            ModelError: the network failed.
        """
        energies = fbank(samples)
        heard = energies.max(axis=1) > _SILENCE  # zeros stand for what was never heard
        if heard.any():
            energies -= energies[heard].mean(axis=0)
        seen = energies[-(count + _CONTEXT) * 8 :]
        try:
            (maps,) = self._session.run(None, {"input_features": seen[None]})  # (1, channels, bands, F)
        except Exception as error:  # as above
            raise ModelError(f"the speaker network failed: {error}") from error
        features: NDArray[np.float32] = maps[0].reshape(-1, maps.shape[-1]).T[-count:]
        return np.ascontiguousarray(features)


_CONTEXT: Final = 6
_SILENCE: Final = -10.0


def _split(model: ModelProto) -> tuple[ModelProto, SpeakerHead]:
    """Cut the graph before it pools over time, and take the last layer's weights out."""
    from onnx import numpy_helper, utils

    last = model.graph.node[-2]
    if last.op_type != "Gemm" or model.graph.node[-1].op_type != "Sub":
        raise ValueError("its last layers are other ones")
    weights = {item.name: numpy_helper.to_array(item) for item in model.graph.initializer}
    shift = weights.get(model.graph.node[-1].input[1], np.float32(0.0))
    head = SpeakerHead(weights[last.input[1]], weights[last.input[2]] - shift)
    pooled = next(node.input[0] for node in model.graph.node if node.op_type == "ReduceMean")
    return utils.Extractor(model).extract_model(["input_features"], [pooled]), head
