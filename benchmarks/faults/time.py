"""Faults of clocks: a sound card that counts wrong, and a wall clock that is set."""

from __future__ import annotations

import itertools
import re
import signal
import time
from pathlib import Path
from typing import Any, Final

from benchmarks.faults.checks import shortened
from benchmarks.faults.run import FaultyRun
from benchmarks.faults.sound import FaultySound
from benchmarks.live_figures import Observed

DRIFTING: Final = "drifting"
_DRIFT_WITHIN_PPM: Final = 30.0
_OFFSET_WITHIN_MS: Final = 20.0
_WATCH_S: Final = 6.0
_LAUNCHER: Final = ("-m", "benchmarks.faults.clock")


def drift(sound: FaultySound, folder: Path, words: list[str], ppm: float, seconds: float) -> dict[str, Any]:
    """A microphone whose clock is wrong by so many millionths, through a pipe that is fed at that rate."""
    file = folder / f"drift{ppm:+.0f}.pipe"
    with sound.pipe(DRIFTING, file, ppm):
        run = FaultyRun([*words, "--microphone", DRIFTING, "--no", "camera"], sound.environment)
        with run:
            run.wait_until_calm(1.0, 60.0)
            time.sleep(seconds)
    sound.control("unload-module", "module-pipe-source")
    return {
        "how": f"a pipe source is fed at 48 kHz {ppm:+.0f} ppm for {seconds:.0f} s",
        **_of_drift(run.observed, ppm),
        "observed": run.observed,
        "ended_in_s": run.ended_in_s,
    }


def _of_drift(observed: Observed, ppm: float) -> dict[str, Any]:
    clocks = [e for _, e in observed.of("status") if e["code"] == "clock" and e["stream"] == "me"]
    gaps = [e["message"] for _, e in observed.of("status") if e["code"] == "gap" and e["t_s"] > 1.0]
    found = [_ppm_of(event["message"]) for event in clocks]
    offsets_ms = [float(event["value"]) for event in clocks]
    broken = [f"a gap: {message}" for message in gaps]
    if len(clocks) < 2:
        broken.append("the clock was told less than twice")
    elif abs(found[-1] - ppm) > _DRIFT_WITHIN_PPM:
        broken.append(f"{found[-1]:+.0f} ppm was found")
    if offsets_ms and abs(offsets_ms[-1]) > _OFFSET_WITHIN_MS:
        broken.append(f"{offsets_ms[-1]} ms beside stream time")
    return {
        "measured": {"found_ppm": found, "offsets_ms": offsets_ms, "gaps": gaps},
        "broken": broken,
        "messages": [shortened(event) for event in clocks[:1] + clocks[-1:]],
    }


def _ppm_of(message: str) -> float:
    told = re.search(r"([+-]\d+) ppm", message)
    return float(told.group(1)) if told is not None else float("nan")


def wall_clock(sound: FaultySound, words: list[str]) -> dict[str, Any]:
    """The command's wall clock goes an hour ahead, then two hours back."""
    run = FaultyRun([*words, "--no", "camera"], sound.environment, _LAUNCHER)
    with run:
        run.wait_until_calm(2.0, 60.0)
        begun_s = time.time()
        for number in (signal.SIGUSR1, signal.SIGUSR2):
            time.sleep(_WATCH_S / 2)
            run.send_to_command(number)
            time.sleep(_WATCH_S)
        ended_s = time.time()
    return {
        "how": "the command's own time.time() is put on by an hour, then back by two",
        **_of_jump(run.observed, begun_s, ended_s),
        "observed": run.observed,
        "ended_in_s": run.ended_in_s,
    }


def _of_jump(observed: Observed, begun_s: float, ended_s: float) -> dict[str, Any]:
    within = [(at_s, e) for at_s, e in observed.messages if begun_s <= at_s <= ended_s]
    rolling = [(at_s, e) for at_s, e in within if e["type"] == "estimate" and not e["final"]]
    ages_s = [at_s - observed.zero_s - e["t1_s"] for at_s, e in rolling]
    told = [e for _, e in within if e["type"] == "status" and e["code"] in ("gap", "modality_missing")]
    pauses_s = [b[0] - a[0] for a, b in itertools.pairwise(rolling)]
    broken = [e["message"] for e in told]
    if not ages_s or min(ages_s) < -0.1 or max(ages_s) > 60.0:
        broken.append("stream time has moved")
    return {
        "measured": {
            "rolling": len(rolling),
            "age_s": [round(min(ages_s), 2), round(max(ages_s), 2)] if ages_s else None,
            "longest_pause_s": round(max(pauses_s), 2) if pauses_s else None,
            "missing_or_gaps": len(told),
        },
        "broken": broken,
        "messages": [shortened(e) for _, e in rolling[-1:]],
    }
