"""The commit rule: which recognised words are shown as settled, and which may still change.

Every hypothesis of an utterance hears it from its start. Words are committed once two successive hypotheses
agree on them (LocalAgreement-2, Machacek et al. 2023, "Turning Whisper into Real-Time Transcription System");
what is committed never changes. The final hypothesis commits the rest. A hypothesis may hear more than its
utterance will turn out to hold, so no word is committed before it is known to lie within.
"""

from __future__ import annotations

import itertools
import math
import unicodedata
from dataclasses import dataclass, replace

from core.work import Hypothesis, Word

_UNSPACED_LANGUAGES = frozenset({"zh", "ja", "th", "lo", "my", "yue"})


@dataclass(frozen=True, slots=True)
class TranscriptUpdate:
    """The words of one utterance after a hypothesis was taken in.

    Attributes:
        utterance: its id.
        words: all committed words; a later delta of the utterance begins with the same ones.
        pending: the newest hypothesis beyond `words`, as text; "" when final.
        language: BCP 47 primary subtag, "" while nothing was recognised.
        final: nothing will change any more.
        changed: whether anything differs from the delta before.
    """

    utterance: str
    words: tuple[Word, ...]
    pending: str
    language: str
    final: bool
    changed: bool


@dataclass(frozen=True, slots=True)
class TranscriptState:
    """What is known of one utterance: committed words, the newest hypothesis beyond them, its language."""

    committed: tuple[Word, ...] = ()
    tail: tuple[Word, ...] = ()
    language: str = ""
    final: bool = False


class TranscriptAssembler:
    """Applies the commit rule to every utterance.

    Attributes:
        state: utterance -> what is known of it. Its values are immutable: a copy of the dict is a snapshot.
    """

    def __init__(self, state: dict[str, TranscriptState] | None = None) -> None:
        self.state: dict[str, TranscriptState] = dict(state or {})

    def push(self, hypothesis: Hypothesis, until_s: float = math.inf) -> TranscriptUpdate:
        """Take in what was recognised. A hypothesis that comes after the final one is ignored.

        Args:
            hypothesis: of the utterance from its start.
            until_s: stream time up to which the utterance reaches for certain. Words that end later stay
                pending until the final hypothesis, which hears the utterance and no more.
        """
        before = self.state.get(hypothesis.utterance, TranscriptState())
        after = before if before.final else _advance(before, hypothesis, until_s)
        return self._settle(hypothesis.utterance, after)

    def finish(self, utterance: str, until_s: float = math.inf) -> TranscriptUpdate:
        """No final hypothesis will come, because recognition failed: the newest one becomes final.

        Args:
            utterance: its id.
            until_s: stream time at which it ended; pending words that begin later are not its own.
        """
        line = self.state.get(utterance, TranscriptState())
        tail = tuple(replace(word, t1_s=min(word.t1_s, until_s)) for word in line.tail if word.t0_s < until_s)
        words = line.committed + _in_order(tail, line.committed)
        return self._settle(utterance, TranscriptState(words, (), line.language if words else "", final=True))

    def forget(self, utterance: str) -> None:
        """Drop an utterance that nobody will ask about again."""
        self.state.pop(utterance, None)

    def _settle(self, utterance: str, after: TranscriptState) -> TranscriptUpdate:
        before = self.state.get(utterance, TranscriptState())
        self.state[utterance] = after
        pending = join_words(after.tail, after.language)
        return TranscriptUpdate(
            utterance, after.committed, pending, after.language, after.final, changed=after != before
        )


def join_words(words: tuple[Word, ...], language: str) -> str:
    """Words as running text; languages that are written without spaces get none."""
    return ("" if language in _UNSPACED_LANGUAGES else " ").join(word.text for word in words)


def same_word(text: str) -> str:
    """What two spellings of one word have in common: no case, no punctuation, one Unicode form."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    kept = "".join(c for c in folded if unicodedata.category(c)[0] in "LMN")
    return kept or folded


def _advance(line: TranscriptState, hypothesis: Hypothesis, until_s: float) -> TranscriptState:
    tail = _words_after(line.committed, hypothesis.words)
    within = sum(1 for _ in itertools.takewhile(lambda word: word.t1_s <= until_s, tail))
    count = len(tail) if hypothesis.final else min(within, _agreement(line.tail, tail))
    newly = _in_order(tail[:count], line.committed)
    committed = line.committed + newly
    language = hypothesis.language or line.language
    return replace(
        line,
        committed=committed,
        tail=tail[count:],
        language=language if committed or tail[count:] else "",
        final=hypothesis.final,
    )


def _agreement(earlier: tuple[Word, ...], later: tuple[Word, ...]) -> int:
    count = 0
    for a, b in zip(earlier, later, strict=False):
        if same_word(a.text) != same_word(b.text):
            break
        count += 1
    return count


def _in_order(words: tuple[Word, ...], committed: tuple[Word, ...]) -> tuple[Word, ...]:
    """Words from different hypotheses may overlap by a few hundredths of a second: the earlier one wins."""
    settled: list[Word] = []
    at = committed[-1].t1_s if committed else float("-inf")
    for word in words:
        t0 = max(word.t0_s, at)
        at = max(word.t1_s, t0)
        settled.append(replace(word, t0_s=t0, t1_s=at))
    return tuple(settled)


def _words_after(committed: tuple[Word, ...], words: tuple[Word, ...]) -> tuple[Word, ...]:
    """The words of a hypothesis that come after the committed ones.

    The hypothesis may spell the committed part differently. The seam is the place in it up to which its words
    stand for the committed ones: the least edits in text, and the fewest words on the wrong side in time.
    """
    settled = [same_word(word.text) for word in committed]
    found = [same_word(word.text) for word in words]
    if found[: len(settled)] == settled:
        return words[len(settled) :]
    edits = _edits_to_prefixes(settled, found)
    misplaced = _misplaced(words, committed[-1].t1_s)
    costs = [e + m for e, m in zip(edits, misplaced, strict=True)]
    return words[costs.index(min(costs)) :]


def _edits_to_prefixes(settled: list[str], found: list[str]) -> list[float]:
    """Levenshtein distance between all of `settled` and each prefix of `found`, the empty one first."""
    row = [float(j) for j in range(len(found) + 1)]
    for i, expected in enumerate(settled, start=1):
        diagonal, row[0] = row[0], float(i)
        for j, actual in enumerate(found, start=1):
            replaced = diagonal + (expected != actual)
            diagonal = row[j]
            row[j] = min(replaced, row[j] + 1, row[j - 1] + 1)
    return row


def _misplaced(words: tuple[Word, ...], seam_s: float) -> list[float]:
    """For each place of the seam: by how much words before it are late, and words after it early.

    A word's share is the distance of its middle from the seam in seconds, at most 1: as bad as one edit.
    """
    offsets = [(word.t0_s + word.t1_s) / 2 - seam_s for word in words]
    late = [min(1.0, max(0.0, offset)) for offset in offsets]
    early = [min(1.0, max(0.0, -offset)) for offset in offsets]
    return [sum(late[:j]) + sum(early[j:]) for j in range(len(words) + 1)]
