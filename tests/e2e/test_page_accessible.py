"""The pages against axe-core's rules, in light and dark, wide and narrow."""

from __future__ import annotations

import threading
from contextlib import closing
from importlib.resources import files

import pytest

from core.events import Status
from realtime.feed.control import RunControl
from realtime.feed.sink import FeedSink
from tests.e2e.browser import BROWSER

pytestmark = pytest.mark.skipif(
    BROWSER is None, reason="no browser to look at the page with: install Debian's package chromium"
)

AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
FOUND = """axe.run(document).then(result => [result.passes.length, result.violations.map(
    rule => rule.id + ": " + rule.nodes.map(node => node.html.slice(0, 160) + " " + node.failureSummary))])"""


def violations(tab):
    tab.evaluate(AXE + "; 0")
    passes, found = tab.evaluate(FOUND)
    assert passes > 10
    return found


def look(tab, width, scheme):
    tab.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
    tab.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])


@pytest.fixture
def feed(conversation):
    with closing(FeedSink(port=0, control=RunControl(threading.Event()))) as feed:
        for seq, event in enumerate(conversation[:-1]):
            feed.write(event, seq)
        # Nothing newer is known of anybody: what is shown has faded.
        feed.write(Status(17.0, "gap", "warning", "Nothing comes any more.", stream="video"), seq + 1)
        yield feed


@pytest.mark.parametrize(("width", "scheme"), [(1400, "light"), (1400, "dark"), (360, "light")])
def test_the_dashboard_violates_none_of_the_rules(tab, drawn, feed, width, scheme):
    look(tab, width, scheme)
    tab.open(feed.page("control"))
    drawn("cold tonight.")
    tab.evaluate("document.querySelectorAll('details').forEach(node => { node.open = true; })")
    assert tab.evaluate("document.querySelector('.person.stale') !== null")
    assert violations(tab) == []
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_dialog_and_the_past_violate_none_of_the_rules(tab, drawn, feed):
    look(tab, 800, "light")
    tab.open(feed.page("control"))
    tab.until("document.querySelector('.utterance .quiet') !== null")
    tab.evaluate("document.querySelector('.utterance button.time').click()")
    drawn("Looking back at")
    tab.evaluate("document.querySelector('.utterance .quiet').click()")
    assert violations(tab) == []


def test_the_overlay_violates_none_of_the_rules(tab, drawn, feed):
    page, _, token = feed.page_url.partition("#")
    tab.open(f"{page}overlay?layout=bars#{token}")
    drawn("%")
    assert violations(tab) == []


def test_every_control_can_be_reached_with_the_keyboard_and_shows_it(tab, drawn, feed):
    look(tab, 1400, "light")
    tab.open(feed.page("control"))
    drawn("cold tonight.")
    reached = []
    for _ in range(40):
        for kind in ("keyDown", "keyUp"):
            tab.call("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
        reached.append(tab.evaluate("document.activeElement.id || document.activeElement.className"))
        assert tab.evaluate("document.querySelector(':focus:not(:focus-visible)') === null")
    assert {"seek", "mark-label", "stop", "quiet", "transcript"} <= set(reached)
