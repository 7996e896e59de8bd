"""The dashboard in a real browser: looking back, doubts, control, memory."""

from __future__ import annotations

import threading
from contextlib import closing
from dataclasses import replace

import pytest

from core.events import Correction, EmotionEstimate, Marker, Status
from core.testing import FakeClock
from realtime.feed.control import RunControl
from realtime.feed.sink import FeedSink
from tests.e2e.browser import BROWSER

pytestmark = pytest.mark.skipif(
    BROWSER is None, reason="no browser to look at the page with: install Debian's package chromium"
)

OVER = "The run is over at 0:12."


def text(tab, selector):
    return tab.evaluate(f"document.querySelector({selector!r})?.textContent ?? null")


@pytest.fixture
def follow(tab):
    """Opens the page while a feed says nothing yet; then the events come as news, rolling ones included."""

    def opened(feed, right, hello):
        feed.write(hello, 0)
        tab.open(feed.page(right))
        tab.until("document.getElementById('source').textContent === 'recording interview.mp4'")

    return opened


@pytest.fixture
def told(follow, drawn):
    """A function that tells the page events as news, slowly enough that none is left out."""

    def tell(tab, feed, events, right="view"):
        follow(feed, right, events[0])
        for seq, event in enumerate(events[1:], 1):
            feed.write(event, seq)
            if seq % 20 == 0:
                tab.evaluate("1")
        drawn(OVER)

    return tell


def seek(tab, t_s):
    tab.evaluate(
        f"document.getElementById('seek').value = {t_s};"
        "document.getElementById('seek').dispatchEvent(new Event('input'))"
    )


def test_a_replay_that_lags_says_so_as_the_terminal_does_until_it_is_on_time(
    tab, follow, drawn, conversation
):
    clock = FakeClock()
    with closing(FeedSink(port=0, pace=1.0, monotonic=clock)) as feed:
        follow(feed, "view", conversation[0])
        assert tab.evaluate("document.getElementById('late').hidden")
        clock.advance(97.0)
        feed.write(Status(2.1, "gap", "info", "A gap."), 1)
        drawn("94.9 s behind")
        assert text(tab, "#load") == "Everything is computed. The run is 94.9 s behind."
        assert tab.evaluate("document.getElementById('load').dataset.level") == "warning"
        clock.advance(1.0)
        feed.write(Status(98.0, "gap", "info", "A gap."), 2)
        tab.until("document.getElementById('late').hidden")
        assert text(tab, "#load") == "Everything is computed."


def test_the_past_can_be_looked_at_and_left_again(tab, told, drawn, conversation):
    with closing(FeedSink(port=0)) as feed:
        told(tab, feed, conversation)
        assert text(tab, "#moment") == "Showing the end"
        seek(tab, 6)
        drawn("Looking back at 0:06")
        shown = [e for e in conversation if isinstance(e, EmotionEstimate) and e.person == "p1"]
        then = next(e for e in shown if e.t1_s == 6.0 and not e.final)
        tab.evaluate("document.querySelector('[data-person=p1] details').open = true")
        tab.until("document.querySelector('[data-person=p1] .value').textContent !== '–'")
        values = tab.evaluate(
            "[...document.querySelectorAll('[data-person=p1] .value')].map(n => n.textContent)"
        )
        known = [{f"{round(e.probabilities[label] * 100)}%" for e in shown} for label in then.probabilities]
        assert all(value in options for value, options in zip(values, known, strict=True))
        assert tab.evaluate("document.querySelector('#seek').getAttribute('aria-valuetext')").startswith(
            "0:06,"
        )
        assert "Person 2" in text(tab, "[aria-current]")
        tab.evaluate("document.getElementById('live').click()")
        drawn("Showing the end")
        assert tab.evaluate("document.querySelector('[aria-current]') === null")


def test_words_lead_back_to_the_moment_when_they_were_said(tab, told, drawn, conversation):
    with closing(FeedSink(port=0)) as feed:
        told(tab, feed, conversation)
        tab.evaluate("document.querySelector('.utterance button.time').click()")
        drawn("Looking back at 0:03")


def test_contradictions_thin_evidence_and_what_is_missing_are_said(tab, follow, drawn, conversation, hello):
    of_p1 = [e for e in conversation if isinstance(e, EmotionEstimate) and e.person == "p1" and not e.final]
    base = next(e for e in of_p1 if len(e.modalities) == 3)
    against = {"text": 0.05, "audio": 0.9, "visual": 0.3}
    peers = {m: {**base.peers[m], "anger": against[m]} for m in base.modalities}
    with closing(FeedSink(port=0)) as feed:
        follow(feed, "view", hello)
        feed.write(replace(base, peers=peers), 1)
        drawn("≠ voice says anger, words do not")
        missing = {"visual": "no face"}
        fewer = {m: peers[m] for m in ("text", "audio")}
        thin = replace(base, t1_s=base.t1_s + 5, peers=fewer, modalities=("text", "audio"), missing=missing)
        feed.write(replace(thin, abstained=True), 2)
        drawn("not enough evidence")
        drawn("without face (no face)")


def test_a_viewer_has_no_buttons(tab, told, conversation):
    with closing(FeedSink(port=0)) as feed:
        told(tab, feed, conversation)
        assert tab.evaluate("document.getElementById('controls').hidden")
        assert tab.evaluate("[...document.querySelectorAll('button.quiet')].every(button => button.hidden)")


class Said:
    """A sink that keeps what it is told and hands it on."""

    def __init__(self, feed):
        self.feed, self.events = feed, []

    def write(self, event, seq):
        self.events.append(event)
        self.feed.write(event, seq)

    def close(self):
        self.feed.close()


def test_marks_and_corrections_reach_the_run_and_come_back(tab, drawn, conversation):
    control = RunControl(threading.Event())
    with closing(FeedSink(port=0, control=control)) as feed:
        said = Said(feed)
        run = control.before(said)
        run.write(conversation[0], 0)
        tab.open(feed.page("control"))
        tab.until("!document.getElementById('controls').hidden")
        final = next(e for e in conversation if isinstance(e, EmotionEstimate) and e.final)
        run.write(final, 1)
        tab.until("document.querySelector('.utterance .quiet') !== null")
        tab.evaluate("document.getElementById('mark-label').value = 'laughs'")
        tab.evaluate("document.querySelector('#mark button').click()")
        drawn("Marked.")
        tab.evaluate("document.querySelector('.utterance .quiet').click()")
        assert tab.evaluate("document.getElementById('correction').open")
        tab.evaluate("document.querySelector('[name=right][value=fear]').click()")
        tab.evaluate("document.querySelector('#correction [value=right]').click()")
        drawn("Noted as wrong.")
        run.write(Status(4.0, "gap", "info", "That is all for now."), 2)
        drawn("✎ called right: fear")
        drawn("Marked: laughs")
    assert Marker(3.0, "laughs") in said.events
    assert Correction(3.0, final.id, final.person, ("fear",)) in said.events


def test_after_consent_is_withdrawn_the_page_keeps_nothing(tab, follow, drawn, conversation):
    with closing(FeedSink(port=0)) as feed:
        follow(feed, "view", conversation[0])
        for seq, event in enumerate(conversation[1:-1], 1):
            feed.write(event, seq)
        drawn("cold tonight.")
        feed.write(Status(12.0, "consent", "info", "Consent was taken back.", value="withdrawn"), 1000)
        drawn("Consent was taken back.")
        assert "cold" not in tab.evaluate("document.body.textContent")
        assert tab.evaluate("document.getElementById('people').children.length") == 0


def test_the_past_is_kept_in_bounded_memory(tab, follow, hello):
    with closing(FeedSink(port=0)) as feed:
        follow(feed, "view", hello)
        kept = tab.evaluate(
            """(async () => {
              const { History } = await import("/history.js");
              const history = new History(["a", "b"], 8);
              const said = { id: "u1", missing: {}, attribution: { text: 1 }, modalities: ["text"] };
              for (let i = 0; i < 100; i += 1) {
                const probabilities = { a: i / 100, b: .25 };
                const peers = { text: { a: .1, b: .9 } };
                history.add({ ...said, probabilities, peers, active: ["b"], confidence: .5, t1_s: i });
              }
              const newest = history.read(history.find(Infinity));
              const found = [history.find(10), history.time(history.find(95.5))];
              return [history.first, ...found, newest, history.t.length];
            })()"""
        )
    assert kept[:3] == [92, -1, 95]
    assert kept[3]["values"] == [0.99, 0.25]
    assert kept[3]["active"] == [False, True]
    assert kept[3]["peers"] == [[0.1, None, None], [0.9, None, None]]
    assert kept[4] == 8


def test_purpose_what_is_withheld_and_that_people_are_captured_are_shown(tab, follow, drawn, hello):
    withheld = dict.fromkeys(("audio", "visual"), "No emotion is inferred from voices or faces.")
    greeting = replace(hello, purpose="workplace", withheld=withheld, capturing=True)
    with closing(FeedSink(port=0)) as feed:
        follow(feed, "view", greeting)
        drawn("Voice and face are not used. Purpose: workplace.")
        drawn("No emotion is inferred from voices or faces.")
        assert text(tab, "#purpose") == "workplace"
        assert not tab.evaluate("document.getElementById('capturing').hidden")
        feed.write(Status(3.0, "capture", "info", "Capturing has stopped.", value="off"), 1)
        drawn("Capturing has stopped.")
        assert tab.evaluate("document.getElementById('capturing').hidden")
