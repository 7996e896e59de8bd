"""From what a client saw around a fault to figures, and to what of the wanted bounds is broken."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.faults.registry import BACK_WITHIN_S, MISSING_WITHIN_S, Fault
from benchmarks.faults.run import Message
from benchmarks.live_figures import Observed

HOP_S: Final = 0.25
_IN_FLIGHT_S: Final = 0.5
"""An estimate of the time before the loss may still rest on what was lost, and is said a little later."""

_AHEAD_S: Final = 0.1
_BURST_S: Final = 2.0
_MOST_IN_BURST: Final = 2 * _BURST_S / HOP_S
_HEARD: Final = {
    "me": ("audio", "text"),
    "them": ("audio", "text"),
    "camera": ("visual",),
    "screen": ("visual",),
}


@dataclass(frozen=True, slots=True)
class Times:
    """Wall-clock seconds of one fault: when it was made, mended, and no longer watched."""

    fault_s: float
    cure_s: float
    end_s: float


def check_fault(fault: Fault, times: Times, observed: Observed) -> dict[str, Any]:
    """Figures of one fault, what was said of it, and the bounds that it breaks."""
    messages = [m for m in list(observed.messages) if times.fault_s <= m[0] <= times.end_s]
    said = [m for m in messages if m[1]["type"] == "status" and m[1]["stream"] in fault.streams]
    streams = {name: _stream(name, fault, times, said) for name in fault.streams}
    lost = [f["missing_at_s"] for f in streams.values() if f["missing_at_s"] is not None]
    begun_s = max(lost, default=times.fault_s)
    rolling = [m for m in messages if _is_rolling(m[1])]
    between = [m for m in rolling if begun_s + _IN_FLIGHT_S < m[0] <= times.cure_s]
    figures = {
        "streams": {n: {k: v for k, v in f.items() if k != "missing_at_s"} for n, f in streams.items()},
        "rolling_between": len(between),
        "rolling_between_s": round(max(0.0, times.cure_s - begun_s - _IN_FLIGHT_S), 2),
        "used_between": sorted({part for _, e in between for part in e["modalities"]}),
        "missing_between": _missing(fault.streams, between),
        "using_what_is_lost": sum(
            _uses_lost(fault.streams, e)
            for _, e in between
            if lost and e["t1_s"] > begun_s + _IN_FLIGHT_S - observed.zero_s
        ),
        **_times_of(rolling, observed.zero_s, times, asleep=fault.asleep),
    }
    return {
        "how": fault.how,
        "measured": figures,
        "broken": list(_broken(fault, figures)),
        "messages": [shortened(e) for _, e in [*said, *_telling(fault.streams, between)]],
    }


def shortened(event: dict[str, Any]) -> dict[str, Any]:
    """What of a message tells of a fault."""
    if event["type"] == "status":
        wanted = ("type", "t_s", "code", "level", "message", "stream", "value")
    else:
        wanted = ("type", "person", "t0_s", "t1_s", "modalities", "missing", "final", "stages")
    return {key: event[key] for key in wanted if event.get(key) is not None}


def finals_lost(observed: Observed) -> list[str]:
    """Utterances that began and never got their final estimate."""
    begun = {e["id"] for _, e in observed.of("utterance")}
    done = {e["utterance"] for _, e in observed.of("estimate") if e["final"]}
    return sorted(begun - done)


def sound_lost(observed: Observed) -> list[str]:
    """What the run's last message says of sound that was not taken in."""
    return [f for _, end in observed.of("end") for f in end["faults"] if "of sound were lost" in f]


def _stream(name: str, fault: Fault, times: Times, said: Sequence[Message]) -> dict[str, Any]:
    asked_s = times.cure_s if fault.asleep else times.fault_s
    own = [m for m in said if m[1]["stream"] == name]
    missing = next((m for m in own if m[1]["code"] == "modality_missing"), None)
    later_s = max(times.cure_s, missing[0] if missing is not None else times.cure_s)
    back = next((m for m in own if m[1]["code"] == "modality_back" and m[0] >= later_s), None)
    return {
        "missing_at_s": None if missing is None else missing[0],
        "missing_after_s": None if missing is None else round(missing[0] - asked_s, 2),
        "reason": None if missing is None else missing[1]["value"],
        "back_after_s": None if back is None else round(back[0] - times.cure_s, 2),
        "gaps": [e["message"] for _, e in own if e["code"] == "gap"],
    }


def _is_rolling(event: dict[str, Any]) -> bool:
    return event["type"] == "estimate" and not event["final"]


def _of_mine(stream: str, person: str) -> bool:
    mine = stream in ("me", "camera")
    return person == "me" if mine else not person.startswith("me")


def _missing(streams: Iterable[str], between: Sequence[Message]) -> dict[str, str]:
    """Modality -> the newest reason given in an estimate of somebody who is concerned."""
    found: dict[str, str] = {}
    for stream in streams:
        for _, event in between:
            if _of_mine(stream, event["person"]):
                found |= {part: why for part, why in event["missing"].items() if part in _HEARD[stream]}
    return found


def _telling(streams: Iterable[str], between: Sequence[Message]) -> Sequence[Message]:
    """The newest estimate, of somebody who is concerned if there is one."""
    concerned = [m for m in between if any(_of_mine(stream, m[1]["person"]) for stream in streams)]
    return (concerned or between)[-1:]


def _uses_lost(streams: Iterable[str], event: dict[str, Any]) -> bool:
    return any(
        _of_mine(stream, event["person"]) and set(_HEARD[stream]) & set(event["modalities"])
        for stream in streams
    )


def _times_of(
    rolling: Sequence[Message], zero_s: float, times: Times, *, asleep: bool
) -> dict[str, float | int | None]:
    """Whether stream time goes on: no estimate of the future, none of the sleep, no burst after it."""
    ages_s = [at_s - zero_s - e["t1_s"] for at_s, e in rolling]
    ends_s = sorted(e["t1_s"] for _, e in rolling)
    steps_s = [b - a for a, b in itertools.pairwise(ends_s)]
    figures: dict[str, float | int | None] = {
        "age_least_s": round(min(ages_s), 2) if ages_s else None,
        "longest_pause_s": round(max(steps_s), 2) if steps_s else None,
    }
    if asleep:
        slept = (times.fault_s - zero_s + 1.0, times.cure_s - zero_s - 0.5)
        after = [e["person"] for at_s, e in rolling if times.cure_s <= at_s <= times.cure_s + _BURST_S]
        figures["rolling_of_the_sleep"] = sum(slept[0] < e["t1_s"] < slept[1] for _, e in rolling)
        figures["most_in_2_s_after"] = max((after.count(person) for person in set(after)), default=0)
    return figures


def _broken(fault: Fault, figures: dict[str, Any]) -> Iterable[str]:
    for name, stream in figures["streams"].items():
        if stream["missing_after_s"] is None:
            yield f"{name}: was not told to be missing"
        elif stream["missing_after_s"] > MISSING_WITHIN_S:
            yield f"{name}: missing after {stream['missing_after_s']} s"
        if stream["reason"] is not None and stream["reason"] not in fault.reasons:
            yield f"{name}: missing because of {stream['reason']!r} instead of {' or '.join(fault.reasons)}"
        if stream["back_after_s"] is None:
            yield f"{name}: did not come back"
        elif stream["back_after_s"] > BACK_WITHIN_S:
            yield f"{name}: back after {stream['back_after_s']} s"
    if figures["rolling_between_s"] >= 2 and not figures["rolling_between"] and not fault.asleep:
        yield "no rolling estimate while it lasted"
    if figures["using_what_is_lost"]:
        yield f"{figures['using_what_is_lost']} estimates rest on what is lost"
    if figures["age_least_s"] is not None and figures["age_least_s"] < -_AHEAD_S:
        yield f"an estimate of the future ({figures['age_least_s']} s)"
    if figures.get("rolling_of_the_sleep") and not fault.makes_up:
        yield f"{figures['rolling_of_the_sleep']} estimates of the time asleep"
    if figures.get("most_in_2_s_after", 0) > _MOST_IN_BURST:
        yield f"a burst of {figures['most_in_2_s_after']} estimates"
