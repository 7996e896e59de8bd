"""How right a diarization is: error rate, speakers, and where they change.

The error rate is NIST's (Fiscus et al. 2006, as pyannote.metrics computes it): missed speech, false speech
and confused speakers over all speech of the reference, overlap counted, under the best one-to-one pairing of
names. Times are seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from core.errors import ConfigError, SourceError

GRID_S: Final = 0.01
_TOLERANCE_S: Final = 0.5
_JOIN_S: Final = 0.25


@dataclass(frozen=True, slots=True)
class Turn:
    """Somebody speaks between two times."""

    t0_s: float
    t1_s: float
    speaker: str


def read_rttm(path: Path) -> list[Turn]:
    """The speakers of an RTTM file, in order of time.

    Raises:
        SourceError: a line is not RTTM, or there is none.
    """
    turns = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"cannot be read ({error}).", where=str(path)) from error
    for number, line in enumerate(lines, 1):
        fields = line.split()
        if not fields or fields[0] != "SPEAKER":
            continue
        try:
            start_s, duration_s, speaker = float(fields[3]), float(fields[4]), fields[7]
        except (IndexError, ValueError) as error:
            raise SourceError(
                f"line {number} is no RTTM: SPEAKER file channel start duration <NA> <NA> name <NA> <NA>.",
                where=str(path),
            ) from error
        turns.append(Turn(start_s, start_s + duration_s, speaker))
    if not turns:
        raise SourceError("names no speaker.", where=str(path), fix="Give an RTTM file with SPEAKER lines.")
    return sorted(turns, key=lambda turn: (turn.t0_s, turn.t1_s, turn.speaker))


def joined(turns: list[Turn]) -> list[Turn]:
    """Turns of one speaker that follow each other within a quarter of a second, as one."""
    found: list[Turn] = []
    for turn in turns:
        if found and found[-1].speaker == turn.speaker and turn.t0_s - found[-1].t1_s < _JOIN_S:
            found[-1] = Turn(found[-1].t0_s, turn.t1_s, turn.speaker)
        else:
            found.append(turn)
    return found


def error_rate(reference: list[Turn], found: list[Turn], *, collar_s: float = 0.0) -> dict[str, float]:
    """Diarization error rate and its three parts, as shares of the reference's speech.

    Args:
        reference: what is right, not empty.
        found: what was said.
        collar_s: so much before and after each boundary of the reference is not scored.

    Returns:
        `der`, `missed`, `false`, `confused`. 0 is perfect; more than 1 is possible.
    """
    length = round(max(turn.t1_s for turn in [*reference, *found]) / GRID_S) + 1
    right, said = _spans(reference, length), _spans(found, length)
    scored = np.ones(length, bool)
    for turn in reference if collar_s else []:
        for edge_s in (turn.t0_s, turn.t1_s):
            scored[max(0, round((edge_s - collar_s) / GRID_S)) : round((edge_s + collar_s) / GRID_S)] = False
    right, said = right[:, scored], said[:, scored]
    speaking, heard = right.sum(axis=0), said.sum(axis=0)
    both = np.zeros(right.shape[1], np.int64)
    for row, column in _pairing(right, said):
        both += right[row] & said[column]
    total = max(1, int(speaking.sum()))
    missed = np.maximum(0, speaking - heard).sum() / total
    false = np.maximum(0, heard - speaking).sum() / total
    confused = (np.minimum(speaking, heard) - both).sum() / total
    return {
        "der": float(missed + false + confused),
        "missed": float(missed),
        "false": float(false),
        "confused": float(confused),
    }


def names(reference: list[Turn], found: list[Turn]) -> dict[str, str]:
    """Found speaker -> speaker of the reference, by the best pairing."""
    length = round(max(turn.t1_s for turn in [*reference, *found]) / GRID_S) + 1
    pairs = _pairing(_spans(reference, length), _spans(found, length))
    right, said = _speakers(reference), _speakers(found)
    return {said[column]: right[row] for row, column in pairs}


def change_f1(reference: list[Turn], found: list[Turn]) -> float:
    """F1 of the times at which another speaker begins; within half a second counts as found."""
    right, said = _changes(reference), _changes(found)
    if not right and not said:
        return 1.0
    left, hits = list(right), 0
    for time_s in said:
        near = min(left, key=lambda other: abs(other - time_s), default=None)
        if near is not None and abs(near - time_s) <= _TOLERANCE_S:
            left.remove(near)
            hits += 1
    return 2 * hits / (len(right) + len(said))


def _changes(turns: list[Turn]) -> list[float]:
    ordered = sorted(turns, key=lambda turn: turn.t0_s)
    return [b.t0_s for a, b in pairwise(ordered) if a.speaker != b.speaker]


def _speakers(turns: list[Turn]) -> list[str]:
    return sorted({turn.speaker for turn in turns})


def _spans(turns: list[Turn], length: int) -> NDArray[np.bool_]:
    """(speakers, length) who speaks on a grid of 10 ms."""
    speakers = _speakers(turns)
    spans = np.zeros((len(speakers), length), bool)
    for turn in turns:
        spans[speakers.index(turn.speaker), round(turn.t0_s / GRID_S) : round(turn.t1_s / GRID_S)] = True
    return spans


def _pairing(right: NDArray[Any], said: NDArray[Any]) -> list[tuple[int, int]]:
    """Pairs of rows that share the most time (Kuhn's assignment)."""
    try:
        from scipy.optimize import linear_sum_assignment
    except ImportError as error:
        raise ConfigError(
            "scoring a diarization needs scipy.", fix="pip install 'emotrack[train]'"
        ) from error
    shared = right.astype(np.int64) @ said.astype(np.int64).T
    rows, columns = linear_sum_assignment(-shared)
    return [(int(r), int(c)) for r, c in zip(rows, columns, strict=True) if shared[r, c] > 0]
