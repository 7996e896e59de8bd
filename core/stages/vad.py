"""Audio chunks of any length in, a speech probability for every 512-sample frame out."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np

from core.encoders.silero import FRAME_SAMPLES, VoiceState
from core.errors import StreamGap
from core.inputs import AudioChunk, Samples


class VadNetwork(Protocol):
    """What the stage needs of `core.encoders.silero.SileroVoice`."""

    def initial_state(self) -> VoiceState: ...  # noqa: D102

    def probability(self, frame: Samples, state: VoiceState) -> tuple[float, VoiceState]: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class VadFrame:
    """Speech probability in [0, 1] of the 512 samples from `start_sample` on."""

    start_sample: int
    probability: float


@dataclass(frozen=True, slots=True, eq=False)
class VadState:
    """Everything the stage remembers; it may be kept and put back at any time.

    Attributes:
        network: the network's memory.
        position: index of the next sample expected, None before the first chunk and after a gap.
        rest: fewer than 512 samples that wait for more; they end at `position`.
    """

    network: VoiceState
    position: int | None
    rest: Samples


class Vad:
    """Cuts a stream into frames and asks the network about each, however the stream was chunked."""

    def __init__(self, network: VadNetwork) -> None:
        self._network = network
        self.state = self._fresh()

    def push(self, chunk: AudioChunk) -> list[VadFrame]:
        """Take in the next chunk.

        Raises:
            StreamGap: the chunk does not begin where the last one ended and `gap` was not called.
        """
        state = self.state
        if state.position is not None and chunk.start_sample != state.position:
            raise StreamGap(
                f"audio continues at sample {chunk.start_sample} instead of {state.position}.",
                where=chunk.stream,
                fix="Report a hole in the stream as a Gap before the next chunk.",
            )
        samples = np.concatenate([state.rest, chunk.samples])
        start = chunk.start_sample - len(state.rest)
        network, frames, used = state.network, [], 0
        while used + FRAME_SAMPLES <= len(samples):
            frame = samples[used : used + FRAME_SAMPLES]
            probability, network = self._network.probability(frame, network)
            frames.append(VadFrame(start + used, probability))
            used += FRAME_SAMPLES
        self.state = VadState(network, chunk.end_sample, samples[used:].copy())
        return frames

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """A stage that goes on from here independently; it shares the network, which remembers nothing."""
        return copy.copy(self)  # the state is a value that is replaced, never changed

    def gap(self) -> None:
        """Forget the audio so far: the next chunk may begin anywhere."""
        self.state = self._fresh()

    def _fresh(self) -> VadState:
        return VadState(self._network.initial_state(), None, np.zeros(0, dtype=np.float32))
