"""The page in a real browser, fed by the real server."""

from __future__ import annotations

import asyncio
from contextlib import closing
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from core.events import EmotionEstimate, Status, Transcript
from realtime.feed.client import one_time_address
from realtime.feed.sink import FeedSink
from tests.e2e.browser import BROWSER

NAMES = {"p1": "Person 1", "p2": "Person 2"}
HOSTILE = "<img src=x onerror=\"document.body.id='owned'\"> & <b>bold</b>"

pytestmark = pytest.mark.skipif(
    BROWSER is None, reason="no browser to look at the page with: install Debian's package chromium"
)


class Page(HTMLParser):
    """The texts below each id or class, and what elements there are."""

    def __init__(self, markup):
        super().__init__()
        self.path, self.words, self.tags, self.names, self.hidden = [], [], [], set(), set()
        self.feed(markup)

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        name = values.get("id") or values.get("class") or tag
        self.tags.append(tag)
        self.names.add(name)
        if "hidden" in values:
            self.hidden.add(name)
        if tag not in {"meta", "link", "img", "br", "input"}:
            self.path.append(name)

    def handle_endtag(self, tag):
        if self.path:
            self.path.pop()

    def handle_data(self, data):
        if data.strip():
            self.words.append((data.strip(), tuple(self.path)))

    def texts(self, name):
        return [text for text, path in self.words if name in path]


OPEN_DETAILS = "document.querySelectorAll('details.more').forEach(node => { node.open = true; })"
DETAILS_DRAWN = (
    "[...document.querySelectorAll('.person:not([hidden]) td')].some(n => n.textContent.includes('%')) "
    "|| document.querySelector('.person:not([hidden])') === null"
)
LAST = Status(0.0, "gap", "info", "That is all for now.")


@pytest.fixture
def shown(tab, drawn):
    """A function that publishes events and returns the page as the browser has drawn it."""

    def show(events):
        with closing(FeedSink(port=0)) as feed:
            for seq, event in enumerate([*events, LAST]):
                feed.write(event, seq)
            tab.open(feed.page_url)
            drawn(LAST.message)
            tab.evaluate(OPEN_DETAILS)
            tab.until(DETAILS_DRAWN)
            return Page(tab.html())

    return show


def test_the_page_shows_words_people_probabilities_and_the_end(shown, conversation):
    page = shown(conversation)
    assert page.texts("source") == ["recording interview.mp4"]
    assert page.texts("time")[0] == "0:12"
    committed = page.texts("transcript")
    assert sum("Don't forget a jacket, it will be cold tonight." in text for text in committed) == 3
    people = [e for e in conversation if isinstance(e, EmotionEstimate) and not e.final]
    for person in ("p1", "p2"):
        newest = [e for e in people if e.person == person][-1]
        assert NAMES[person] in page.texts("people")
        for label, probability in newest.probabilities.items():
            assert label in page.texts("people")
            assert f"{round(probability * 100)}%" in page.texts("people")
    final = [e for e in conversation if isinstance(e, EmotionEstimate) and e.final][-1]
    chips = [f"{label} {round(final.probabilities[label] * 100)}%" for label in final.active]
    assert set(chips) <= set(page.texts("transcript"))
    assert "words missing: no words" in page.texts("people")
    assert "A face appeared. (Person 1, video)" in page.texts("notices")
    assert "The run is over at 0:12." in page.texts("end")
    assert "audio was damaged at 7 s." in page.texts("end")


def test_pending_words_are_shown_apart_from_committed_ones(shown, conversation):
    stop = next(i for i, e in enumerate(conversation) if isinstance(e, Transcript) and not e.final)
    page = shown(conversation[: stop + 1])
    assert page.texts("committed") == ["Don't forget a"]
    assert page.texts("pending") == ["perhaps"]
    assert "end" in page.hidden


def test_labels_of_an_utterance_stand_in_the_order_of_their_figures(shown, conversation):
    last = max(i for i, e in enumerate(conversation) if isinstance(e, EmotionEstimate) and e.final)
    changed = {"neutral": 0.42, "sadness": 0.43, "anger": 0.91}
    final = conversation[last]
    final = replace(
        final, probabilities=final.probabilities | changed, active=tuple(changed), abstained=False
    )
    page = shown([*conversation[:last], final, *conversation[last + 1 :]])
    chips = [text for text in page.texts("transcript") if text in {"anger 91%", "sadness 43%", "neutral 42%"}]
    assert chips[-3:] == ["anger 91%", "sadness 43%", "neutral 42%"]


def test_markup_in_words_names_and_notices_is_shown_as_text_and_never_becomes_an_element(shown, conversation):
    def hostile(event):
        names = [n for n in ("text", "pending", "person", "source", "message") if getattr(event, n, "")]
        return replace(event, **dict.fromkeys(names, HOSTILE))

    page = shown([hostile(event) for event in conversation])
    assert HOSTILE in page.texts("transcript")
    assert HOSTILE in page.texts("people")
    assert page.texts("source") == [HOSTILE]
    assert not {"img", "b"} & set(page.tags)
    assert "owned" not in page.names


def test_a_page_that_was_opened_with_a_one_time_code_is_live_and_still_so_after_a_reload(tab, conversation):
    with closing(FeedSink(port=0)) as feed:
        for seq, event in enumerate(conversation):
            feed.write(event, seq)
        page = one_time_address(feed.page_url)
        tab.open(page)
        tab.until("document.getElementById('connection').dataset.state === 'live'")
        assert "code" not in tab.evaluate("location.href")
        tab.call("Page.reload")
        tab.until("performance.getEntriesByType('navigation')[0].type === 'reload'")
        tab.until("document.getElementById('connection')?.dataset.state === 'live'")
        tab.open(f"http://127.0.0.1:{feed.port}/style.css")
        tab.open(page)
        tab.until("!document.getElementById('trouble').hidden")
        said = tab.evaluate("document.getElementById('trouble').textContent")
        assert said == "This address can be opened once, within a minute. Open it anew."


def cut_off(feed):
    """Break every connection, without a goodbye; it is done on return."""

    async def abort():
        for connection in list(feed._feed._clients):
            connection.transport.abort()

    asyncio.run_coroutine_threadsafe(abort(), feed._loop).result()


def test_a_page_that_lost_its_connection_goes_on_where_it_was(tab, drawn, conversation):
    with closing(FeedSink(port=0)) as feed:
        half = len(conversation) // 2
        for seq, event in enumerate(conversation[:half]):
            feed.write(event, seq)
        tab.open(feed.page_url)
        tab.until("document.getElementById('connection').dataset.state === 'live'")
        tab.until("document.getElementById('source').textContent === 'recording interview.mp4'")
        tab.evaluate("document.getElementById('source').textContent = 'not told again'")
        cut_off(feed)
        for seq, event in enumerate(conversation[half:], half):
            feed.write(event, seq)
        drawn("The run is over at 0:12.")
        page = Page(tab.html())
        assert feed._feed.counts().opened == 2
    assert page.texts("source") == ["not told again"]
    committed = page.texts("committed")
    assert [text for text in committed if "cold tonight." in text] == committed
    assert len(committed) == 3
    assert "A face appeared. (Person 1, video)" in page.texts("notices")


def test_the_token_leaves_the_address_bar_survives_a_reload_and_is_asked_for_when_missing(tab, drawn, hello):
    with closing(FeedSink(port=0)) as feed:
        feed.write(hello, 0)
        tab.open(feed.page_url)
        tab.until("document.getElementById('connection').dataset.state === 'live'")
        assert tab.evaluate("location.href") == feed.page_url.partition("#")[0]
        tab.open(feed.page_url.partition("#")[0])
        tab.until("document.getElementById('connection').dataset.state === 'live'")
        tab.evaluate("sessionStorage.clear()")
        tab.open(feed.page_url.partition("#")[0] + "?again")
        drawn("it ends in #token=")
        tab.open(feed.page_url.partition("#")[0] + "#token=wrong")
        drawn("This address has a token that is not valid any more")
        assert feed.tokens.view not in tab.html()
