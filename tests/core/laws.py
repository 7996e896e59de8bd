"""What holds of the events of every run, whatever went in and whatever failed."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable

import pytest

from core.events import EmotionEstimate, Event, Transcript, Utterance
from core.labels import EMOTIONS, MODALITIES


def of(events: Iterable[Event], kind: type) -> list:
    """The events of one type."""
    return [event for event in events if isinstance(event, kind)]


def by(events: Iterable[Event], name: str) -> dict[str, list]:
    """Events grouped by one of their fields."""
    groups: dict[str, list] = defaultdict(list)
    for event in events:
        groups[getattr(event, name)].append(event)
    return groups


def check(events: list[Event], *, all_estimated: bool = True) -> None:
    """Check all laws.

    Args:
        events: of a whole run.
        all_estimated: every utterance has its final estimate; one that nothing could be computed of abstains.
    """
    utterances = by(of(events, Utterance), "id")
    transcripts = by(of(events, Transcript), "utterance")
    estimates = by(of(events, EmotionEstimate), "id")
    assert list(utterances) == [f"u{i + 1}" for i in range(len(utterances))]
    assert set(transcripts) == set(utterances)
    assert {e.utterance for e in of(events, EmotionEstimate)} - {None} <= set(utterances)
    for messages in utterances.values():
        check_utterance(messages)
    for messages in transcripts.values():
        check_transcript(messages)
    for name, messages in transcripts.items():
        check_extent(messages[-1], utterances[name][-1])
    for messages in estimates.values():
        check_estimates(messages)
    finals = [e for e in of(events, EmotionEstimate) if e.final]
    for final in finals:
        check_final(final, utterances[final.id][-1])
    if all_estimated:
        assert sorted(e.id for e in finals) == sorted(utterances)


def check_utterance(messages: list[Utterance]) -> None:
    """Of one utterance: open first, then closed once, last."""
    *before, last = messages
    assert last.final
    assert last.ended_by is not None
    assert last.t0_s < last.t1_s
    for message in before:
        assert not message.final
        assert message.ended_by is None
        assert message.t0_s == last.t0_s


def check_transcript(messages: list[Transcript]) -> None:
    """Of one utterance: one final message, last; what is committed stays."""
    assert [m.revision for m in messages] == list(range(len(messages)))
    assert [m.final for m in messages] == [False] * (len(messages) - 1) + [True]
    assert messages[-1].pending == ""
    for earlier, later in itertools.pairwise(messages):
        assert later.words[: len(earlier.words)] == earlier.words
    for message in messages:
        assert message.text == " ".join(w.text for w in message.words)


def check_extent(transcript: Transcript, utterance: Utterance) -> None:
    """No word stands in an utterance that began after it or had ended before it."""
    for word in transcript.words:
        assert utterance.t0_s - 1e-3 <= word.t0_s <= word.t1_s <= utterance.t1_s + 1e-3


def check_estimates(messages: list[EmotionEstimate]) -> None:
    """Of one id: revisions count from 0, nothing follows the final one, every part fits the others."""
    assert [m.revision for m in messages] == list(range(len(messages)))
    assert all(not m.final for m in messages[:-1])
    assert len({m.person for m in messages}) == 1 or messages[0].utterance is not None
    for m in messages:
        assert m.modalities or (m.final and m.abstained)
        assert tuple(name for name in MODALITIES if name in m.modalities) == m.modalities
        assert set(m.peers) == set(m.attribution) == set(m.modalities)
        assert set(m.missing) == set(MODALITIES) - set(m.modalities)
        assert all(m.missing.values())
        assert not m.modalities or sum(m.attribution.values()) == pytest.approx(1.0, abs=1e-5)
        assert tuple(m.probabilities) == EMOTIONS
        assert all(0 <= p <= 1 for p in m.probabilities.values())
        assert set(m.active) <= set(EMOTIONS)
        assert list(m.active) == sorted(m.active, key=lambda label: -m.probabilities[label])
        assert m.t0_s < m.t1_s <= m.stages.fused_s + 1e-6  # stream time counts whole microseconds
        assert m.id == (m.utterance or m.id)


def check_final(final: EmotionEstimate, utterance: Utterance) -> None:
    """A final estimate is about exactly the utterance whose id it carries."""
    assert final.utterance == utterance.id
    assert final.person == utterance.person
    assert (final.t0_s, final.t1_s) == (utterance.t0_s, utterance.t1_s)


def check_order_of_finals(events: list[Event]) -> None:
    """Final estimates of a person never go back in time."""
    for messages in by([e for e in of(events, EmotionEstimate) if e.final], "person").values():
        ends = [m.t1_s for m in messages]
        assert ends == sorted(ends)
