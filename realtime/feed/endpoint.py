"""Where the feed listens, under which names it may be addressed, and whether TLS is spoken."""

from __future__ import annotations

import errno
import re
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from core.errors import FeedError

LOOPBACK: Final = {"127.0.0.1": "127.0.0.1", "localhost": "127.0.0.1", "::1": "::1"}
LOOPBACK_NAMES: Final = ("127.0.0.1", "localhost", "[::1]")

_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\]")
_ORIGIN = re.compile(rf"https?://({_NAME.pattern})(:[0-9]{{1,5}})?")


@dataclass(frozen=True, slots=True)
class Tls:
    """What an address other than loopback needs.

    Attributes:
        certificate, key: PEM files.
        names: hosts by which clients reach the feed ("tracker.example.org", "192.0.2.7", "[2001:db8::7]").
    """

    certificate: Path
    key: Path
    names: tuple[str, ...]


class Endpoint:
    """An address to listen on.

    Args:
        host: an address of the loopback interface, or with `tls` any address of this machine.
        port: TCP port; 0 takes any that is free.
        tls: needed for addresses other than loopback.
        origins: whose pages may read the feed besides its own ("http://127.0.0.1:8000").

    Raises:
        FeedError: the address would be open to the network without TLS, or a name or an origin is none.
    """

    def __init__(self, host: str, port: int, tls: Tls | None, origins: tuple[str, ...] = ()) -> None:
        self.on_loopback = host in LOOPBACK
        if not self.on_loopback and tls is None:
            raise FeedError(
                "is not an address of this machine alone; the feed would be open to the network without TLS.",
                where=host or "the empty address",
                fix="Use 127.0.0.1, localhost or ::1, or give certificate, key and names.",
            )
        self.address = LOOPBACK.get(host, host)
        self.port = port
        self._tls = tls
        own = LOOPBACK_NAMES if self.on_loopback else ()
        self.names = (*own, *(name.lower() for name in (tls.names if tls else ())))
        wrong = [name for name in self.names if not _NAME.fullmatch(name)]
        if wrong or not self.names:
            raise FeedError("needs the names by which clients reach it.", where=", ".join(wrong) or host)
        self._origins = frozenset(origins)
        strange = [origin for origin in origins if not _ORIGIN.fullmatch(origin)]
        if strange:
            raise FeedError(
                "is no origin of a page.",
                where=", ".join(strange),
                fix="Write scheme, host and port as browsers do: http://127.0.0.1:8000",
            )

    @property
    def secure(self) -> bool:
        """Whether clients have to speak TLS."""
        return self._tls is not None

    @property
    def hosts(self) -> frozenset[str]:
        """What a request's `Host` may be, in lower case. Browsers leave out the scheme's own port."""
        usual = 443 if self.secure else 80
        bare = self.names if self.port == usual else ()
        return frozenset([f"{name}:{self.port}" for name in self.names] + [*bare])

    @property
    def origins(self) -> frozenset[str]:
        """What a request's `Origin` may be: exactly the feed's own pages, and those that were named."""
        return self._origins | frozenset(
            f"{'https' if self.secure else 'http'}://{host}" for host in self.hosts
        )

    def url(self, scheme: str, path: str) -> str:
        """An address of the feed; `scheme` is "http" or "ws" and gains its s with TLS."""
        if self.on_loopback:
            name = f"[{self.address}]" if ":" in self.address else self.address
        else:
            name = self.names[0]
        return f"{scheme}{'s' if self.secure else ''}://{name}:{self.port}{path}"

    def listen(self, buffer_bytes: int) -> socket.socket:
        """Open the listening socket; `port` is then the one in use.

        Args:
            buffer_bytes: the kernel's send buffer of each connection; a small one keeps what a slow viewer
                sees fresh.

        Raises:
            FeedError: the port is taken, or the address is not this machine's.
        """
        family = socket.AF_INET6 if ":" in self.address else socket.AF_INET
        try:
            listener = socket.create_server((self.address, self.port), family=family, backlog=1024)
        except OSError as error:
            busy = error.errno == errno.EADDRINUSE
            raise FeedError(
                "is in use by another program." if busy else f"cannot be used ({error.strerror}).",
                where=f"port {self.port}",
                fix="Choose another with --port; --port 0 takes any that is free.",
            ) from error
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer_bytes)  # connections inherit it
        self.port = listener.getsockname()[1]
        return listener

    def ssl_context(self) -> ssl.SSLContext | None:
        """What TLS needs, None without.

        Raises:
            FeedError: certificate or key cannot be read, or do not belong together.
        """
        if self._tls is None:
            return None
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(self._tls.certificate, self._tls.key)
        except (OSError, ssl.SSLError) as error:
            raise FeedError(
                f"certificate and key cannot be used ({error}).", where=str(self._tls.certificate)
            ) from error
        return context
