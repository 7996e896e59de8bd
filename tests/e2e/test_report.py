"""The report's page in a browser: opened as a file, without a network, on screens and on paper."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace

import pytest

from core.events import EmotionEstimate
from realtime.report.page import page
from realtime.report.reading import Report, told
from tests.e2e.browser import BROWSER
from tests.e2e.test_page_accessible import look, violations

pytestmark = pytest.mark.skipif(
    BROWSER is None, reason="no browser to look at the page with: install Debian's package chromium"
)

TROUBLE = {"Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Audits.issueAdded"}


class Listening:
    """A tab's socket that remembers what the browser says without being asked."""

    def __init__(self, socket):
        self._socket = socket
        self.heard = []

    def send(self, text):
        self._socket.send(text)

    def recv(self, timeout):
        text = self._socket.recv(timeout=timeout)
        message = json.loads(text)
        if "method" in message:
            self.heard.append(message)
        return text


@pytest.fixture
def report_file(tmp_path, conversation):
    """The report of a run with everything in it: two people, one of them for a while without evidence."""
    events = [
        replace(e, abstained=True) if isinstance(e, EmotionEstimate) and 3 < e.t1_s < 5 else e
        for e in conversation
    ]
    report = told(Report("run", events[0]), ((event, frozenset()) for event in events[1:]))
    path = tmp_path / "report.html"
    path.write_text(page(report), encoding="utf-8")
    return path


@pytest.fixture
def listening(tab, monkeypatch):
    ear = Listening(tab._socket)
    monkeypatch.setattr(tab, "_socket", ear)
    for domain in ("Log", "Runtime", "Network", "Audits"):
        tab.call(f"{domain}.enable")
    offline = {"offline": True, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    tab.call("Network.emulateNetworkConditions", **offline)
    yield ear
    tab.call("Network.emulateNetworkConditions", **{**offline, "offline": False})
    for domain in ("Log", "Runtime", "Network", "Audits"):
        tab.call(f"{domain}.disable")


def test_the_page_opens_as_a_file_without_a_network_and_without_complaint(tab, listening, report_file):
    look(tab, 1280, "light")
    listening.heard.clear()
    tab.open(report_file.as_uri())
    assert tab.evaluate("document.querySelectorAll('.timeline').length") == 2
    assert tab.evaluate("document.body.textContent.includes('cold tonight.')")
    assert base64.b64decode(tab.picture()).startswith(b"\x89PNG")
    assert [m for m in listening.heard if m["method"] in TROUBLE] == []
    asked = [
        m["params"]["request"]["url"] for m in listening.heard if m["method"] == "Network.requestWillBeSent"
    ]
    assert asked == [report_file.as_uri()]


def test_its_style_is_in_force_and_its_policy_lets_no_script_in(tab, report_file):
    look(tab, 1280, "light")
    tab.open(report_file.as_uri())
    assert tab.evaluate("getComputedStyle(document.querySelector('.plot .line')).strokeWidth") == "1.6px"
    ran = """new Promise(done => {
        document.addEventListener("securitypolicyviolation", event => done(event.effectiveDirective));
        const script = document.createElement("script");
        script.textContent = "window.ran = true";
        document.body.append(script);
    })"""
    assert tab.evaluate(ran) == "script-src-elem"
    assert tab.evaluate("window.ran === undefined")


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (360, "light")])
def test_the_page_violates_none_of_the_rules_and_fits_its_width(tab, report_file, width, scheme):
    look(tab, width, scheme)
    tab.open(report_file.as_uri())
    assert violations(tab) == []
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_lanes_lie_beside_their_names(tab, report_file):
    look(tab, 1280, "light")
    tab.open(report_file.as_uri())
    apart = """[...document.querySelectorAll('.timeline')].map(timeline => {
        const box = node => node.getBoundingClientRect();
        const middle = node => (box(node).top + box(node).bottom) / 2;
        const names = [...timeline.querySelectorAll('.lane')].map(middle);
        const lanes = [...timeline.querySelectorAll('.plot > g > svg > .base')].map(
            node => box(node).bottom);
        return Math.max(...names.map((y, i) => Math.abs(lanes[i] - 18 - y)));
    })"""
    assert all(distance < 4 for distance in tab.evaluate(apart))


def test_on_paper_it_is_light_and_takes_few_pages(tab, report_file):
    look(tab, 1280, "dark")
    tab.open(report_file.as_uri())
    tab.call("Emulation.setEmulatedMedia", media="print")
    try:
        assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        ink = tab.evaluate("getComputedStyle(document.body).color")
        assert max(int(part) for part in re.findall(r"\d+", ink)) < 80
        paper = base64.b64decode(tab.call("Page.printToPDF", preferCSSPageSize=True)["data"])
        sizes = re.findall(rb"/MediaBox\s*\[\s*0 0 ([\d.]+) ([\d.]+)", paper)
        assert 2 <= len(sizes) <= 5
        assert {(round(float(width)), round(float(height))) for width, height in sizes} == {(595, 842)}
    finally:
        tab.call("Emulation.setEmulatedMedia", media="")
