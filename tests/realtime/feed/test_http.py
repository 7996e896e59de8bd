"""Who may come in, what is served besides websockets, and where the feed may listen."""

from __future__ import annotations

import asyncio
import http.client
import ssl
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from websockets.asyncio.client import connect
from websockets.datastructures import Headers
from websockets.exceptions import InvalidMessage, InvalidStatus
from websockets.http11 import Request, Response

from core.errors import FeedError
from realtime.config import FeedConfig
from realtime.feed.auth import Authenticator, Tokens
from realtime.feed.client_messages import Identify
from realtime.feed.close_codes import CloseCode
from realtime.feed.endpoint import Endpoint, Tls
from realtime.feed.http import FeedStatus, HttpHandler
from realtime.feed.resources import Resources, RunMedia
from realtime.feed.server import Feed
from realtime.feed.sink import FeedSink, tls_of
from tests.realtime.feed.feedside import LIMITS, asynchronous, connected, joined, publish_all, serving, until

UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}


@pytest.fixture(scope="module")
def feed():
    with closing(FeedSink(port=0, limits=LIMITS)) as feed:
        yield feed


def fetch(feed, path="/", *, method="GET", **headers):
    connection = http.client.HTTPConnection("127.0.0.1", feed.port, timeout=10)
    with closing(connection):
        connection.putrequest(method, path, skip_host="Host" in headers)
        for name, values in headers.items():
            for value in [values] if isinstance(values, str) else values:
                connection.putheader(name, value.format(port=feed.port).encode("latin-1"))
        connection.endheaders()
        response = connection.getresponse()
        return response, response.read()


# --- what is served ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html"),
        ("/?from=link", "text/html"),
        ("/app.js", "text/javascript"),
        ("/client.js", "text/javascript"),
        ("/style.css", "text/css"),
        ("/icon.svg", "image/svg+xml"),
    ],
)
def test_the_page_is_served_with_headers_that_keep_foreign_content_out(feed, path, kind):
    response, body = fetch(feed, path)
    assert response.status == 200
    assert body
    assert response.headers["Content-Type"].startswith(kind)
    assert "default-src 'self'" in response.headers["Content-Security-Policy"]
    assert "unsafe" not in response.headers["Content-Security-Policy"]
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "Server" not in response.headers


def test_the_page_puts_text_in_as_text_only():
    for script in (Path(__file__).parents[3] / "realtime" / "web").glob("*.js"):
        source = script.read_text(encoding="utf-8")
        for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function("):
            assert word not in source, script.name


@pytest.mark.parametrize(
    "path",
    ["/../server.py", "/%2e%2e/server.py", "/..%2fserver.py", "//etc/passwd", "/app.js/", "/v1/", "/.git",
     "/index.html%00", "/app.js%00.css", "/./app.js", "/\\..\\server.py", "/v1/ingest", "/index.html",
     "/ingest", "/ingest.html"],
)  # fmt: skip
def test_nothing_but_the_page_s_files_can_be_fetched(feed, path):
    response, _ = fetch(feed, path)
    assert response.status == 404
    assert response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("method", "path", "status"), [("POST", "/", 405), ("HEAD", "/", 405), ("GET", "/v1/stream", 426)]
)
def test_only_get_is_understood_and_the_stream_needs_a_websocket(feed, method, path, status):
    response, _ = fetch(feed, path, method=method)
    assert response.status == status


# --- who may come in ---------------------------------------------------------------------------------

OWN = "http://127.0.0.1:{port}"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example:{port}"}, 421),
        ({"Host": "127.0.0.1"}, 421),
        ({"Host": "127.0.0.1:{port}.evil.example"}, 421),
        ({"Host": "evil.127.0.0.1:{port}"}, 421),
        ({"Host": "127.0.0.1:1"}, 421),
        ({"Host": "127.0.0.1:0{port}"}, 421),
        ({"Host": "127.0.0.1:{port}@evil.example"}, 421),
        ({"Host": "user@127.0.0.1:{port}"}, 421),
        ({"Host": "127.1:{port}"}, 421),
        ({"Host": "2130706433:{port}"}, 421),
        ({"Host": "[::ffff:127.0.0.1]:{port}"}, 421),
        ({"Host": "localhost.:{port}"}, 421),
        ({"Host": ""}, 421),
        ({"Host": "\xff\xfe"}, 421),
        ({"Host": "[[[:{port}"}, 421),
        ({"Host": ["127.0.0.1:{port}", "evil.example"]}, 421),
        ({"Host": "127.0.0.1:{port}, evil.example"}, 421),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": ""}, 403),
        ({"Origin": "https://127.0.0.1:{port}"}, 403),
        ({"Origin": "HTTP://127.0.0.1:{port}"}, 403),
        ({"Origin": "http://LOCALHOST:{port}"}, 403),
        ({"Origin": "http://127.0.0.1"}, 403),
        ({"Origin": "http://127.0.0.1:1{port}"}, 403),
        ({"Origin": "http://127.0.0.1:{port}/"}, 403),
        ({"Origin": "http://127.0.0.1:{port}.evil.example"}, 403),
        ({"Origin": "http://evil.example/?http://127.0.0.1:{port}"}, 403),
        ({"Origin": "http://evil-127.0.0.1:{port}"}, 403),
        ({"Origin": "http://user@127.0.0.1:{port}"}, 403),
        ({"Origin": "\xff://[["}, 403),
        ({"Origin": [OWN, "http://evil.example"]}, 403),
        ({"Origin": OWN + " http://evil.example"}, 403),
        ({"Host": "localhost:{port}"}, 200),
        ({"Host": "LocalHost:{port}"}, 200),
        ({"Host": "[::1]:{port}", "Origin": "http://[::1]:{port}"}, 200),
        ({"Origin": "http://localhost:{port}"}, 200),
        ({"Origin": OWN}, 200),
    ],
)
def test_a_page_of_another_site_can_neither_fetch_anything_nor_open_the_stream(feed, headers, status):
    for path in ("/", "/metrics", "/healthz"):
        response, _ = fetch(feed, path, **headers)
        assert response.status == status
        assert "Access-Control-Allow-Origin" not in response.headers
    response, _ = fetch(feed, "/v1/stream", **headers, **UPGRADE)
    assert response.status == (101 if status == 200 else status)


@asynchronous
async def test_another_page_may_read_the_feed_only_if_its_exact_address_was_named():
    async with serving(origins=("http://127.0.0.1:8000",)) as feed:
        async with joined(feed, origin="http://127.0.0.1:8000"):
            pass
        for origin in ("http://127.0.0.1:8001", "https://127.0.0.1:8000", "http://127.0.0.1", "null"):
            with pytest.raises(InvalidStatus):
                await connect(feed.url, proxy=None, origin=origin)


@pytest.mark.parametrize("origin", ["*", "null", "127.0.0.1:8000", "http://a/path", "http://*.a", "file://"])
def test_what_is_no_address_of_a_page_is_refused(origin):
    with pytest.raises(FeedError, match="no origin"):
        Feed(origins=(origin,))


def test_a_token_in_the_address_is_refused_and_never_lets_anybody_in(feed):
    response, body = fetch(feed, f"/v1/stream?token={feed.tokens.view}", **UPGRADE)
    assert response.status == 400
    assert feed.tokens.view.encode() not in body
    assert "#token=" in feed.page_url
    assert "?" not in feed.page_url
    assert feed.page("control").endswith(feed.tokens.control)


@asynchronous
async def test_there_is_a_bound_on_clients_and_it_is_said_why():
    async with serving(replace(LIMITS, max_viewers=1)) as feed:
        async with connected(feed) as late, joined(feed):
            with pytest.raises(Exception, match="HTTP 503"):
                async with connected(feed):
                    pass
            await late.say(Identify("1.0", feed.tokens.view))
            assert (await late.rest())[1] == CloseCode.TRY_AGAIN_LATER
        await until(lambda: not feed._clients)
        async with joined(feed):
            pass
        assert feed.counts().refused == {503: 1}


# --- where it may listen -----------------------------------------------------------------------------


def test_a_port_that_is_taken_is_an_error_that_says_what_to_do(feed):
    with pytest.raises(FeedError, match=r"in use by another program.*--port") as caught:
        FeedSink(port=feed.port)
    assert str(feed.port) in str(caught.value)
    assert caught.value.exit_code == 7


@pytest.mark.parametrize("host", ["0.0.0.0", "", "192.168.1.2", "::", "example.org", "127.0.0.1.example"])
def test_the_feed_is_never_opened_to_the_network_without_tls(host):
    with pytest.raises(FeedError, match=r"127\.0\.0\.1"):
        Feed(host, 0)


@pytest.fixture
def tls():
    both = Path(__file__).with_name("localhost.pem")
    return Tls(both, both, ("localhost",))


class Refusing:
    """A connection that answers."""

    def respond(self, status, text):
        return Response(int(status), text, Headers())


@asynchronous
async def test_with_a_certificate_any_address_is_served_and_spoken_to_by_tls_only(tls, conversation):
    trusted = ssl.create_default_context(cafile=tls.certificate)
    async with serving(tls=tls, host="0.0.0.0") as feed:
        publish_all(feed, conversation)
        assert feed.url.startswith("wss://localhost:")
        assert feed.page_url.startswith("https://localhost:")
        async with joined(feed, ssl=trusted) as client:
            assert client.past[0]["type"] == "hello"
        async with joined(feed, ssl=trusted, origin=f"https://localhost:{feed.port}"):
            pass
        with pytest.raises(Exception, match="HTTP 403"):
            await connect(feed.url, ssl=trusted, proxy=None, origin=f"http://localhost:{feed.port}")
        other_name = feed.url.replace("localhost", "127.0.0.1")
        with pytest.raises(Exception, match="HTTP 421"):
            await connect(other_name, ssl=trusted, proxy=None, server_hostname="localhost")
        with pytest.raises((InvalidMessage, OSError)):
            await connect(feed.url.replace("wss", "ws"), proxy=None)


NONE = Resources(RunMedia(), on_loopback=False, curves=lambda: None, summary=lambda: None)


def test_away_from_loopback_the_counters_need_a_token_and_wrong_ones_lock_nobody_out(tls):
    tokens, endpoint = Tokens.drawn(), Endpoint("192.0.2.7", 443, tls)
    auth = Authenticator(tokens, lambda: 0.0)
    http = HttpHandler(
        endpoint, auth, FeedStatus(lambda: False, lambda: True, lambda: b"n", None, True, NONE), {}
    )

    def status(authorization=None):
        headers = {"Host": "localhost", **({"Authorization": authorization} if authorization else {})}
        return http.respond(Refusing(), Request("/metrics", Headers(headers))).status_code

    assert status(f"Bearer {tokens.view}") == 200
    assert [status(), status(f"Basic {tokens.view}")] == [401] * 2
    assert auth.wrong_tokens == 0  # none was shown
    assert [status("Bearer wrong") for _ in range(1000)] == [401] * 1000
    assert auth.wrong_tokens == 1000
    assert status(f"Bearer {tokens.view}") == 200  # whatever others have shown


@pytest.mark.parametrize(
    "config",
    [{"certificate": "c.pem"}, {"key": "k.pem"}],
)
def test_half_a_certificate_is_refused(config):
    with pytest.raises(FeedError, match="both, or neither"):
        tls_of(FeedConfig.from_mapping({k: Path(v) for k, v in config.items()}, where="test"))
    assert tls_of(FeedConfig()) is None


@pytest.mark.parametrize("names", [(), ("http://x",), ("x:1",), ("a b",), ("",)])
def test_names_that_are_no_hosts_are_refused(tls, names):
    with pytest.raises(FeedError, match="names"):
        Endpoint("0.0.0.0", 1, Tls(tls.certificate, tls.key, names))


@asynchronous
async def test_a_certificate_that_cannot_be_read_is_an_error_that_names_it(tmp_path):
    feed = Feed("0.0.0.0", 0, tls=Tls(tmp_path / "no.pem", tmp_path / "no.key", ("localhost",)))
    with pytest.raises(FeedError, match=r"no\.pem"):
        await feed.start()


# --- operations --------------------------------------------------------------------------------------


@asynchronous
async def test_health_readiness_and_counters_are_told_and_hold_no_content(conversation):
    async with serving() as feed:

        async def get(path):
            response, body = await asyncio.to_thread(fetch, feed, path)
            return response, body.decode()

        assert (await get("/healthz"))[0].status == 200
        assert (await get("/readyz"))[0].status == 503
        publish_all(feed, conversation)
        assert (await get("/readyz"))[0].status == 200
        async with joined(feed, subscribe={"kinds": ("estimate",)}) as client:
            feed.publish(conversation[-2], len(conversation))
            async with connected(feed) as wrong:
                await wrong.say(Identify("1.0", "wrong"))
                await wrong.code()
            response, text = await get("/metrics")
            del client
    assert response.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    families = {family.name: family for family in text_string_to_metric_families(text)}
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in families.values() for sample in family.samples
    }  # fmt: skip
    events = sum(value for (name, *_), value in samples.items() if name == "emotrack_feed_events_total")
    assert events == len(conversation) + 1
    assert samples["emotrack_feed_events_total", "hello"] == 1
    assert samples["emotrack_feed_viewers",] == 1
    assert samples["emotrack_feed_wrong_tokens_total",] == 1
    assert samples["emotrack_feed_closed_total", "4002"] == 1
    assert "jacket" not in text
    assert "p1" not in text
    assert text.endswith("# EOF\n")


@asynchronous
async def test_on_loopback_the_counters_need_a_token_where_that_is_asked_for():
    async with serving(metrics_token=True) as feed:

        async def status(**headers):
            response, _ = await asyncio.to_thread(fetch, feed, "/metrics", **headers)
            return response.status

        assert await status() == 401
        assert await status(Authorization=f"Bearer {feed.tokens.view}") == 200
        assert await status(Authorization="Bearer wrong") == 401
        assert (await asyncio.to_thread(fetch, feed, "/healthz"))[0].status == 200
    async with serving() as feed:
        assert (await asyncio.to_thread(fetch, feed, "/metrics"))[0].status == 200
