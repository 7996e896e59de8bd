"""How long what was said took to become an estimate."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field

import numpy as np

from core.events import EmotionEstimate, Stages


@dataclass(frozen=True)
class Spread:
    """Some delays, in seconds: their number, the middle, and what 95 of 100 do not exceed."""

    count: int
    p50_s: float
    p95_s: float


@dataclass
class Delays:
    """The delays of one run: 8 bytes for each estimate.

    Attributes:
        finals: stage -> seconds from the last sound of an utterance until the stage had done its part for the
            final estimate: turn, words, tokens, fusion, sending.
        rolling: seconds from the newest input of a rolling estimate until it was sent, or fused.
        sent: some estimate was handed to a feed while time went on; a replay waits for the work.
    """

    finals: dict[str, array[float]] = field(default_factory=dict)
    rolling: array[float] = field(default_factory=lambda: array("d"))
    sent: bool = False

    def add(self, estimate: EmotionEstimate) -> None:
        """Take in the stages of one estimate."""
        stages = estimate.stages
        self.sent = self.sent or stages.sent_s is not None
        if not estimate.final:
            self.rolling.append(_done_s(stages) - stages.captured_s)
            return
        reached = {
            "turn": stages.voice_s,
            "words": stages.words_s,
            "tokens": stages.encoded_s,
            "fusion": stages.fused_s,
            "sending": stages.sent_s,
            "final": _done_s(stages),
        }
        for stage, at_s in reached.items():
            if at_s is not None:
                self.finals.setdefault(stage, array("d")).append(at_s - estimate.t1_s)
        if stages.voice_s is not None:
            self.finals.setdefault("decided", array("d")).append(_done_s(stages) - stages.voice_s)


def spread(delays: array[float] | None) -> Spread | None:
    """Median and 95th percentile; None of nothing."""
    if not delays:
        return None
    p50_s, p95_s = np.percentile(np.asarray(delays), [50, 95])
    return Spread(len(delays), round(float(p50_s), 3), round(float(p95_s), 3))


def _done_s(stages: Stages) -> float:
    return stages.sent_s if stages.sent_s is not None else stages.fused_s
