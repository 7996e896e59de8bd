"""What the dashboard costs with four people at 10 Hz: `python -m tests.e2e.soak_page --minutes 30`."""

from __future__ import annotations

import argparse
import json
import math
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from websockets.sync.client import connect

from core.events import EmotionEstimate, Event, Hello, ModelCard, Stages, StreamInfo, Transcript, Utterance
from core.labels import EMOTIONS, MODALITIES
from realtime.feed.sink import FeedSink
from tests.e2e.browser import Tab, browsing

PEOPLE = ("p1", "p2", "p3", "p4")
HOP_S = 0.1
TURN_S = 5.0
WARM_S = 15.0
WORDS = "Don't forget a jacket, it will be cold tonight."
HELLO = Hello(
    protocol="1.0",
    version="0.1.0",
    started_at="2025-01-01T12:00:00+00:00",
    source="recording four.mp4",
    labels=EMOTIONS,
    thresholds=dict.fromkeys(EMOTIONS, 0.5),
    hop_s=HOP_S,
    model=ModelCard("soak", "0" * 64, "none", "Made up."),
    whisper="base",
    streams=(StreamInfo("audio", "audio"), StreamInfo("video", "video")),
)


def step(number: int) -> Iterator[Event]:
    """What is said at hop `number`; each turn of a person ends with the finals of its utterance."""
    t_s = number * HOP_S
    turn = int(t_s / TURN_S)
    ends = math.floor((t_s + HOP_S) / TURN_S) > turn
    for index, person in enumerate(PEOPLE):
        name = f"u{turn * len(PEOPLE) + index + 1}"
        values = {
            label: 0.5 + 0.45 * math.sin(t_s / (2 + 0.4 * i) + i + index) for i, label in enumerate(EMOTIONS)
        }
        estimate = EmotionEstimate(
            id=name,
            person=person,
            utterance=name,
            t0_s=turn * TURN_S,
            t1_s=t_s,
            probabilities=values,
            active=tuple(label for label in EMOTIONS if values[label] > 0.5),
            peers={m: {label: 0.8 * values[label] + 0.1 for label in EMOTIONS} for m in MODALITIES},
            attribution=dict.fromkeys(MODALITIES, 1 / 3),
            modalities=MODALITIES,
            missing={},
            valence=None,
            arousal=None,
            confidence=0.7,
            abstained=False,
            revision=number,
            final=False,
            stages=Stages(t_s, t_s, t_s, t_s, t_s + 0.05),
        )
        yield estimate
        if number % 10 == index or ends:
            said = WORDS if ends else WORDS[: number % 40]
            yield Utterance(name, person, turn * TURN_S, t_s, "pause" if ends else None, ends)
            yield Transcript(name, person, turn * TURN_S, t_s, said, (), "", "en", number, ends)
        if ends:
            yield replace(estimate, revision=number + 1, final=True)


class Meter:
    """Reads what the page and its processes have used so far."""

    def __init__(self, tab: Tab, profile: Path) -> None:
        self._tab = tab
        port, path = (profile / "DevToolsActivePort").read_text().splitlines()[:2]
        self._browser = f"ws://127.0.0.1:{port}{path}"
        tab.call("Performance.enable")

    def cpu_s(self) -> float:
        """CPU seconds of the page's own process: scripts, layout, drawing."""
        with connect(self._browser, compression=None, proxy=None) as socket:
            processes = Tab(socket).call("SystemInfo.getProcessInfo")["processInfo"]
        return max(process["cpuTime"] for process in processes if process["type"] == "renderer")

    def heap_mb(self) -> float:
        """Live memory after a collection of garbage, arrays of numbers included."""
        self._tab.call("HeapProfiler.collectGarbage")
        usage = self._tab.call("Runtime.getHeapUsage")
        return float(usage["usedSize"] + usage.get("backingStorageSize", 0)) / 1e6

    def counts(self) -> dict[str, int]:
        """Nodes and listeners that are alive after a collection of garbage."""
        self._tab.call("HeapProfiler.collectGarbage")
        return dict(self._tab.call("Memory.getDOMCounters"))


def first_paint_ms(tab: Tab) -> float:
    """From the start of the navigation to the first words on the page."""
    tab.until("performance.getEntriesByName('first-contentful-paint').length > 0")
    return float(tab.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime"))


def soak(minutes: float) -> dict[str, object]:
    """Feed a page for a while; returns figures."""
    with tempfile.TemporaryDirectory() as folder, closing(FeedSink(port=0)) as feed:
        profile = Path(folder)
        with browsing(profile, "--window-size=1400,900") as tab:
            feed.write(HELLO, 0)
            tab.open(feed.page_url)
            tab.until("document.getElementById('connection').dataset.state === 'live'")
            meter = Meter(tab, profile)
            paint_ms = first_paint_ms(tab)
            seq, finals, begun = 0, 0, time.monotonic()
            cpu_s = heap_mb = 0.0
            before: dict[str, int] = {}
            warm = int(WARM_S / HOP_S)
            hops = warm + int(minutes * 60 / HOP_S)
            for number in range(1, hops + 1):
                for event in step(number):
                    seq += 1
                    finals += isinstance(event, EmotionEstimate) and event.final
                    feed.write(event, seq)
                if number == warm:
                    cpu_s, heap_mb, before = meter.cpu_s(), meter.heap_mb(), meter.counts()
                time.sleep(max(0.0, begun + number * HOP_S - time.monotonic()))
            used_s, grown_mb = meter.cpu_s() - cpu_s, meter.heap_mb() - heap_mb
            after = meter.counts()
            counted = "[...m.run.people.panels.values()].reduce((sum, panel) => sum + panel.finals.added, 0)"
            shown = tab.evaluate(f"import('/view.js').then(m => {counted})")
    return {
        "minutes": minutes,
        "first_paint_ms": round(paint_ms),
        "core_percent": round(100 * used_s / (minutes * 60), 1),
        "heap_after_warm_up_mb": round(heap_mb, 1),
        "heap_growth_mb": round(grown_mb, 2),
        "nodes": [before["nodes"], after["nodes"]],
        "listeners": [before["jsEventListeners"], after["jsEventListeners"]],
        "finals_sent": finals,
        "finals_shown": shown,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    print(json.dumps(soak(parser.parse_args().minutes), indent=2))
