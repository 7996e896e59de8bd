"""The feed's HTTP side: which requests are answered, and what is served besides websockets.

A page of another site can reach a loopback port through the visitor's browser. The checks of `Host` (DNS
rebinding), `Origin` and `Sec-Fetch-Site` (requests across sites) keep it out before anything else is done.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from websockets.asyncio.server import ServerConnection
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from realtime.feed.auth import CODE_VALID_S, Authenticator
from realtime.feed.client_messages import CODE_HEADER, CODE_PATH, INGEST_PATH, STREAM_PATH, TOKEN_PATH, Right
from realtime.feed.endpoint import Endpoint
from realtime.feed.media_file import Piece
from realtime.feed.resources import Resources

OPENMETRICS: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"
TEXT: Final = "text/plain; charset=utf-8"
JSON: Final = "application/json"
NOTICE_PATH: Final = "/notice.json"
"""What a page that sends has to show first."""

WEB: Final = Path(__file__).parent.parent / "web"
_MEDIA_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
_STYLE_SHEET: Final = re.compile(r'<link rel="stylesheet" href="/([a-z]+\.css)">')
_OWN_SITE: Final = frozenset({"same-origin", "none"})

_Refused = tuple[HTTPStatus, str]


@dataclass(frozen=True, slots=True)
class FeedStatus:
    """What the HTTP side asks the feed.

    Attributes:
        is_full: whether no further client can be served.
        is_ready: whether a run can be followed.
        metrics: the counters as OpenMetrics text.
        notice: what people have to be told before they send, as JSON; None = there is no ingest path.
        metrics_token: whether the counters need a token.
        resources: what pages with a token can ask for besides.
    """

    is_full: Callable[[], bool]
    is_ready: Callable[[], bool]
    metrics: Callable[[], bytes]
    notice: Callable[[], bytes] | None
    metrics_token: bool
    resources: Resources


class HttpHandler:
    """Answers requests before they become websockets.

    Args:
        endpoint: where the feed listens; the port is known.
        auth: knows tokens and one-time codes.
        status: what else has to be known.
        refused: HTTP status -> how many requests were refused with it; is added to.
    """

    def __init__(
        self, endpoint: Endpoint, auth: Authenticator, status: FeedStatus, refused: dict[int, int]
    ) -> None:
        self._hosts = endpoint.hosts
        self._origins = endpoint.origins
        self._auth = auth
        self._status = status
        self._files, styles = pages()
        self._sockets = {STREAM_PATH}
        self._answers: dict[str, Callable[[Request], Response | _Refused]] = {
            "/healthz": self._health,
            "/readyz": self._readiness,
            "/metrics": self._metrics,
            CODE_PATH: self._issue_code,
            TOKEN_PATH: self._exchange_code,
        }
        if status.notice is None:
            del self._files["/ingest"]
        else:
            notice = status.notice
            self._sockets.add(INGEST_PATH)
            self._answers[NOTICE_PATH] = lambda request: _response(HTTPStatus.OK, JSON, notice())
        self._refused = refused
        # Some browsers do not count ws: as 'self'; none takes an IPv6 address in a policy.
        scheme = "wss" if endpoint.secure else "ws"
        streams = " ".join(f"{scheme}://{host}" for host in sorted(self._hosts) if "[" not in host)
        self._policy = (
            f"default-src 'self'; style-src 'self' {styles}; connect-src 'self' {streams}; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )

    def respond(self, connection: ServerConnection, request: Request) -> Response | None:
        """The response to `request`, or None to go on with the websocket handshake."""
        path, _, query = request.path.partition("?")
        refused = self._refusal(request, path, query)
        if refused is None and path in self._sockets:
            return None
        answer = refused or self._content(request, path)
        if isinstance(answer, Response):
            return answer
        status, sentence = answer
        self._refused[status] = self._refused.get(status, 0) + 1
        response = connection.respond(status, sentence + "\n")
        if status == HTTPStatus.SERVICE_UNAVAILABLE:
            response.headers["Retry-After"] = "5"
        return response

    def add_security_headers(
        self, connection: ServerConnection, request: Request, response: Response
    ) -> None:
        """Add to whatever is answered what keeps pages of other sites from using it."""
        if response.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
            return
        response.headers["Content-Security-Policy"] = self._policy
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        response.headers["Cache-Control"] = "no-store"

    def _refusal(self, request: Request, path: str, query: str) -> _Refused | None:
        hosts = request.headers.get_all("Host")
        origins = request.headers.get_all("Origin")
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            return HTTPStatus.MISDIRECTED_REQUEST, "This host is not served here."
        if origins and (len(origins) != 1 or origins[0] not in self._origins):
            return HTTPStatus.FORBIDDEN, "Pages of other sites may not read the feed."
        if not origins and _is_across_sites(request.headers):
            return HTTPStatus.FORBIDDEN, "Pages of other sites may not read the feed."
        if request.method != "GET":
            return HTTPStatus.METHOD_NOT_ALLOWED, "Only GET is understood."
        if path in self._sockets and query:
            return HTTPStatus.BAD_REQUEST, "Tokens and options belong into the first message."
        if path in self._sockets and self._status.is_full():
            return HTTPStatus.SERVICE_UNAVAILABLE, "There are too many clients."
        return None

    def _content(self, request: Request, path: str) -> Response | _Refused:
        if path in self._answers:
            return self._answers[path](request)
        if path in self._files:
            return _response(HTTPStatus.OK, *self._files[path])
        if path in self._status.resources.paths:
            return self._resource(request, path)
        asked = request.headers.get_all("Range")
        found = self._status.resources.recording(path, asked[0] if len(asked) == 1 else None)
        if found is not None:
            return _partial(*found)
        return HTTPStatus.NOT_FOUND, "There is nothing here."

    def _health(self, request: Request) -> Response:
        return _response(HTTPStatus.OK, TEXT, b"ok\n")

    def _readiness(self, request: Request) -> Response:
        ready = self._status.is_ready()
        status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
        return _response(status, TEXT, b"ready\n" if ready else b"not ready\n")

    def _metrics(self, request: Request) -> Response | _Refused:
        if self._status.metrics_token and not self._bearer_rights(request):
            return HTTPStatus.UNAUTHORIZED, "The counters need a token."
        return _response(HTTPStatus.OK, OPENMETRICS, self._status.metrics())

    def _resource(self, request: Request, path: str) -> Response | _Refused:
        if "view" not in self._bearer_rights(request):
            return HTTPStatus.UNAUTHORIZED, "This needs a token that allows to read."
        value = self._status.resources.answer(path)
        return (HTTPStatus.NOT_FOUND, "This run has no such thing.") if value is None else _json(value)

    def _issue_code(self, request: Request) -> Response | _Refused:
        rights = self._bearer_rights(request)
        if not rights:
            return HTTPStatus.UNAUTHORIZED, "A one-time code needs a token."
        return _json({"code": self._auth.issue_code(rights), "valid_s": CODE_VALID_S})

    def _exchange_code(self, request: Request) -> Response | _Refused:
        shown = request.headers.get_all(CODE_HEADER)
        token = self._auth.exchange_code(shown[0]) if len(shown) == 1 else None
        if token is None:
            return HTTPStatus.FORBIDDEN, "This address can be opened once, within a minute. Open it anew."
        return _json({"token": token})

    def _bearer_rights(self, request: Request) -> tuple[Right, ...]:
        """What the token in `Authorization` allows. Without one nothing was shown, so nothing is counted."""
        shown = request.headers.get_all("Authorization")
        if len(shown) != 1:
            return ()
        scheme, _, token = shown[0].partition(" ")
        return self._auth.rights(token) if scheme.lower() == "bearer" else ()


def pages() -> tuple[dict[str, tuple[str, bytes]], str]:
    """Everything that can be asked for, and nothing else.

    Style sheets are put into the pages that link them, so that the first paint waits for one answer only.

    Returns:
        Path -> media type and content; and the sources that a content security policy has to allow for the
        styles, separated by spaces.
    """
    files = {f"/{file.name}": file for file in sorted(WEB.iterdir()) if file.suffix in _MEDIA_TYPES}
    served = {path: (_MEDIA_TYPES[file.suffix], file.read_bytes()) for path, file in files.items()}
    hashes: set[str] = set()

    def put_in(link: re.Match[str]) -> str:
        style = files[f"/{link[1]}"].read_text(encoding="utf-8")
        digest = hashlib.sha256(style.encode()).digest()
        hashes.add(f"'sha256-{base64.b64encode(digest).decode()}'")
        return f"<style>{style}</style>"

    for path, name in {"/": "index", "/ingest": "ingest", "/overlay": "overlay"}.items():
        kind, page = served.pop(f"/{name}.html")
        served[path] = kind, _STYLE_SHEET.sub(put_in, page.decode()).encode()
    return served, " ".join(sorted(hashes))


def _is_across_sites(headers: Headers) -> bool:
    """Whether a browser says that a page elsewhere caused the request, as images and scripts do.

    Following a link is allowed: the page then stands alone, and without a token it shows nothing.
    """
    sites = headers.get_all("Sec-Fetch-Site")
    if set(sites) <= _OWN_SITE:
        return False
    modes, targets = headers.get_all("Sec-Fetch-Mode"), headers.get_all("Sec-Fetch-Dest")
    return modes != ["navigate"] or targets != ["document"]


def _json(values: dict[str, Any]) -> Response:
    return _response(HTTPStatus.OK, JSON, json.dumps(values, ensure_ascii=False).encode())


def _partial(part: Piece, kind: str) -> Response:
    response = _response(part.status, kind, part.body)
    response.headers["Accept-Ranges"] = "bytes"
    if part.content_range:
        response.headers["Content-Range"] = part.content_range
    return response


def _response(status: HTTPStatus, kind: str, body: bytes) -> Response:
    headers = Headers({"Content-Type": kind, "Content-Length": str(len(body)), "Connection": "close"})
    return Response(status, status.phrase, headers, body)
