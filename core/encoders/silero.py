"""Silero's voice activity network (version 6, MIT) through ONNX Runtime: does a frame hold speech?

The network is recurrent. Its memory is passed in and out as a value, so that one loaded network serves any
number of streams and every stage above it can be snapshotted.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.errors import ModelError, StreamGap
from core.inputs import SAMPLE_RATE, Samples
from core.onnx_session import open_session

FRAME_SAMPLES: Final = 512
"""The network takes exactly this many new samples (32 ms at 16 kHz)."""

_CONTEXT_SAMPLES = 64
_RECURRENT_SHAPE = (2, 1, 128)


@dataclass(frozen=True, slots=True, eq=False)
class VoiceState:
    """What the network remembers of a stream. A frame leaves it untouched and gives a new one.

    Attributes:
        recurrent: (2, 1, 128) float32, hidden and cell state.
        context: (64,) float32, the last samples of the previous frame.
    """

    recurrent: NDArray[np.float32]
    context: Samples


class SileroVoice:
    """Speech probability of 512-sample frames.

    Args:
        path: `silero_vad_16k_op15.onnx`, the 16 kHz network.

    Raises:
        ModelError: the file is absent or is not that network.
    """

    def __init__(self, path: Path) -> None:
        try:
            # failures reach the user as ModelError, not on stderr as well
            session = open_session(path, threads=1, log_severity=4)
        except Exception as error:  # ONNX Runtime's exceptions share no narrower base
            raise _unusable(path, str(error)) from error
        names = {i.name for i in session.get_inputs()}
        if not {"input", "state", "sr"} <= names:
            raise _unusable(path, f"its inputs are {', '.join(sorted(names))}, not input, sr and state")
        self._session = session
        self._rate = np.array(SAMPLE_RATE, dtype=np.int64)

    def initial_state(self) -> VoiceState:
        """The memory at the start of a stream and after a gap: silence."""
        return VoiceState(
            recurrent=np.zeros(_RECURRENT_SHAPE, dtype=np.float32),
            context=np.zeros(_CONTEXT_SAMPLES, dtype=np.float32),
        )

    def probability(self, frame: Samples, state: VoiceState) -> tuple[float, VoiceState]:
        """How likely `frame` holds speech.

        Args:
            frame: (512,) float32 in [-1, 1], 16 kHz, right after the frame that gave `state`.
            state: what the previous call returned, or `initial_state()`.

        Returns:
            The probability in [0, 1], and the state for the next frame.

        Raises:
            StreamGap: the frame is not of 512 samples.
            ModelError: the network failed.
        """
        if frame.shape != (FRAME_SAMPLES,):
            raise StreamGap(
                f"a voice frame has shape {frame.shape} instead of ({FRAME_SAMPLES},).",
                fix="Cut the stream into frames of 512 samples first, as core.stages.vad does.",
            )
        samples = np.concatenate([state.context, frame]).astype(np.float32, copy=False)
        feeds = {"input": samples[None, :], "state": state.recurrent, "sr": self._rate}
        try:
            probability, recurrent = self._session.run(["output", "stateN"], feeds)
        except Exception as error:  # as above
            raise ModelError(f"the voice activity network failed: {error}") from error
        return float(probability[0, 0]), VoiceState(recurrent, samples[-_CONTEXT_SAMPLES:].copy())


def _unusable(path: Path, reason: str) -> ModelError:
    return ModelError(
        f"cannot be loaded as the 16 kHz Silero voice activity network ({reason}).",
        where=str(path),
        fix="Run `emotrack models verify` to check the file, then `emotrack models pull`.",
    )
