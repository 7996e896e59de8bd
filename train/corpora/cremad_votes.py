"""CREMA-D's votes: the three tables that they come in, see `train/corpora/cremad.py`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from core.errors import SourceError
from train.corpora.tables import bad_row, columns_of, table

Channel = Literal["audio", "face", "av"]
LETTERS: Final = "ADFHNS"
NAMES_OF_LETTERS: Final = {
    "A": "anger",
    "D": "disgust",
    "F": "fear",
    "H": "happiness",
    "N": "neutral",
    "S": "sadness",
}
_CHANNELS: Final[dict[str, Channel]] = {"1": "audio", "2": "face", "3": "av"}
_CLIP: Final = re.compile(r"\d{4}_[A-Z]{3}_(ANG|DIS|FEA|HAP|NEU|SAD)_[A-Z]{2}")


@dataclass(frozen=True, slots=True)
class Votes:
    """What people said of one clip: (channel, letter of the emotion) -> how many; 0 where nobody did."""

    clip: str
    counts: Counter[tuple[Channel, str]] = field(default_factory=Counter)


def votes_below(folder: Path) -> list[Votes]:
    """The votes in the first kind of table that is below `folder`, or in `folder` where it is a file.

    Tables of other corpora are passed over.

    Raises:
        SourceError: there is none, or a row is none of its format; names the line.
    """
    found = [folder] if folder.is_file() else folder.rglob("*.csv*")
    files = sorted(path for path in found if _NAMES.search(path.name.lower()) or path == folder)
    headers = {path: set(columns_of(path)) for path in files}
    for columns, read in _KINDS:
        clips: dict[str, Votes] = {}
        for path in [path for path, header in headers.items() if columns <= header]:
            for clip, channel, letter, count in read(path):
                clips.setdefault(clip, Votes(clip)).counts[channel, letter] += count
        if clips:
            return list(clips.values())
    raise SourceError(
        "holds no table of votes with a column fileName.",
        where=str(folder),
        fix="Name the folder that the corpus lies in.",
    )


_Vote = tuple[str, Channel, str, int]


def _wide(path: Path) -> Iterator[_Vote]:
    for line, row in table(path):
        clip = _clip(path, line, row["fileName"])
        for channel in _CHANNELS.values():
            for letter in LETTERS:
                yield clip, channel, letter, _count(path, line, row[f"{channel}_{letter}"])


def _tabulated(path: Path) -> Iterator[_Vote]:
    for line, row in table(path):
        channel = _channel(path, line, row[""][:1])
        for letter in LETTERS:
            yield _clip(path, line, row["fileName"]), channel, letter, _count(path, line, row[letter])


def _answers(path: Path) -> Iterator[_Vote]:
    for line, row in table(path):
        letter = row["respEmo"]
        if letter not in set(LETTERS):
            raise bad_row(path, line, f"respEmo: {letter!r} is none of {', '.join(LETTERS)}.")
        yield _clip(path, line, row["clipName"]), _channel(path, line, row["queryType"]), letter, 1


_NAMES: Final = re.compile(r"votes|finishedresponses\.csv")
_KINDS: Final[tuple[tuple[set[str], Callable[[Path], Iterator[_Vote]]], ...]] = (
    ({"fileName"} | {f"{channel}_{letter}" for channel in _CHANNELS.values() for letter in LETTERS}, _wide),
    ({"", "fileName", *LETTERS}, _tabulated),
    ({"clipName", "queryType", "respEmo"}, _answers),
)


def _clip(path: Path, line: int, name: str) -> str:
    clip = name.partition(".")[0]
    if _CLIP.fullmatch(clip) is None:
        raise bad_row(path, line, f"{name!r} is no clip such as 1001_DFA_ANG_XX.")
    return clip


def _channel(path: Path, line: int, digit: str) -> Channel:
    if digit not in _CHANNELS:
        raise bad_row(path, line, f"{digit!r} is none of 1 (audio), 2 (face), 3 (both).")
    return _CHANNELS[digit]


def _count(path: Path, line: int, text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise bad_row(path, line, f"{text!r} is not a number of votes.")
    return int(text)
