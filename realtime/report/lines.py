"""The events of a run folder, one after the other, whatever happened to the file."""

from __future__ import annotations

import functools
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from core.errors import FeedError, SourceError
from core.events import PROTOCOL_VERSION, Event
from core.labels import EMOTIONS
from core.wire import parse, tolerant_adapter

if TYPE_CHECKING:
    from typing import BinaryIO

FILE_NAME: Final = "events.jsonl"
LONGEST_LINE: Final = 4 * 1024 * 1024
"""Bytes. The words of the longest utterance need a hundredth of it."""

LONGEST_RUN_S: Final = 366 * 86_400.0

_NOWHERE: Final = {"captured_s": 0.0, "voice_s": None, "words_s": None, "encoded_s": None, "fused_s": 0.0}
_NO_MODEL: Final = {"name": "", "spec_sha256": "", "license": "", "summary": ""}
_NEUTRAL: Final[dict[str, dict[str, Any]]] = {
    "hello": {
        "version": "", "started_at": "", "source": "", "labels": list(EMOTIONS), "thresholds": {},
        "hop_s": 0.25, "model": _NO_MODEL, "whisper": "", "streams": [],
    },
    "utterance": {"ended_by": None},
    "transcript": {"words": [], "pending": "", "language": "", "revision": 0},
    "estimate": {
        "utterance": None, "active": [], "peers": {}, "attribution": {}, "modalities": [], "missing": {},
        "valence": None, "arousal": None, "confidence": 0.0, "abstained": False, "revision": 0,
        "stages": _NOWHERE,
    },
    "status": {"level": "info", "message": ""},
    "end": {"reason": "finished", "utterances": 0, "estimates": 0, "finals": 0},
    "marker": {"label": ""},
    "correction": {"labels": None},
}  # fmt: skip
"""What stands for a field that older runs did not write."""


@dataclass
class Lines:
    """The events of one run, read as they are asked for.

    Attributes:
        path: the file.
        cut_off: the last line is not whole.
        damaged: lines that are no events.
        unknown: lines of types that only a newer emotrack knows.
        lacking: "type.field" -> in how many events an older emotrack did not write it.
    """

    path: Path
    cut_off: bool = False
    damaged: int = 0
    unknown: int = 0
    lacking: Counter[str] = field(default_factory=Counter)

    def __iter__(self) -> Iterator[tuple[Event, frozenset[str]]]:
        """Every event, with the names of those of its fields that were not in the file.

        Raises:
            SourceError: the file cannot be read, or was written for a protocol of another major version.
        """
        try:
            with self.path.open("rb") as file:
                for raw in _pieces(file):
                    yield from self._read(raw)
        except OSError as error:
            raise SourceError(f"cannot be read ({error.strerror}).", where=str(self.path)) from error

    def _read(self, raw: bytes) -> Iterator[tuple[Event, frozenset[str]]]:
        line = raw.strip()
        if not line:
            return
        try:
            if line.startswith(b'{"type":"hello"'):
                self._check_version(line)
            yield _possible(tolerant_adapter().validate_json(line)), frozenset()
        except ValueError:
            before = self.damaged
            yield from self._mended(line)
            if self.damaged > before and not raw.endswith(b"\n") and len(raw) < LONGEST_LINE:
                self.damaged, self.cut_off = before, True

    def _mended(self, line: bytes) -> Iterator[tuple[Event, frozenset[str]]]:
        """An event of an older or newer emotrack. What is no event is counted and left out."""
        try:
            message = parse(line)
            if message.get("type") not in _NEUTRAL:
                self.unknown += isinstance(message.get("type"), str)
                self.damaged += not isinstance(message.get("type"), str)
                return
            neutral = _NEUTRAL[message["type"]]
            lacking = frozenset(neutral.keys() - message.keys())
            filled = json.dumps({**neutral, **message})
            event = _possible(tolerant_adapter().validate_json(filled))
        except (FeedError, TypeError, ValueError):
            self.damaged += 1
            return
        self.lacking.update(f"{event.type}.{name}" for name in lacking)
        yield event, lacking

    def _check_version(self, line: bytes) -> None:
        try:
            protocol = str(parse(line).get("protocol", ""))
        except FeedError:
            return
        major = protocol.partition(".")[0]
        if major != _MAJOR and protocol:
            raise SourceError(
                f"was written for version {protocol} of the protocol, and this emotrack reads {_MAJOR}.x.",
                where=str(self.path),
                fix="Use the emotrack that made the run.",
            )


def _possible(event: Event) -> Event:
    """The event. Raises ValueError when it speaks of a time that no run reaches, or of none at all."""
    for name in ("t_s", "t0_s", "t1_s"):
        if not -1.0 <= getattr(event, name, 0.0) <= LONGEST_RUN_S:
            raise ValueError(f"{event.type}.{name}")
    return event


def find_events(run: Path) -> Path:
    """The events of a run folder.

    Raises:
        SourceError: there is no such folder, or it holds no run.
    """
    if not run.exists():
        raise SourceError("does not exist.", where=str(run), fix=_NAME_IT)
    if not run.is_dir():
        raise SourceError("is no folder.", where=str(run), fix=_NAME_IT)
    path = run / FILE_NAME
    if not path.is_file():
        raise SourceError(f"holds no run: there is no {FILE_NAME}.", where=str(run), fix=_advice(run))
    return path


def _advice(run: Path) -> str:
    from realtime.recording.recorder import FILE_NAME as RECORDING

    if (run / RECORDING).is_file():
        return f"It is a recording: `emotrack replay {run} --out FOLDER` makes a run of it."
    inner = sorted(path.parent.name for path in run.glob(f"*/{FILE_NAME}"))
    if inner:
        return f"It holds folders of runs: {', '.join(inner[:5])}{' ...' if len(inner) > 5 else ''}."
    return _NAME_IT


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    """Lines; one that is too long to be an event comes in pieces."""
    return iter(functools.partial(file.readline, LONGEST_LINE), b"")


_NAME_IT: Final = "Name a folder that replay, live or demo wrote with --out."
_MAJOR: Final = PROTOCOL_VERSION.partition(".")[0]
