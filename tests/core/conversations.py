"""Random conversations, drawn by hypothesis: speech, pauses, faces, cuts and holes."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

from core.config import EngineConfig
from core.engine.engine import Engine
from core.events import StreamInfo
from core.inputs import SAMPLE_RATE, EndOfStream, Gap, SourceInput
from tests.core import fakes

AUDIO = StreamInfo("audio", "audio")
VIDEO = StreamInfo("video", "video")
BOTH = (AUDIO, VIDEO)
CONFIG = EngineConfig()
LIVE = EngineConfig(deterministic=False)


@dataclass(frozen=True)
class Conversation:
    """Inputs and the streams that they are of."""

    inputs: list[SourceInput]
    streams: tuple[StreamInfo, ...]

    def engine(self, config: EngineConfig = CONFIG) -> Engine:
        return engine(self.streams, config)


def engine(streams: tuple[StreamInfo, ...] = BOTH, config: EngineConfig = CONFIG, **options) -> Engine:
    """An engine on fakes."""
    return Engine(config, fakes.spec(), fakes.ScriptedVoice(), streams, **options)


tenths = st.integers(1, 20).map(lambda n: n / 10)


@st.composite
def sounds(draw: st.DrawFn, stream: str = "audio") -> list[SourceInput]:
    """One audio stream: parts of speech and silence, some with a hole after them."""
    items: list[SourceInput] = []
    position = 0
    for part in range(draw(st.integers(0, 3))):
        before_s, length_s = draw(tenths), draw(tenths)
        after_s = draw(st.just(0.0) | tenths)  # without a pause, speech runs into the hole
        samples = fakes.voice(before_s + length_s + after_s, [(before_s, before_s + length_s)], seed=part)
        # parts end between two frames of the voice network, at a hop, or anywhere
        grid = draw(st.sampled_from([512, 4000, 1, 37]))
        end = (position + len(samples)) // grid * grid
        samples = samples[: end - position]
        items += fakes.chunks(samples, stream, position)
        position += len(samples)
        hole = draw(st.sampled_from([0, 0, 160, 1600, 8000]))
        if hole:
            items.append(Gap(stream, position / SAMPLE_RATE, (position + hole) / SAMPLE_RATE, "a hole"))
            position += hole
    return [*items, EndOfStream(stream, position / SAMPLE_RATE)]


@st.composite
def sights(draw: st.DrawFn) -> list[SourceInput]:
    """One video stream: shots with up to three faces, some with a hole after them."""
    items: list[SourceInput] = []
    position_s = 0.0
    for shot in range(draw(st.integers(0, 3))):
        end_s = round(position_s + draw(tenths), 1)
        motion = draw(st.sampled_from([(0, 0, 0), (60, 0, 0), (0, 60, 0), (40, 40, 40)]))
        items += fakes.frames(position_s, end_s, draw(st.integers(0, 3)), motion, scene=shot)
        if draw(st.booleans()):
            items.append(Gap("video", end_s, end_s + 0.5, "a hole"))
            end_s += 0.5
        position_s = end_s
    return [*items, EndOfStream("video", position_s)]


@st.composite
def conversations(draw: st.DrawFn) -> Conversation:
    """Sound and sight, or only one of them."""
    parts: dict[StreamInfo, list[SourceInput]] = {}
    present = draw(st.sampled_from([BOTH, BOTH, BOTH, (AUDIO,), (VIDEO,)]))
    if AUDIO in present:
        parts[AUDIO] = draw(sounds())
    if VIDEO in present:
        parts[VIDEO] = draw(sights())
    return Conversation(fakes.merged(*parts.values()), tuple(parts))
