"""Annotations for other programs: who speaks (RTTM), Audacity's labels, Praat's TextGrid."""

from __future__ import annotations

from collections.abc import Callable

from core.terminal_text import clean
from realtime.exports.run import FinishedRun, Spoken


def rttm(run: FinishedRun) -> str:
    """Who speaks when, as NIST's RTTM: one SPEAKER line for each utterance."""
    file = _token(run.name)
    return "".join(
        f"SPEAKER {file} 1 {one.t0_s:.3f} {one.t1_s - one.t0_s:.3f} "
        f"<NA> <NA> {_token(one.person)} <NA> <NA>\n"
        for one in run.spoken
    )


def audacity(run: FinishedRun) -> str:
    """A label track of Audacity: start, end, person with emotion and words; marks are points."""
    lines = [
        (one.t0_s, one.t1_s, ": ".join(part for part in (_who(one), _line(one.text)) if part))
        for one in run.spoken
    ]
    lines += [(mark.t_s, mark.t_s, _line(mark.label) or "mark") for mark in run.marks]
    return "".join(f"{t0_s:.6f}\t{t1_s:.6f}\t{text}\n" for t0_s, t1_s, text in sorted(lines))


def textgrid(run: FinishedRun) -> str:
    """Praat's long text format: for each person a tier of words, and one of emotions."""
    end_s = max([0.01, *(one.t1_s for one in run.spoken), *(one.t1_s for one in run.estimates)])
    speakers = list(dict.fromkeys(one.person for one in run.spoken))
    tiers: list[str] = []
    for person in speakers:
        own = [one for one in run.spoken if one.person == person]
        for kind, text in _TIERS.items():
            tiers.append(_tier(len(tiers) + 1, f"{person} {kind}", own, text, end_s))
    head = [
        'File type = "ooTextFile"',
        'Object class = "TextGrid"',
        "",
        "xmin = 0",
        f"xmax = {end_s:.3f}",
        "tiers? <exists>",
        f"size = {len(tiers)}",
        "item []:",
    ]
    return "\n".join([*head, *tiers]) + "\n"


_TIERS: dict[str, Callable[[Spoken], str]] = {
    "words": lambda one: one.text,
    "emotion": lambda one: one.label or "not enough evidence",
}


def _tier(number: int, name: str, own: list[Spoken], text: Callable[[Spoken], str], end_s: float) -> str:
    """One interval tier. Praat wants intervals without holes, so silence is an empty one."""
    intervals: list[tuple[float, float, str]] = []
    at_s = 0.0
    for one in own:
        start_s, stop_s = round(max(at_s, one.t0_s), 3), round(min(one.t1_s, end_s), 3)
        if stop_s <= start_s:
            continue
        if start_s > at_s:
            intervals.append((at_s, start_s, ""))
        intervals.append((start_s, stop_s, text(one)))
        at_s = stop_s
    if at_s < round(end_s, 3):
        intervals.append((at_s, end_s, ""))
    lines = [
        f"    item [{number}]:",
        '        class = "IntervalTier"',
        f'        name = "{_quoted(name)}"',
        "        xmin = 0",
        f"        xmax = {end_s:.3f}",
        f"        intervals: size = {len(intervals)}",
    ]
    for index, (start_s, stop_s, words) in enumerate(intervals, 1):
        lines += [
            f"        intervals [{index}]:",
            f"            xmin = {start_s:.3f}",
            f"            xmax = {stop_s:.3f}",
            f'            text = "{_quoted(words)}"',
        ]
    return "\n".join(lines)


def _who(one: Spoken) -> str:
    return f"{one.person} [{one.label}]" if one.label else one.person


def _line(text: str) -> str:
    return " ".join(clean(text).split())


def _quoted(text: str) -> str:
    return _line(text).replace('"', '""')


def _token(text: str) -> str:
    """A name without spaces: RTTM is separated by them."""
    return "_".join(_line(text).split()) or "run"
