"""The person's card, the conversation at a glance, and the recording beside the curves, in a real browser."""

from __future__ import annotations

import base64
import io
import threading
import wave
from contextlib import closing
from dataclasses import replace

import cv2
import numpy as np
import pytest

from core.events import EmotionEstimate, Marker, Transcript, Utterance
from realtime.feed.control import RunControl
from realtime.feed.resources import RunMedia
from realtime.feed.sink import FeedSink
from tests.e2e.browser import BROWSER

pytestmark = pytest.mark.skipif(
    BROWSER is None, reason="no browser to look at the page with: install Debian's package chromium"
)

CURVE = "import('/view.js').then(m => m.run.people?.panels.get('p1')?.rolling)"
ORDER = "[...document.querySelectorAll('.person')].map(node => node.dataset.person)"
RED = (220, 30, 30)


def text(tab, selector):
    return tab.evaluate(f"document.querySelector({selector!r})?.innerText ?? null")


def card(person, part=""):
    return f"[data-person='{person}'] {part}"


def press(tab, key, code=0):
    for kind in ("keyDown", "keyUp"):
        tab.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code)


def tell(feed, events, first=0):
    for seq, event in enumerate(events, first):
        feed.write(event, seq)


@pytest.fixture
def rolling(conversation):
    """A function that makes a rolling estimate of somebody."""
    base = next(e for e in conversation if isinstance(e, EmotionEstimate) and len(e.modalities) == 3)

    def make(person, t1_s, **values):
        all_values = dict.fromkeys(base.probabilities, 0.02) | values
        strongest = max(all_values, key=all_values.get)
        return replace(
            base, id=f"{person}/1", person=person, utterance=None, t0_s=t1_s - 1, t1_s=t1_s, final=False,
            probabilities=all_values, active=(strongest,), abstained=False, confidence=all_values[strongest],
        )  # fmt: skip

    return make


@pytest.fixture
def recording(tmp_path):
    """Twelve seconds of silence that every browser plays."""
    path = tmp_path / "talk.wav"
    data = io.BytesIO()
    with wave.open(data, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(2 * 8000 * 12))
    path.write_bytes(data.getvalue())
    return path


def test_the_card_says_in_a_word_what_is_expressed_and_how_sure_that_is(tab, drawn, hello, rolling):
    with closing(FeedSink(port=0)) as feed:
        tell(feed, [hello, rolling("p1", 2.0, anger=0.44), rolling("p2", 2.0, happiness=0.9, surprise=0.1)])
        tab.open(feed.page_url)
        drawn("44%, unsure")
        assert text(tab, card("p1", ".word strong")) == "angry"
        assert text(tab, card("p1", "h2")) == "Person 1"
        assert text(tab, card("p1", ".initial")) == "P1"
        assert text(tab, card("p2", ".word strong")) == "happy"
        assert text(tab, card("p2", ".word .sure")) == "90%, sure"
        size = (
            f'parseFloat(getComputedStyle(document.querySelector("{card("p1", ".word strong")}")).fontSize)'
        )
        assert tab.evaluate(size) >= 30
        assert "confidence" not in tab.evaluate("document.body.innerText")


def test_what_has_too_little_evidence_is_no_word(tab, drawn, hello, rolling):
    thin = replace(
        rolling("p1", 2.0, anger=0.44),
        abstained=True,
        modalities=("visual",),
        missing={"audio": "not speaking"},
    )
    with closing(FeedSink(port=0)) as feed:
        tell(feed, [hello, thin])
        tab.open(feed.page_url)
        drawn("cannot tell")
        assert "without voice (not speaking)" in text(tab, card("p1"))
        assert "angry" not in text(tab, card("p1"))


def test_me_comes_first_then_who_speaks_then_the_others_in_natural_order(tab, drawn, hello, rolling):
    people = ("p10", "p2", "p3", "me")
    spoken = Utterance("u1", "p3", 1.0, 2.0, None, False)
    with closing(FeedSink(port=0)) as feed:
        tell(feed, [hello, *(rolling(person, 2.0, anger=0.6) for person in people), spoken])
        tab.open(feed.page_url)
        drawn("Person 10")
        tab.until(f"JSON.stringify({ORDER}) === JSON.stringify(['me', 'p3', 'p2', 'p10'])")
        assert tab.evaluate(f'document.querySelector("{card("p3", ".speaking")}").checkVisibility()')
        assert not tab.evaluate(f'document.querySelector("{card("p2", ".speaking")}").checkVisibility()')


def test_faces_are_shown_while_they_are_seen_and_an_initial_else(tab, drawn, hello, rolling):
    _, encoded = cv2.imencode(".jpg", np.full((96, 96, 3), RED[::-1], np.uint8))
    seen = {"p1": bytes(encoded)}
    with closing(FeedSink(port=0, media=RunMedia(faces=lambda: dict(seen)))) as feed:
        tell(feed, [hello, rolling("p1", 2.0, anger=0.6), rolling("p2", 2.0, anger=0.6)])
        tab.open(feed.page_url)
        canvas = f'document.querySelector("{card("p1", ".portrait canvas")}")'
        tab.until(f"{canvas} !== null && !{canvas}.hidden")
        pixel = tab.evaluate(f"[...{canvas}.getContext('2d').getImageData(48, 48, 1, 1).data]")
        assert np.allclose(pixel[:3], RED, atol=12)
        assert text(tab, card("p2", ".initial")) == "P2"
        seen.clear()
        tab.until(f"{canvas}.hidden")
        assert text(tab, card("p1", ".initial")) == "P1"


def test_who_joins_late_has_the_curves_of_before(tab, drawn, conversation):
    with closing(FeedSink(port=0)) as feed:
        tell(feed, conversation[:-1])
        tab.open(feed.page_url)
        drawn("cold tonight.")
        tab.until(f"({CURVE}).then(curve => (curve?.added ?? 0) > 30)")
        assert tab.evaluate(f"({CURVE}).then(curve => curve.time(curve.first))") < 1.0
        tab.evaluate("document.getElementById('seek').value = 2; document.getElementById('seek').oninput()")
        drawn("Looking back at 0:02")
        assert text(tab, card("p1", ".word strong")) is not None
        assert "nothing known" not in text(tab, card("p1"))


def test_the_glance_says_who_spoke_and_a_moment_leads_to_its_time(tab, drawn, conversation):
    last = max(i for i, e in enumerate(conversation) if isinstance(e, EmotionEstimate) and e.final)
    values = conversation[last].probabilities | {"anger": 0.93}
    strong = replace(
        conversation[last], probabilities=values, active=("anger",), abstained=False, confidence=0.93
    )
    with closing(FeedSink(port=0)) as feed:
        tell(feed, [*conversation[:last], strong, *conversation[last + 1 : -1]])
        tab.open(feed.page_url)
        drawn("angry 93%, sure")
        assert "Person 1" in text(tab, "#talk")
        assert "%" in text(tab, "#talk")
        moment = "[...document.querySelectorAll('.moment')].find(n => n.textContent.includes('angry 93%'))"
        assert "cold tonight" in tab.evaluate(f"{moment}.textContent")
        tab.evaluate(f"{moment}.click()")
        drawn("Looking back at")
        assert "cold tonight" in tab.evaluate("document.querySelector('[aria-current]').textContent")


def test_the_conversation_can_be_searched(tab, drawn, conversation):
    said = next(i for i, e in enumerate(conversation) if isinstance(e, Transcript) and e.final)
    other = replace(conversation[said], text="Something about horses.")
    with closing(FeedSink(port=0)) as feed:
        tell(feed, [*conversation[:said], other, *conversation[said + 1 : -1]])
        tab.open(feed.page_url)
        drawn("horses")
        search = "document.getElementById('search')"
        shown = "[...document.querySelectorAll('.utterance')].filter(n => n.checkVisibility()).length"
        assert tab.evaluate(shown) == 3
        tab.evaluate(f"{search}.value = 'HORSES person'; {search}.dispatchEvent(new Event('input'))")
        assert tab.evaluate(shown) == 1
        assert text(tab, "#found") == "1 found"
        tab.evaluate(f"{search}.value = ''; {search}.dispatchEvent(new Event('input'))")
        assert tab.evaluate(shown) == 3


def test_the_end_of_a_run_brings_its_summary_whose_times_lead_back(tab, drawn, conversation):
    with closing(FeedSink(port=0)) as feed:
        tell(feed, conversation)
        tab.open(feed.page_url)
        drawn("What was expressed")
        assert "of all speech" in text(tab, "#summary")
        assert not tab.evaluate("document.getElementById('glance').checkVisibility()")
        if tab.evaluate("document.querySelector('#summary button.time') !== null"):
            tab.evaluate("document.querySelector('#summary button.time').click()")
            drawn("Looking back at")


@pytest.fixture
def with_recording(recording, conversation):
    control = RunControl(threading.Event())
    with closing(FeedSink(port=0, control=control, media=RunMedia(recording, has_video=False))) as feed:
        run = control.before(feed)
        for seq, event in enumerate(conversation[:-1]):
            run.write(event, seq)
        yield feed, run, len(conversation) - 1


PLAYER = "document.querySelector('#screen audio')"


def test_the_recording_and_the_curves_are_scrubbed_together(tab, drawn, with_recording):
    feed, _, _ = with_recording
    tab.open(feed.page("control"))
    tab.until(f"({PLAYER}?.readyState ?? 0) >= 2")
    assert tab.evaluate(f"{PLAYER}.duration") == pytest.approx(12.0, abs=0.1)
    tab.evaluate("document.getElementById('seek').value = 5; document.getElementById('seek').oninput()")
    drawn("Looking back at 0:05")
    tab.until(f"Math.abs({PLAYER}.currentTime - 5) < 0.5")
    tab.evaluate(f"{PLAYER}.dispatchEvent(new Event('pointerdown')); {PLAYER}.currentTime = 2.5")
    drawn("Looking back at 0:02")


def test_keys_play_move_and_mark(tab, drawn, with_recording):
    feed, run, seq = with_recording
    tab.open(feed.page("control"))
    tab.until(f"({PLAYER}?.readyState ?? 0) >= 2")
    tab.evaluate("document.getElementById('seek').value = 7; document.getElementById('seek').oninput()")
    drawn("Looking back at 0:07")
    tab.evaluate("document.activeElement.blur()")
    press(tab, "ArrowLeft", 37)
    drawn("Looking back at 0:02")
    tab.until(f"Math.abs({PLAYER}.currentTime - 2) < 0.5")
    press(tab, "m", 77)
    drawn("Marked at 0:02.")
    run.write(Marker(11.9, "later"), seq)
    drawn("Marked: later")
    press(tab, " ", 32)
    tab.until(f"!{PLAYER}.paused")
    tab.until(f"{PLAYER}.currentTime > 2.4")
    press(tab, " ", 32)
    tab.until(f"{PLAYER}.paused")
    tab.evaluate("document.getElementById('search').focus()")
    press(tab, " ", 32)
    assert tab.evaluate(f"{PLAYER}.paused")


def test_a_run_without_a_recording_shows_no_player(tab, drawn, hello):
    with closing(FeedSink(port=0)) as feed:
        feed.write(hello, 0)
        tab.open(feed.page_url)
        drawn("Nobody has been seen")
        assert not tab.evaluate("document.getElementById('recording').checkVisibility()")


def test_at_1600_pixels_the_page_is_filled_and_at_360_nothing_scrolls_sideways(tab, drawn, hello, rolling):
    with closing(FeedSink(port=0)) as feed:
        tell(feed, [hello, rolling("p1", 30.0, anger=0.6), rolling("p2", 30.0, happiness=0.8)])
        for width in (1600, 360):
            tab.call(
                "Emulation.setDeviceMetricsOverride",
                width=width,
                height=900,
                deviceScaleFactor=1,
                mobile=False,
            )
            tab.open(feed.page_url)
            drawn("angry")
            assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
            if width == 1600:
                cards = "[...document.querySelectorAll('.card')].map(n => n.getBoundingClientRect())"
                covered = tab.evaluate(
                    f"{cards}.reduce((sum, box) => sum + box.width * Math.min(box.height, 900 - box.top), 0)"
                )
                assert covered > 0.4 * 1600 * 900
        picture = base64.b64decode(tab.picture())
        assert picture.startswith(b"\x89PNG")
        tab.call("Emulation.clearDeviceMetricsOverride")
