"""Subtitles with speaker and emotion: WebVTT (W3C) and SubRip."""

from __future__ import annotations

import html

from core.terminal_text import clean
from realtime.exports.run import FinishedRun, Spoken
from realtime.sinks.webvtt import timestamp
from realtime.summary.wording import spoken_name


def webvtt(run: FinishedRun) -> str:
    """Every utterance with words as a cue: the speaker as voice, the emotion in brackets."""
    cues = ["WEBVTT\n"]
    for one in _with_words(run):
        start_ms, end_ms = _span(one)
        name, text = (html.escape(part, quote=False) for part in (spoken_name(one.person), _text(one)))
        cues.append(f"{one.id}\n{timestamp(start_ms)} --> {timestamp(end_ms)}\n<v {name}>{text}</v>\n")
    return "\n".join(cues)


def subrip(run: FinishedRun) -> str:
    """The same for players that know SubRip alone: the speaker stands before the words."""
    cues = []
    for number, one in enumerate(_with_words(run), 1):
        start, end = (timestamp(ms).replace(".", ",") for ms in _span(one))
        cues.append(f"{number}\n{start} --> {end}\n{spoken_name(one.person)}: {_text(one)}\n")
    return "\n".join(cues)


def _with_words(run: FinishedRun) -> list[Spoken]:
    return [one for one in run.spoken if one.text.strip()]


def _text(one: Spoken) -> str:
    words = " ".join(clean(one.text).split()).replace("-->", "->")
    return f"{words} [{one.label}]" if one.label else words


def _span(one: Spoken) -> tuple[int, int]:
    start_ms = round(max(one.t0_s, 0.0) * 1000)
    return start_ms, max(round(one.t1_s * 1000), start_ms + 1)
