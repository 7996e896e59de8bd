"""Two hours of four people, made up: what a report has to bear."""

from __future__ import annotations

import math
from collections.abc import Iterator

from core.events import (
    EmotionEstimate,
    End,
    Event,
    Marker,
    Stages,
    Status,
    Transcript,
    Utterance,
)
from core.labels import EMOTIONS

HOP_S = 0.25
TURN_S = 8.0
WORDS = " ".join(f"word{number}" for number in range(18))


def long_run(duration_s: float, people: int, hop_s: float = HOP_S) -> Iterator[Event]:
    """The events after the first: people take turns of eight seconds and are seen all the time."""
    names = [f"p{number + 1}" for number in range(people)]
    for step in range(1, int(duration_s / hop_s) + 1):
        t_s = step * hop_s
        turn, within_s = divmod(t_s, TURN_S)
        speaker = names[int(turn) % people]
        for place, name in enumerate(names):
            yield _estimate(name, t_s, place, None if name != speaker else f"u{int(turn)}", final=False)
        if within_s == 0.0 and turn:
            yield from _turn_ends(names[int(turn - 1) % people], f"u{int(turn) - 1}", t_s)
        if step % 400 == 0:
            yield Status(t_s, "gap", "warning", "The audio has a hole of 0.3 s.", stream="audio")
            yield Marker(t_s, "look here")
    yield End(duration_s, "finished", 0, 0, 0)


def _turn_ends(person: str, utterance: str, t_s: float) -> Iterator[Event]:
    yield Utterance(utterance, person, t_s - TURN_S, t_s - 1.0, "pause", final=True)
    yield Transcript(utterance, person, t_s - TURN_S, t_s - 1.0, WORDS, (), "", "en", 3, final=True)
    yield _estimate(person, t_s - 1.0, 0, utterance, final=True)


def _estimate(person: str, t_s: float, place: int, utterance: str | None, *, final: bool) -> EmotionEstimate:
    wave = 0.5 + 0.5 * math.sin(t_s / (3.0 + place))
    values = {
        label: wave if index % 3 == place % 3 else 0.1 + 0.02 * index for index, label in enumerate(EMOTIONS)
    }
    speaks = utterance is not None
    return EmotionEstimate(
        id=utterance or f"{person}/1", person=person, utterance=utterance, t0_s=t_s - 6.0, t1_s=t_s,
        probabilities=values, active=tuple(label for label in EMOTIONS if values[label] > 0.6),
        peers={"visual": dict.fromkeys(EMOTIONS, 0.4)}, attribution={"visual": 1.0},
        modalities=("text", "audio", "visual") if speaks else ("visual",),
        missing={} if speaks else {"text": "not speaking", "audio": "not speaking"},
        valence=None, arousal=None, confidence=0.6, abstained=wave < 0.1, revision=0, final=final,
        stages=Stages(t_s, t_s, t_s, t_s + 0.1, t_s + 0.2, t_s + 0.25),
    )  # fmt: skip
