"""A browser as microphone and camera: told first, asked, and then only for one session."""

from __future__ import annotations

import json
import threading
import wave
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest

from core.events import Hello
from core.labels import Purpose
from realtime.config import ServeConfig
from realtime.consent.ledger import Ledger
from realtime.consent.notice import notice_for
from realtime.runs.serve import INGEST_PAGE
from realtime.runs.serve_sessions import Sessions
from tests.core import fakes
from tests.core.fakes import voice
from tests.e2e.browser import BROWSER, browsing
from tests.e2e.test_clients import fed, looping
from tests.e2e.test_page_accessible import look, violations
from tests.realtime.consent.agreeing import agreed
from tests.realtime.runs.test_serve import Networks

pytestmark = pytest.mark.skipif(
    BROWSER is None, reason="no browser to send from: install Debian's package chromium"
)

ASKED = """
  window.asked = [];
  const { getUserMedia } = navigator.mediaDevices;
  navigator.mediaDevices.getUserMedia = function (wanted) {
    asked.push({ wanted, agreed: document.getElementById("agree").checked });
    return getUserMedia.call(navigator.mediaDevices, wanted);
  };
  const Socket = WebSocket;
  window.sockets = [];
  window.WebSocket = class extends Socket {
    constructor(url) { super(url); sockets.push(url); }
  };
"""
"""Notes when the browser's devices are asked for, and every connection."""


@pytest.fixture
def run():
    with looping() as run:
        yield run


@pytest.fixture(scope="module")
def speaking_tab(tmp_path_factory):
    """A browser whose microphone hears a recording and whose camera shows a test picture."""
    folder = tmp_path_factory.mktemp("microphone")
    sound = np.round(voice(4.0, [(0.5, 2.0)]) * 20_000).astype("<i2")
    with wave.open(str(folder / "microphone.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(sound.tobytes())
    options = (
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={folder / 'microphone.wav'}",
        "--autoplay-policy=no-user-gesture-required",
    )
    with browsing(folder / "profile", *options) as tab:
        yield tab


@pytest.fixture
def tab(speaking_tab):
    """The page's tab, which notes what it asks the browser for."""
    script = speaking_tab.call("Page.addScriptToEvaluateOnNewDocument", source=ASKED)
    speaking_tab.call("Page.enable")
    yield speaking_tab
    speaking_tab.call("Page.removeScriptToEvaluateOnNewDocument", identifier=script["identifier"])


class Watching(Networks):
    """Notes the pictures that are looked at."""

    def __init__(self):
        super().__init__()
        self.seen = []
        self.looked = threading.Event()

    def workers(self):
        def see(order):
            self.seen.append(order.image.shape)
            self.looked.set()
            return fakes.detect(order)

        return {**super().workers(), "faces": see}


@contextmanager
def served(run, hello, folder, purpose: Purpose = "personal"):
    """A server with room for one session, as `emotrack serve` opens it; gives feed, sessions and networks."""
    out = {"run": {"out": str(folder / "run")}, "sessions": {"linger_s": 0.0, "capacity": 1}}
    config = ServeConfig.from_mapping({**out, "engine": {"purpose": purpose}}, where="test")
    permission = agreed(purpose, ledger=Ledger(folder / "consent.jsonl"))
    greeting = replace(hello, capturing=True, purpose=purpose, withheld=permission.policy.explained)
    networks = Watching()
    sessions = Sessions(config, networks, greeting, permission)
    with fed(run, ingest=sessions) as feed:
        sessions.feed = feed
        yield feed, sessions, networks
        run(sessions.close())


def click(tab, name):
    tab.evaluate(f"document.getElementById({name!r}).click()")


def text(tab, name):
    return tab.evaluate(f"document.getElementById({name!r}).textContent")


def opened(tab, feed):
    tab.open(feed.page("ingest", INGEST_PAGE))
    tab.until("!document.getElementById('agree').disabled")


def sending(tab):
    """Agree and start; the session runs when this returns."""
    click(tab, "agree")
    click(tab, "begin")
    tab.until("document.getElementById('connection').textContent.startsWith('Sending as s')")
    tab.until("parseFloat(document.getElementById('taken').textContent.slice('Taken in up to '.length)) > 1")


def test_a_page_is_microphone_and_camera_of_a_session_only_after_somebody_agreed_and_pressed_the_button(
    tab, run, hello, tmp_path
):
    with served(run, hello, tmp_path) as (feed, sessions, networks):
        opened(tab, feed)
        notice = notice_for("personal")
        said = " ".join(text(tab, "notice-text").split())
        assert said == " ".join(notice.text.replace("\n\n", "").split())
        assert notice.version in text(tab, "notice-version")
        assert "Purpose: personal" in text(tab, "notice-version")
        assert " ".join(text(tab, "notice-others").split()) == " ".join(notice.others.split())
        click(tab, "begin")  # nobody has agreed
        assert tab.evaluate("[asked, sockets]") == [[], []]
        assert sessions.running == ()
        assert feed.tokens.ingest not in tab.evaluate("location.href")
        sending(tab)
        assert tab.evaluate("asked.map(each => each.agreed)") == [True]
        tab.until("document.getElementById('source').textContent === 'browser'")
        tab.until("document.getElementById('capturing').checkVisibility()")
        tab.until("document.getElementById('people').textContent.includes('me')")
        tab.until("document.getElementById('preview').videoWidth > 0")
        assert networks.looked.wait(60)
        click(tab, "begin")
        tab.until("document.getElementById('connection').textContent === 'Over'")
        assert not tab.evaluate("document.getElementById('agree').checked")
        assert tab.evaluate("document.getElementById('begin').disabled")
    lines = next(tmp_path.glob("run/*-s1/events.jsonl")).read_text(encoding="utf-8").split("\n")[:-1]
    first, last = json.loads(lines[0]), json.loads(lines[-1])
    assert (first["type"], first["source"]) == (Hello.__dataclass_fields__["type"].default, "browser")
    assert [stream["kind"] for stream in first["streams"]] == ["audio", "video"]
    assert (last["type"], last["reason"]) == ("end", "finished")
    assert last["t_s"] > 0.5
    assert networks.seen[0][2] == 3


def test_who_sends_withdraws_on_the_page_and_reads_what_became_of_it(tab, run, hello, tmp_path):
    with served(run, hello, tmp_path) as (feed, _, _):
        opened(tab, feed)
        sending(tab)
        click(tab, "withdraw")
        assert tab.evaluate("document.getElementById('withdrawing').open")
        tab.evaluate("document.querySelector('#withdrawing [value=withdraw]').click()")
        tab.until("document.getElementById('connection').textContent === 'Over'")
        assert tab.evaluate("document.getElementById('preview').srcObject") is None
        assert "Nothing is captured any more. 3 files of this session were deleted." in text(tab, "end")
        assert text(tab, "transcript") == text(tab, "people") == ""
        assert tab.evaluate("document.getElementById('agree').checkVisibility()")
    decisions = [
        (e.decision, e.session.partition(".")[2]) for e in Ledger(tmp_path / "consent.jsonl").entries()
    ]
    assert decisions == [("given", ""), ("given", "s1"), ("withdrawn", "s1")]
    assert not list(tmp_path.glob("run/*"))


def test_at_work_the_camera_is_not_even_asked_for(tab, run, hello, tmp_path):
    with served(run, hello, tmp_path, "workplace") as (feed, _, networks):
        opened(tab, feed)
        assert notice_for("workplace").version in text(tab, "notice-version")
        assert "not used for this purpose" in text(tab, "sight-name")
        sending(tab)
        assert tab.evaluate("asked.map(each => each.wanted)") == [{"audio": True, "video": False}]
        assert "Voice and face are not used. Purpose: workplace." in text(tab, "withheld")
        click(tab, "begin")
        tab.until("document.getElementById('connection').textContent === 'Over'")
    assert networks.seen == []


def test_without_its_notice_the_page_sends_nothing(tab, run, hello, tmp_path, monkeypatch):
    monkeypatch.setattr("realtime.feed.http.NOTICE_PATH", "/elsewhere.json")
    with served(run, hello, tmp_path) as (feed, sessions, _):
        tab.open(feed.page("ingest", INGEST_PAGE))
        tab.until("document.getElementById('notice-state').textContent.includes('cannot be had')")
        click(tab, "agree")
        click(tab, "begin")
        assert tab.evaluate("[asked, sockets]") == [[], []]
        assert sessions.running == ()


@pytest.mark.parametrize(("width", "scheme"), [(1400, "light"), (1400, "dark"), (360, "light")])
def test_the_notice_violates_none_of_the_rules(tab, run, hello, tmp_path, width, scheme):
    look(tab, width, scheme)
    with served(run, hello, tmp_path, "workplace") as (feed, _, _):
        opened(tab, feed)
        assert violations(tab) == []
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
        sending(tab)
        assert violations(tab) == []
        click(tab, "withdraw")
        assert violations(tab) == []
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
        tab.evaluate("document.getElementById('withdrawing').close()")
        click(tab, "begin")
        tab.until("document.getElementById('connection').textContent === 'Over'")
