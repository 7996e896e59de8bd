"""What the window says about the run as a whole, in words: capturing, muted, lost, crashed, stopped."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Literal


class Phase(Enum):
    """What the engine's process is doing."""

    OFF = "off"
    STARTING = "starting"
    """The process is there, its feed is not."""
    RUNNING = "running"
    STOPPING = "stopping"
    """It works off the last words."""
    WAITING = "waiting"
    """It has failed and is started again soon."""
    FAILED = "failed"
    """It has failed and is not started again by itself."""


Tone = Literal["quiet", "live", "warn", "bad"]


@dataclass(frozen=True, slots=True)
class TrackerStatus:
    """Everything that the sign depends on.

    Attributes:
        phase: what the engine is doing.
        sentence: what it said last of itself, or why it has failed.
        pause_s: how long until it is started again.
        linked: whether the window follows its feed.
        capturing: whether devices are open for it, as far as is known.
        playing: name of the recording that is played in place of devices; "" where people are captured.
        audio_devices, video_devices: the devices that are open, as people call them.
        closed_devices: those that the run was to use and that are not open: lost, refused, not open yet.
        audio_muted, video_muted: whether these are muted.
        note: what the last run left behind to be said, "" when nothing.
    """

    phase: Phase = Phase.OFF
    sentence: str = ""
    pause_s: float = 0.0
    connected: bool = False
    capturing: bool = False
    playing: str = ""
    audio_devices: tuple[str, ...] = ()
    video_devices: tuple[str, ...] = ()
    closed_devices: tuple[str, ...] = ()
    audio_muted: bool = False
    video_muted: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class StatusIndicator:
    """What stands at the top of the window and at the tray icon.

    Attributes:
        mark: one character that says it by its shape.
        word: the state in a word or two.
        more: a sentence, or "".
        tone: how urgent it is.
        dot: whether the sign of capturing is shown: people are heard or seen.
        retry: whether trying again is offered.
    """

    mark: str
    word: str
    more: str = ""
    tone: Tone = "quiet"
    dot: bool = False
    retry: bool = False


def indicator_for(now: TrackerStatus) -> StatusIndicator:
    """The sign for a situation."""
    match now.phase:
        case Phase.OFF:
            return StatusIndicator("○", "Stopped", now.note or "Nothing is captured.")
        case Phase.STARTING:
            what = "" if now.playing else "Devices are being opened. "
            return StatusIndicator(
                "◌", "Starting", what + (now.sentence or "Models are being loaded."), dot=now.capturing
            )
        case Phase.STOPPING:
            return StatusIndicator("○", "Ending", "The last words are worked off.", dot=now.capturing)
        case Phase.WAITING:
            again = f"Starting again in {now.pause_s:.0f} s; nothing is captured until then."
            return StatusIndicator("▲", "Engine failed", f"{_ended(now.sentence)} {again}", "bad", retry=True)
        case Phase.FAILED:
            more = f"{_ended(now.sentence)} Nothing is captured."
            return StatusIndicator("▲", "Engine failed", more, "bad", retry=True)
        case Phase.RUNNING:
            return _running(now)


def _running(now: TrackerStatus) -> StatusIndicator:
    if not now.connected:
        goes_on = "" if now.playing else " Capturing goes on."
        return StatusIndicator("△", "Connection lost", f"Trying again.{goes_on}", "warn", dot=now.capturing)
    muted_devices = [
        *(now.audio_devices if now.audio_muted else ()),
        *(now.video_devices if now.video_muted else ()),
    ]
    live = [name for name in (*now.audio_devices, *now.video_devices) if name not in muted_devices]
    muted = f"Muted: {' and '.join(muted_devices)}." if muted_devices else ""
    if now.playing:
        return StatusIndicator("▶", "Playing", _sentences(f"{now.playing}.", muted), _tone(muted, "quiet"))
    if not now.capturing:
        return StatusIndicator("○", "Stopped", "Nothing is captured.")
    closed = f"Not open: {', '.join(now.closed_devices)}." if now.closed_devices else ""
    if live:
        more = _sentences(f"{_listed(live)}.", muted, closed)
        return StatusIndicator("●", "Capturing", more, _tone(muted + closed, "live"), dot=True)
    if muted_devices:
        return StatusIndicator("Ⅱ", "Muted", _sentences(muted, "Nothing is taken in.", closed), "warn")
    return StatusIndicator("△", "No device", _sentences(closed, "Trying again."), "warn")


def _tone(hint: str, usual: Tone) -> Tone:
    """What is muted or missing needs attention."""
    return "warn" if hint else usual


def _sentences(*sentences: str) -> str:
    return " ".join(filter(None, sentences))


def _listed(devices: list[str]) -> str:
    text = ", ".join(devices)
    return text[:1].upper() + text[1:]


def _ended(sentence: str) -> str:
    text = sentence or "It has ended without a word."
    return text if text.endswith((".", "!", "?")) else f"{text}."
