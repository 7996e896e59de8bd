"""An engine without networks: supervised, and with a feed, as the real one; it says what it is told to.

python fake_engine.py [--capturing] [--abstain] [--crash-after S] [--fail SENTENCE CODE] [others...]
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from core.events import EmotionEstimate, End, Hello, ModelCard, Stages, Status, StreamInfo
from core.labels import EMOTIONS
from realtime.config import FeedConfig
from realtime.feed.sink import FeedSink
from realtime.runs.control import LiveControl
from realtime.runs.supervision import Supervision

STREAMS = {"me": "audio", "camera": "video", "them": "audio"}


class Gate:
    """Takes a withdrawal."""

    def __init__(self, interrupted: threading.Event) -> None:
        self.withdrawn = False
        self._interrupted = interrupted

    def withdraw_soon(self, means: str) -> None:
        self.withdrawn = True
        self._interrupted.set()


class Muted:
    """What `LiveControl` asks of a session."""

    def __init__(self, begin: list[str]) -> None:
        self.waiting: list[Status] = []
        for kind in begin:
            self.mute("audio" if kind == "audio" else "video", muted=True)

    def mute(self, kind: str, *, muted: bool) -> None:
        code, value = ("modality_missing", "muted") if muted else ("modality_back", None)
        for name in (name for name, of in STREAMS.items() if of == kind):
            self.waiting.append(Status(0.0, code, "info", f"{name}: {code}", stream=name, value=value))


def hello(*, capturing: bool) -> Hello:
    return Hello(
        protocol="1.0",
        version="0",
        started_at="2026-01-01T00:00:00.000Z",
        source="a call",
        labels=EMOTIONS,
        thresholds=dict.fromkeys(EMOTIONS, 0.4),
        hop_s=0.25,
        model=ModelCard("fake", "0" * 64, "none", "says what it is told to"),
        whisper="none",
        streams=tuple(StreamInfo(name, kind) for name, kind in STREAMS.items()),
        capturing=capturing,
    )


def estimate(person: str, number: int, *, face: bool, abstained: bool = False, final: bool = False):
    t_s = number * 0.25
    phase = 0.0 if person == "me" else 2.2
    values = {
        label: round(0.36 + 0.34 * math.sin(t_s / 4 + phase + 1.7 * i), 4) for i, label in enumerate(EMOTIONS)
    }
    used = ("text", "audio", "visual") if face else ("text", "audio")
    return EmotionEstimate(
        id=f"{person}/1",
        person=person,
        utterance=None,
        t0_s=max(0.0, t_s - 6),
        t1_s=t_s,
        probabilities=values,
        active=tuple(label for label in EMOTIONS if values[label] > 0.45),
        peers={},
        attribution=dict.fromkeys(used, 1 / len(used)),
        modalities=used,
        missing={} if face else {"visual": "no face was seen"},
        valence=None,
        arousal=None,
        confidence=0.74 if face else 0.52,
        abstained=abstained,
        revision=number,
        final=final,
        stages=Stages(t_s, None, None, t_s + 0.1, t_s + 0.2, t_s + 0.42),
    )


def run(options: argparse.Namespace) -> int:
    interrupted = threading.Event()
    gate = Gate(interrupted)
    control = LiveControl(interrupted)
    muted = Muted(options.mute)
    control.session = muted
    supervision = Supervision(interrupted, gate)
    supervision.watch()
    if options.fail:
        print(f"emotrack: {options.fail[0]}", file=sys.stderr)
        return int(options.fail[1])
    feed = FeedSink(port=0, control=control)
    sink, seq = control.before(feed), 0

    def say(event) -> None:
        nonlocal seq
        sink.write(event, seq)
        seq += 1

    supervision.announce(feed, FeedConfig())
    print("capturing", file=sys.stderr)
    say(hello(capturing=options.capturing))
    begun_s, number = time.monotonic(), 0
    while not interrupted.wait(1 / options.rate_hz):
        number += 1
        for status in muted.waiting:
            say(dataclasses.replace(status, t_s=number * 0.25))
        muted.waiting.clear()
        say(estimate("me", number, face=True))
        say(estimate("them", number, face=False, abstained=options.abstain))
        if time.monotonic() - begun_s > options.crash_after:
            print("emotrack: The network fuse has failed.", file=sys.stderr)
            return 5
    t_s = number * 0.25
    if options.capturing:
        say(Status(t_s, "capture", "info", "nothing is captured any more", value="off"))
    say(dataclasses.replace(estimate("me", number + 1, face=True), id="u1", utterance="u1", final=True))
    if gate.withdrawn:
        say(Status(t_s, "consent", "warning", "deleted", value="withdrawn"))
    say(End(t_s, "interrupted", 1, number, 1))
    feed.close()
    return 0


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--capturing", action="store_true")
    parser.add_argument("--abstain", action="store_true")
    parser.add_argument("--crash-after", type=float, default=math.inf)
    parser.add_argument("--fail", nargs=2)
    parser.add_argument("--rate-hz", type=float, default=8.0)
    parser.add_argument("--mute", action="append", default=[])
    options, _ = parser.parse_known_args()
    return run(options)


if __name__ == "__main__":
    sys.exit(main())
