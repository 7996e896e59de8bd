"""The page in a real browser, fed by the real server."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import closing
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from core.events import EmotionEstimate, Transcript
from realtime.feed.sink import FeedSink

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
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
        if tag not in {"meta", "link", "img", "br"}:
            self.path.append(name)

    def handle_endtag(self, tag):
        if self.path:
            self.path.pop()

    def handle_data(self, data):
        if data.strip():
            self.words.append((data.strip(), tuple(self.path)))

    def texts(self, name):
        return [text for text, path in self.words if name in path]


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """A function that publishes events and returns the page as the browser has drawn it."""

    def show(events):
        with closing(FeedSink(port=0)) as feed:
            for seq, event in enumerate(events):
                feed.write(event, seq)
            command = [
                BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
                "--no-first-run", f"--user-data-dir={tmp_path_factory.mktemp('profile')}",
                "--virtual-time-budget=10000", "--dump-dom", feed.page_url,
            ]  # fmt: skip
            done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        return Page(done.stdout)

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
        assert person in page.texts("people")
        for label, probability in newest.probabilities.items():
            assert label in page.texts("people")
            assert f"{round(probability * 100)}%" in page.texts("people")
    final = [e for e in conversation if isinstance(e, EmotionEstimate) and e.final][-1]
    chips = [f"{label} {round(final.probabilities[label] * 100)}%" for label in final.active]
    assert set(chips) <= set(page.texts("transcript"))
    assert "missing: no words" in page.texts("people")
    assert "A face appeared. (p1, video)" in page.texts("notices")
    assert "The run is over at 0:12." in page.texts("end")
    assert "audio was damaged at 7 s." in page.texts("end")


def test_pending_words_are_shown_apart_from_committed_ones(shown, conversation):
    stop = next(i for i, e in enumerate(conversation) if isinstance(e, Transcript) and not e.final)
    page = shown(conversation[: stop + 1])
    assert page.texts("committed") == ["Don't forget a"]
    assert page.texts("pending") == ["perhaps"]
    assert "end" in page.hidden


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
