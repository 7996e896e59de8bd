"""Who may come in, and the few files that are served: the feed's HTTP side.

The feed is for programs and pages of this machine. A page of another site can reach a loopback port through
the visitor's browser; the checks of `Host` (DNS rebinding) and `Origin` (cross-site requests) keep it out.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Final

from websockets.asyncio.server import ServerConnection
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

STREAM_PATH: Final = "/v1/stream"

WEB: Final = Path(__file__).parent.parent / "web"
PAGES: Final = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/app.js": ("app.js", "text/javascript; charset=utf-8"),
    "/dom.js": ("dom.js", "text/javascript; charset=utf-8"),
    "/people.js": ("people.js", "text/javascript; charset=utf-8"),
    "/transcript.js": ("transcript.js", "text/javascript; charset=utf-8"),
    "/style.css": ("style.css", "text/css; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}


class Gate:
    """Answers requests before they become connections.

    Args:
        port: the feed's port.
        is_full: whether no further viewer may come in.
    """

    def __init__(self, port: int, is_full: Callable[[], bool]) -> None:
        self._hosts = {f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]")}
        self._origins = {f"http://{host}" for host in self._hosts}
        self._is_full = is_full
        self._files = {path: (kind, (WEB / name).read_bytes()) for path, (name, kind) in PAGES.items()}
        # Some browsers do not count ws: as 'self'; none takes an IPv6 address in a policy.
        streams = " ".join(f"ws://{host}" for host in sorted(self._hosts) if "[" not in host)
        self._policy = (
            f"default-src 'self'; connect-src 'self' {streams}; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )

    def answer(self, connection: ServerConnection, request: Request) -> Response | None:
        """The response to `request`, or None to go on with the websocket handshake."""
        path = request.path.partition("?")[0]
        hosts = request.headers.get_all("Host")
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            return connection.respond(HTTPStatus.MISDIRECTED_REQUEST, "This host is not served here.\n")
        origins = request.headers.get_all("Origin")
        if origins and (len(origins) != 1 or origins[0] not in self._origins):
            return connection.respond(HTTPStatus.FORBIDDEN, "Pages of other sites may not read the feed.\n")
        if request.method != "GET":
            return connection.respond(HTTPStatus.METHOD_NOT_ALLOWED, "Only GET is understood.\n")
        if path == STREAM_PATH:
            if self._is_full():
                return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "There are too many viewers.\n")
            return None
        if path in self._files:
            return self._file(*self._files[path])
        return connection.respond(HTTPStatus.NOT_FOUND, "There is nothing here.\n")

    def harden(self, connection: ServerConnection, request: Request, response: Response) -> None:
        """Add the security headers to whatever is answered."""
        if response.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
            return
        response.headers["Content-Security-Policy"] = self._policy
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        response.headers["Cache-Control"] = "no-store"

    def _file(self, kind: str, body: bytes) -> Response:
        headers = Headers({"Content-Type": kind, "Content-Length": str(len(body)), "Connection": "close"})
        return Response(HTTPStatus.OK, HTTPStatus.OK.phrase, headers, body)
