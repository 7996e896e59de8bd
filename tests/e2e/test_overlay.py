"""The overlay in a real browser: transparent, asked for by its address."""

from __future__ import annotations

import base64
from contextlib import closing
from dataclasses import replace

import cv2
import numpy as np
import pytest

from core.events import EmotionEstimate
from realtime.feed.sink import FeedSink
from tests.e2e.browser import BROWSER

pytestmark = pytest.mark.skipif(
    BROWSER is None, reason="no browser to look at the page with: install Debian's package chromium"
)


@pytest.fixture
def overlay(tab, drawn, conversation):
    """A function: the address's query -> the overlay, drawn once `text` is there; gives the estimates."""
    with closing(FeedSink(port=0)) as feed:
        estimates = [
            e for e in conversation if isinstance(e, EmotionEstimate) and not e.final and e.t1_s <= 10
        ]
        newest = {e.person: e for e in estimates}
        newest["p1"] = replace(newest["p1"], abstained=True)
        for seq, event in enumerate([conversation[0], *newest.values()]):
            feed.write(event, seq)

        def show(query, text):
            page, _, token = feed.page_url.partition("#")
            tab.open(f"{page}overlay?{query}#{token}")
            drawn(text)
            return newest

        yield show


def visible(tab):
    return tab.evaluate("document.getElementById('people').innerText")


def test_it_shows_the_chosen_person_and_labels_alone(tab, overlay):
    newest = overlay("person=p2&labels=anger,happiness&layout=bars", "%")["p2"]
    shown = visible(tab)
    assert "p1" not in shown
    assert [label for label in newest.probabilities if label in shown] == ["anger", "happiness"]
    for label in ("anger", "happiness"):
        assert f"{round(newest.probabilities[label] * 100)}%" in shown


def test_without_a_wish_everybody_is_shown_with_what_is_present(tab, overlay):
    newest = overlay("", "p2")
    shown = visible(tab)
    assert shown.index("p1") < shown.index("not enough evidence") < shown.index("p2")
    active = newest["p2"].active
    assert all((label in shown) == (label in active) for label in newest["p2"].probabilities)


def test_everything_but_the_plates_is_transparent(tab, overlay):
    clear = {"r": 0, "g": 0, "b": 0, "a": 0}
    tab.call("Emulation.setDefaultBackgroundColorOverride", color=clear)
    overlay("size=30", "p2")
    data = np.frombuffer(base64.b64decode(tab.picture()), np.uint8)
    alpha = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)[..., 3]
    assert alpha[-1, -1] == alpha[0, 0] == 0
    assert alpha.max() == 255
    assert tab.evaluate("getComputedStyle(document.documentElement).fontSize") == "30px"


def luminance(colour):
    """Relative luminance (WCAG 2.2) of a colour of three values from 0 to 255."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in np.asarray(colour) / 255]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


@pytest.mark.parametrize("picture", [0, 128, 255], ids=["black", "grey", "white"])
def test_words_stand_out_from_the_plate_whatever_picture_lies_below(tab, overlay, picture):
    clear = {"r": 0, "g": 0, "b": 0, "a": 0}
    tab.call("Emulation.setDefaultBackgroundColorOverride", color=clear)
    overlay("layout=bars&size=24", "p2")
    left, top = tab.evaluate(
        "(() => { const box = document.querySelector('.person').getBoundingClientRect();"
        "return [Math.round(box.left + 4), Math.round(box.top + box.height / 2)]; })()"
    )
    data = np.frombuffer(base64.b64decode(tab.picture()), np.uint8)
    *plate, alpha = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)[top, left].astype(float)
    seen = np.array(plate[::-1]) * alpha / 255 + picture * (1 - alpha / 255)
    words = tab.evaluate("getComputedStyle(document.querySelector('.label:not(.active)')).color")
    faint = [int(part) for part in words.removeprefix("rgb(").removesuffix(")").split(",")]
    assert (luminance(faint) + 0.05) / (luminance(seen) + 0.05) > 7


def test_the_token_leaves_the_address_and_the_wishes_stay(tab, overlay):
    overlay("person=p2&layout=bars", "%")
    assert tab.evaluate("location.search") == "?person=p2&layout=bars"
    assert tab.evaluate("location.hash") == ""


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("layout=round", "layout is one of chips, bars."),
        ("size=2", "size lies between 10 and 200 pixels."),
        ("colour=red", "“colour” is not known"),
        ("words=yes", "words is 0 or 1."),
        ("labels=joy", "The model does not know: joy."),
    ],
)
def test_a_wish_that_is_not_understood_is_said(overlay, query, said):
    overlay(query, said)
