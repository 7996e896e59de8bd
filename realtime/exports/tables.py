"""Tidy tables as CSV (RFC 4180): a row for each thing observed, units in the names of the columns."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Final

from realtime.exports.run import FinishedRun
from realtime.summary.wording import spoken_name

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def estimates_csv(run: FinishedRun) -> str:
    """One row for each estimate, label and person: rolling ones and final ones."""
    labels = run.hello.labels
    head = ["person", "utterance", "t0_s", "t1_s", "final", "confidence", "abstained", "active"]
    rows = (
        [
            one.person,
            one.utterance or "",
            _time(one.t0_s),
            _time(one.t1_s),
            int(one.final),
            f"{one.confidence:.4f}",
            int(one.abstained),
            " ".join(one.active),
            *(f"{one.probabilities[label]:.4f}" if label in one.probabilities else "" for label in labels),
        ]
        for one in run.estimates
    )
    return _table([*head, *(f"p_{label}" for label in labels)], rows)


def utterances_csv(run: FinishedRun) -> str:
    """One row for each utterance, with its words and what it expresses."""
    labels = run.hello.labels
    head = ["utterance", "person", "t0_s", "t1_s", "language", "text", "label", "confidence", "abstained"]
    rows = []
    for one in run.spoken:
        found = one.estimate
        known = {} if found is None else found.probabilities
        rows.append(
            [
                one.id,
                one.person,
                _time(one.t0_s),
                _time(one.t1_s),
                one.language,
                one.text,
                one.label,
                "" if found is None else f"{found.confidence:.4f}",
                "" if found is None else int(found.abstained),
                *(f"{known[label]:.4f}" if label in known else "" for label in labels),
            ]
        )
    return _table([*head, *(f"p_{label}" for label in labels)], rows)


def words_csv(run: FinishedRun) -> str:
    """One row for each word."""
    rows = (
        [one.id, one.person, _time(word.t0_s), _time(word.t1_s), word.text, f"{word.probability:.4f}"]
        for one in run.spoken
        for word in one.words
    )
    return _table(["utterance", "person", "t0_s", "t1_s", "word", "probability"], rows)


def persons_csv(run: FinishedRun) -> str:
    """One row for each person: how much they spoke."""
    rows = []
    for person in run.persons:
        own = [one for one in run.spoken if one.person == person]
        talk_s = sum(one.t1_s - one.t0_s for one in own)
        count = sum(len(one.words) for one in own)
        rows.append([person, spoken_name(person), len(own), _time(talk_s), count])
    return _table(["person", "name", "utterances", "talk_s", "words"], rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(head)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue()


def _cell(value: object) -> object:
    """Words that a spreadsheet would take for a formula are words: an apostrophe says so."""
    if isinstance(value, str) and value.startswith(_FORMULA) and not _number(value):
        return f"'{value}"
    return value


def _number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _time(seconds: float) -> str:
    return f"{seconds:.3f}"
