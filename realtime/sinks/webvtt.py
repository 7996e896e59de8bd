"""`transcript.vtt`: the final transcripts as WebVTT (W3C), each speaker in a voice tag."""

from __future__ import annotations

import html
from bisect import bisect_right
from pathlib import Path
from typing import Final

from core.events import Event, Hello, Transcript
from core.terminal_text import clean
from realtime.sinks.base import purpose_text
from realtime.sinks.files import TextFile

HEADER: Final = "WEBVTT\n"


class WebVttSink:
    """Writes `transcript.vtt`. It is complete and valid after every final transcript, not only at the end.

    WebVTT wants cues in the order of their starts. Final transcripts of people who talk at the same time can
    come in another order; then the file is written anew.

    Args:
        folder: the run folder.

    Raises:
        SinkError: the file cannot be created or written.
    """

    def __init__(self, folder: Path) -> None:
        self._file = TextFile(folder / "transcript.vtt")
        self._cues: list[tuple[float, str]] = []
        self._head = HEADER
        self._file.append(HEADER)

    def write(self, event: Event, seq: int) -> None:
        """Note what the run is for; add a cue for a final transcript that has words.

        Raises:
            SinkError: it cannot be written.
        """
        if isinstance(event, Hello):
            note = f"\nNOTE {purpose_text(event)}\n"
            self._head += note
            self._file.append(note)
        if not isinstance(event, Transcript) or not event.final or not _one_line(event.text):
            return
        cue = _cue(event)
        position = bisect_right(self._cues, event.t0_s, key=lambda item: item[0])
        self._cues.insert(position, (event.t0_s, cue))
        if position == len(self._cues) - 1:
            self._file.append(cue)
        else:
            self._file.rewrite(self._head + "".join(text for _, text in self._cues))

    def close(self) -> None:
        """Close the file. Closing again does nothing."""
        self._file.close()


def timestamp(milliseconds: int) -> str:
    """A time >= 0 as WebVTT writes it, "00:01:02.345"; hours grow beyond two digits."""
    seconds, milliseconds = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}.{milliseconds:03d}"


def _cue(transcript: Transcript) -> str:
    start_ms = round(max(transcript.t0_s, 0.0) * 1000)
    end_ms = max(round(transcript.t1_s * 1000), start_ms + 1)  # a cue has to end after it starts
    identifier = _one_line(transcript.utterance).replace("-->", "")
    voice, text = (
        html.escape(_one_line(value), quote=False) for value in (transcript.person, transcript.text)
    )
    # Only letters make a tag: what a recogniser calls its language is no text to be trusted.
    if transcript.language.isascii() and transcript.language.isalpha():
        text = f"<lang {transcript.language}>{text}</lang>"
    return f"\n{identifier}\n{timestamp(start_ms)} --> {timestamp(end_ms)}\n<v {voice}>{text}</v>\n"


def _one_line(text: str) -> str:
    return " ".join(clean(text).split())
