"""The clients for browsers, in a real one, against the real server."""

from __future__ import annotations

import asyncio
import base64
import os
import threading
import time
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from shutil import copy

import pytest

from core.events import EmotionEstimate
from realtime.feed.limits import Limits
from realtime.feed.server import Feed
from tests.e2e.browser import BROWSER, browsing
from tests.realtime.feed.feedside import Target

ROOT = Path(__file__).resolve().parents[2]
LIMITS = Limits(close_s=0.5)
FOLLOW = """
  import("/client.js").then(({ FeedClient, ownAddress }) => {
    window.told = [];
    window.states = [];
    window.feed = new FeedClient(ownAddress("/v1/stream"), "TOKEN", {
      onEvent: (message) => told.push([message.seq, message.type, message.final === true]),
      onState: (name, reason) => states.push([name, reason]),
      ...OPTIONS,
    });
    feed.retryMs = 1;
    feed.connect();
    return true;
  })
"""

pytestmark = pytest.mark.skipif(
    BROWSER is None, reason="no browser to run client.js in: install Debian's package chromium"
)


@contextmanager
def looping():
    """A function that runs a coroutine on a loop in another thread and returns its result."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield lambda coroutine: asyncio.run_coroutine_threadsafe(coroutine, loop).result(20)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@contextmanager
def fed(run, **options):
    feed = Feed(port=0, limits=LIMITS, **options)
    run(feed.start())
    try:
        yield feed
    finally:
        run(feed.close())


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    with browsing(tmp_path_factory.mktemp("profile")) as tab:
        yield tab


@pytest.fixture
def run():
    with looping() as run:
        yield run


def follow(tab, feed, token, options="{}"):
    tab.open(feed.page_url.partition("#")[0] + f"icon.svg?{time.monotonic_ns()}")
    assert tab.evaluate(FOLLOW.replace("TOKEN", token).replace("OPTIONS", options))


async def cut_all(feed):
    for connection in list(feed._clients):
        connection.transport.abort()


def test_the_client_tells_every_final_once_and_in_order_however_often_it_is_cut_off(tab, run, conversation):
    finals = [i for i, e in enumerate(conversation) if isinstance(e, EmotionEstimate) and e.final]
    with fed(run) as feed:
        for seq, event in enumerate(conversation[:40]):
            feed.publish(event, seq)
        follow(tab, feed, feed.tokens.view)
        tab.until("told.length > 0")
        for cut, begin in enumerate(range(40, len(conversation), 30), 2):
            run(cut_all(feed))
            for seq, event in enumerate(conversation[begin : begin + 30], begin):
                feed.publish(event, seq)
            tab.until(f"states.filter(([name]) => name === 'live').length === {cut}")
        tab.until("told.at(-1)?.[1] === 'end'")
        told = tab.evaluate("told")
        assert [seq for seq, kind, final in told if final and kind == "estimate"] == finals
        assert [seq for seq, *_ in told] == sorted({seq for seq, *_ in told})
        assert tab.evaluate("states.filter(([name]) => name === 'lost').length") >= 2


def test_the_client_asks_and_is_answered_and_does_as_it_is_advised(tab, run, hello):
    target = Target()
    with fed(run, control=target) as feed:
        feed.publish(hello, 0)
        follow(tab, feed, feed.tokens.control, "{ session: 'main' }")
        tab.until("told.length > 0")
        answer = tab.evaluate("feed.request({ type: 'mark', label: 'laughs' })")
        assert (answer["ok"], target.asked) == (True, [("mark", "laughs", None)])
        assert tab.evaluate("feed.request({ type: 'ping' })")["seq"] == 0
        tab.evaluate("feed.close()")
        tab.until("states.at(-1)?.[0] === 'over'")
        follow(tab, feed, "wrong")
        tab.until("states.at(-1)?.[0] === 'refused'")
        follow(tab, feed, feed.tokens.view, "{ session: 'other' }")
        tab.until("states.at(-1)?.[0] === 'refused'")


@contextmanager
def page_server(folder):
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_example_page_shows_what_is_told(tab, run, conversation, tmp_path):
    copy(ROOT / "examples" / "page.html", tmp_path)
    copy(ROOT / "realtime" / "web" / "client.js", tmp_path)
    with page_server(tmp_path) as origin, fed(run, origins=(origin,)) as feed:
        for seq, event in enumerate(conversation[:100]):
            feed.publish(event, seq)
        tab.open(f"{origin}/page.html#feed=127.0.0.1:{feed.port}&token={feed.tokens.view}")
        tab.until("document.querySelectorAll('.person').length === 2")
        assert "%" in tab.evaluate("document.body.innerText")
        assert feed.tokens.view not in tab.evaluate("location.href")
        keep(tab, "example-page")
        feed.publish(conversation[-1], 100)
        tab.until("document.body.textContent.includes('The run is over')")


def keep(tab, name):
    """Keep a picture for people if they ask for it with EMOTRACK_PICTURES."""
    folder = os.environ.get("EMOTRACK_PICTURES")
    if folder:
        (Path(folder) / f"{name}.png").write_bytes(base64.b64decode(tab.picture()))
