"""Who may come in, and what is served besides websockets: the feed's HTTP side.

A page of another site can reach a loopback port through the visitor's browser; the checks of `Host` (DNS
rebinding) and `Origin` (cross-site requests) keep it out, before anything else is looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from websockets.asyncio.server import ServerConnection
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from realtime.feed.client_messages import INGEST_PATH, STREAM_PATH
from realtime.feed.endpoint import Endpoint
from realtime.feed.pages import pages
from realtime.feed.throttle import WrongTokens
from realtime.feed.tokens import Tokens

OPENMETRICS: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"
TEXT: Final = "text/plain; charset=utf-8"
JSON: Final = "application/json"
NOTICE_PATH: Final = "/notice.json"
"""What a page that sends has to show first."""


@dataclass(frozen=True, slots=True)
class FeedStatus:
    """What the gate asks the feed.

    Attributes:
        is_full: whether no further websocket client may come in.
        is_ready: whether a run can be followed.
        metrics: the counters as OpenMetrics text.
        notice: what people have to be told before they send, as JSON; None = there is no ingest path.
        metrics_token: whether the counters need one.
    """

    is_full: Callable[[], bool]
    is_ready: Callable[[], bool]
    metrics: Callable[[], bytes]
    notice: Callable[[], bytes] | None
    metrics_token: bool


class HttpHandler:
    """Answers requests before they become connections.

    Args:
        endpoint: where the feed listens; the port is known.
        tokens: what opens `/metrics` on other addresses than loopback.
        wrong_tokens: who has shown too many wrong tokens.
        desk: what else has to be known.
    """

    def __init__(
        self, endpoint: Endpoint, tokens: Tokens, wrong_tokens: WrongTokens, status: FeedStatus
    ) -> None:
        self._hosts = endpoint.hosts
        self._origins = endpoint.origins
        self._tokens = tokens
        self._wrong_tokens = wrong_tokens
        self._status = status
        self._files, styles = pages()
        if status.notice is None:
            del self._files["/ingest"]
        self.refused: dict[int, int] = {}
        # Some browsers do not count ws: as 'self'; none takes an IPv6 address in a policy.
        scheme = "wss" if endpoint.secure else "ws"
        streams = " ".join(f"{scheme}://{host}" for host in sorted(self._hosts) if "[" not in host)
        self._policy = (
            f"default-src 'self'; style-src 'self' {styles}; connect-src 'self' {streams}; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )

    def respond(self, connection: ServerConnection, request: Request) -> Response | None:
        """The response to `request`, or None to go on with the websocket handshake."""
        refusal = self._refusal(request, peer_address(connection))
        if refusal is not None:
            status, sentence = refusal
            self.refused[status] = self.refused.get(status, 0) + 1
            response = connection.respond(status, sentence + "\n")
            if status == HTTPStatus.TOO_MANY_REQUESTS:
                response.headers["Retry-After"] = "5"
            return response
        return self._content(request.path.partition("?")[0])

    def add_security_headers(
        self, connection: ServerConnection, request: Request, response: Response
    ) -> None:
        """Add the security headers to whatever is answered."""
        if response.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
            return
        response.headers["Content-Security-Policy"] = self._policy
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        response.headers["Cache-Control"] = "no-store"

    def _refusal(self, request: Request, address: str) -> tuple[HTTPStatus, str] | None:
        path, query, _ = request.path.partition("?")
        hosts = request.headers.get_all("Host")
        origins = request.headers.get_all("Origin")
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            return HTTPStatus.MISDIRECTED_REQUEST, "This host is not served here."
        if origins and (len(origins) != 1 or origins[0] not in self._origins):
            return HTTPStatus.FORBIDDEN, "Pages of other sites may not read the feed."
        if request.method != "GET":
            return HTTPStatus.METHOD_NOT_ALLOWED, "Only GET is understood."
        if path in self._sockets:
            return self._socket_refusal(query, address)
        if path == "/metrics" and not self._may_read_metrics(request, address):
            return HTTPStatus.UNAUTHORIZED, "The counters need a token."
        if path in self._files or path in {"/healthz", "/readyz", "/metrics"}:
            return None
        if path == NOTICE_PATH and self._status.notice is not None:
            return None
        return HTTPStatus.NOT_FOUND, "There is nothing here."

    @property
    def _sockets(self) -> frozenset[str]:
        return frozenset({STREAM_PATH, INGEST_PATH} if self._status.notice is not None else {STREAM_PATH})

    def _socket_refusal(self, query: str, address: str) -> tuple[HTTPStatus, str] | None:
        if query:
            return HTTPStatus.BAD_REQUEST, "Tokens and options belong into the first message."
        if self._wrong_tokens.blocked(address):
            return HTTPStatus.TOO_MANY_REQUESTS, "Too many wrong tokens came from this address."
        if self._status.is_full():
            return HTTPStatus.SERVICE_UNAVAILABLE, "There are too many clients."
        return None

    def _may_read_metrics(self, request: Request, address: str) -> bool:
        if not self._status.metrics_token:
            return True
        if self._wrong_tokens.blocked(address):
            return False
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self._tokens.rights(token):
            return True
        self._wrong_tokens.note(address)
        return False

    def _content(self, path: str) -> Response | None:
        if path in self._sockets:
            return None
        if path == "/healthz":
            return _response(HTTPStatus.OK, TEXT, b"ok\n")
        if path == "/readyz":
            ready = self._status.is_ready()
            status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
            return _response(status, TEXT, b"ready\n" if ready else b"not ready\n")
        if path == "/metrics":
            return _response(HTTPStatus.OK, OPENMETRICS, self._status.metrics())
        if path == NOTICE_PATH and self._status.notice is not None:
            return _response(HTTPStatus.OK, JSON, self._status.notice())
        return _response(HTTPStatus.OK, *self._files[path])


def peer_address(connection: ServerConnection) -> str:
    """The address of whoever is connected."""
    remote = connection.remote_address
    return str(remote[0]) if isinstance(remote, tuple) else ""


def _response(status: HTTPStatus, kind: str, body: bytes) -> Response:
    headers = Headers({"Content-Type": kind, "Content-Length": str(len(body)), "Connection": "close"})
    return Response(status, status.phrase, headers, body)
