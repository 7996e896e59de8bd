"""The feed's client in the window: every final once, across lost connections; requests and their answers."""

from __future__ import annotations

import dataclasses
import urllib.request

import pytest

from core.events import EmotionEstimate, Hello, Transcript
from realtime.desktop.feed_link import FeedLink
from realtime.feed.auth import Tokens
from realtime.feed.client_messages import Mark, Mute
from realtime.feed.resume import ReceivedEvent
from realtime.feed.sink import FeedSink
from realtime.runs.supervision import Announcement
from tests.realtime.desktop.fake_engine import estimate, hello

LIMIT_S = 180.0


class Target:
    """Notes what it is asked for, and cannot mute words."""

    def __init__(self) -> None:
        self.asked: list[object] = []

    def mark(self, label, t_s) -> None:
        self.asked.append("mark")

    def mute(self, modality, *, muted) -> None:
        from core.errors import NotAvailable

        if modality == "text":
            raise NotAvailable("Words come from what is heard: mute audio.")
        self.asked.append((modality, muted))


@pytest.fixture
def link(app):
    link = FeedLink()
    yield link
    link.close()


@pytest.fixture
def target() -> Target:
    return Target()


@pytest.fixture
def feed(target):
    feed = FeedSink(port=0, control=target)
    yield feed
    feed.close()


def where(feed: FeedSink) -> Announcement:
    return Announcement(feed.url, feed.tokens.control, feed.page("view"))


def finals(events) -> list[str]:
    return [event.id for event in events if isinstance(event, EmotionEstimate) and event.final]


def final(number: int) -> EmotionEstimate:
    return estimate(f"p{number}", number, face=True, final=True)


def test_events_arrive_but_no_words(link, feed, until, conversation) -> None:
    told = []
    link.event_received.connect(told.append)
    link.open(where(feed))
    for seq, event in enumerate(conversation):
        feed.write(event, seq)
    until(lambda: told and told[-1].type == "end", LIMIT_S)
    assert link.connected
    assert isinstance(told[0], Hello)
    assert {event.type for event in told} <= {"hello", "estimate", "status", "marker", "end"}
    assert finals(told) == finals(conversation)
    assert not any(isinstance(event, Transcript) for event in told)


def test_a_connection_that_breaks_is_told_and_no_final_is_lost(link, until) -> None:
    told, states, tokens = [], [], Tokens.drawn()
    link.event_received.connect(told.append)
    link.changed.connect(lambda: states.append(link.connected))
    feed = FeedSink(port=0, tokens=tokens)
    link.open(where(feed))
    feed.write(hello(capturing=True), 0)
    feed.write(final(1), 1)
    until(lambda: len(told) == 2, LIMIT_S)
    feed.close()
    until(lambda: states[-1:] == [False], LIMIT_S)
    again = FeedSink(port=feed.port, tokens=tokens)
    again.write(hello(capturing=True), 0)
    again.write(final(2), 1)
    again.write(final(3), 2)
    until(lambda: [e.person for e in told if isinstance(e, EmotionEstimate)] == ["p1", "p2", "p3"], LIMIT_S)
    assert states == [True, False, True]
    again.close()


def test_requests_are_carried_out_and_refusals_come_with_their_sentence(link, feed, target, until) -> None:
    answers = []
    link.request_done.connect(lambda request, fault: answers.append((request, fault)))
    assert not link.send(Mark(0))
    link.open(where(feed))
    feed.write(hello(capturing=True), 0)
    until(lambda: link.connected, LIMIT_S)
    assert link.send(Mark(0))
    assert link.send(Mute(0, "audio", muted=True))
    assert link.send(Mute(0, "text", muted=True))
    until(lambda: len(answers) == 3, LIMIT_S)
    assert target.asked == ["mark", ("audio", True)]
    assert [fault for _, fault in answers] == ["", "", "Words come from what is heard: mute audio."]


def test_who_has_left_hears_nothing_any_more(link, feed, until) -> None:
    told = []
    link.event_received.connect(told.append)
    link.open(where(feed))
    feed.write(hello(capturing=True), 0)
    until(lambda: told, LIMIT_S)
    line = link._thread
    link.close()
    assert not link.connected
    told.clear()
    feed.write(final(1), 1)
    link._received.emit(line, ReceivedEvent(final(2), 2, "r1"))  # one that was under way
    until(lambda: not line.thread.is_alive(), LIMIT_S)
    assert told == []


def test_floods_of_events_arrive_all_and_in_order_while_the_link_is_opened_again_and_again(
    link, feed, until
) -> None:
    told = []
    link.event_received.connect(
        lambda event: told.append(event.id) if isinstance(event, EmotionEstimate) else None
    )
    feed.write(hello(capturing=True), 0)
    for number in range(1, 1201):
        feed.write(dataclasses.replace(final(number % 3), id=f"u{number}"), number)
        if number % 300 == 0:
            told.clear()
            link.open(where(feed))
    until(lambda: told[-1:] == ["u1200"], LIMIT_S)
    assert told == [f"u{number}" for number in range(1, 1201)]


def test_the_dashboard_is_opened_with_a_code_that_counts_once_and_no_token_leaves_the_window(
    link, feed, until
) -> None:
    answers: list[tuple[str, str]] = []
    link.page_ready.connect(lambda *answer: answers.append(answer))
    link.request_page(where(feed))
    until(lambda: answers, LIMIT_S)
    [(page, fault)] = answers
    assert fault == ""
    address, _, fragment = page.partition("#")
    assert address == feed.page("view").partition("#")[0]
    assert fragment.startswith("code=")
    assert not [token for token in (feed.tokens.control, feed.tokens.view) if token in page]
    request = urllib.request.Request(
        f"{address}v1/token", headers={"X-Emotrack-Code": fragment.removeprefix("code=")}
    )
    with urllib.request.urlopen(request) as response:
        assert response.status == 200


def test_without_a_feed_there_is_no_page_and_a_sentence_says_so(link, feed, until) -> None:
    answers: list[tuple[str, str]] = []
    link.page_ready.connect(lambda *answer: answers.append(answer))
    gone = where(feed)
    feed.close()
    link.request_page(gone)
    until(lambda: answers, LIMIT_S)
    [(page, fault)] = answers
    assert page == ""
    assert "cannot be reached" in fault
    assert feed.tokens.view not in fault
