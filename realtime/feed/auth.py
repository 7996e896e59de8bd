"""Who a client is and what it may do: tokens, one-time codes, versions, and the rights that a path needs."""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Self

from core.events import PROTOCOL_VERSION
from realtime.feed.client_messages import Identify, Right
from realtime.feed.close_codes import CloseCode, Refusal

TOKEN_BYTES: Final = 32
CODE_VALID_S: Final = 60.0
"""How long a one-time code can be exchanged: a browser that has to start first needs some seconds."""
MAX_CODES: Final = 64
"""Codes that are remembered; the oldest goes first, and with it the token that it was exchanged for."""

_VERSION: Final = re.compile(r"(0|[1-9][0-9]{0,3})\.(0|[1-9][0-9]{0,3})")


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of a launch. They never appear in the value's text, so no log can show them.

    Attributes:
        view: allows to read.
        control: allows to read and to make requests.
        ingest: allows to begin sessions and to read those.
    """

    view: str = field(repr=False)
    control: str = field(repr=False)
    ingest: str = field(repr=False)

    @classmethod
    def drawn(cls, view: str | None = None) -> Self:
        """Fresh ones, 256 random bits each. `view` takes the place of the one that allows to read."""
        return cls(view or _fresh(), _fresh(), _fresh())

    def rights(self, token: str) -> tuple[Right, ...]:
        """What the token allows, nothing if it is none of ours. Takes the same time for every wrong token."""
        matches = [_equal(token, own) for own in (self.view, self.control, self.ingest)]
        rights: tuple[tuple[Right, ...], ...] = (("view",), ("view", "control"), ("ingest",))
        return next((right for match, right in zip(matches, rights, strict=True) if match), ())


@dataclass(slots=True)
class _Code:
    code: str
    rights: tuple[Right, ...]
    expires_s: float
    token: str | None = None


class Authenticator:
    """Says what a token allows, and exchanges one-time codes for tokens.

    A program that opens a page in the system's browser has to put something into the browser's command line,
    which every user of the machine can read. It puts a one-time code there, and the page exchanges it for a
    token of its own. As in OAuth (RFC 6749, section 4.1.2) a code that is shown again was stolen: the token
    that it was exchanged for is revoked, whoever has it.

    There is no lock after wrong tokens. 256 random bits cannot be guessed, so a lock would only let anybody
    on the machine, where all share one address, shut the owner out.

    Args:
        tokens: of the launch.
        clock: monotonic seconds.
        on_revoked: is called with a token that is not valid any more, to close what was opened with it.

    Attributes:
        wrong_tokens: tokens that were shown and are none; a missing one does not count.
    """

    def __init__(
        self,
        tokens: Tokens,
        clock: Callable[[], float],
        on_revoked: Callable[[str], None] = lambda token: None,
    ) -> None:
        self.tokens = tokens
        self.wrong_tokens = 0
        self._clock = clock
        self._on_revoked = on_revoked
        self._codes: list[_Code] = []

    def rights(self, token: str) -> tuple[Right, ...]:
        """What the token allows; nothing if it is none, which is counted."""
        rights = self.tokens.rights(token)
        for code in self._codes:
            if code.token is not None and _equal(token, code.token):
                rights = code.rights
        if not rights:
            self.wrong_tokens += 1
        return rights

    def issue_code(self, rights: tuple[Right, ...]) -> str:
        """A new one-time code. What it is exchanged for allows `rights`."""
        while len(self._codes) >= MAX_CODES:
            self._revoke(self._codes.pop(0))
        code = _Code(_fresh(), rights, self._clock() + CODE_VALID_S)
        self._codes.append(code)
        return code.code

    def exchange_code(self, shown: str) -> str | None:
        """A fresh token for a code that is valid and was never shown before; None for any other.

        A code that was exchanged already loses its token, too.
        """
        found = next((code for code in self._codes if _equal(shown, code.code)), None)
        if found is None:
            return None
        if found.token is not None or self._clock() > found.expires_s:
            self._codes.remove(found)
            self._revoke(found)
            return None
        found.token = _fresh()
        return found.token

    def _revoke(self, code: _Code) -> None:
        if code.token is not None:
            self._on_revoked(code.token)


def negotiate_version(theirs: str, ours: str = PROTOCOL_VERSION) -> str:
    """The version that both sides speak: the lower minor of the same major.

    Raises:
        Refusal: there is none, or `theirs` is no version.
    """
    match = _VERSION.fullmatch(theirs)
    if match is None:
        raise Refusal(CloseCode.BAD_MESSAGE, 'is not of the form "major.minor".', field="identify.protocol")
    asked = int(match[1]), int(match[2])
    major, _, minor = ours.partition(".")
    if asked[0] != int(major):
        raise Refusal(
            CloseCode.UNSUPPORTED_VERSION, f"this feed speaks {ours} and lower.", field="identify.protocol"
        )
    return ".".join(map(str, min(asked, (int(major), int(minor)))))


def check_permission(rights: tuple[Right, ...], message: Identify, *, ingest_path: bool) -> None:
    """Check that the token suits the path, and the message too.

    Raises:
        Refusal: wrong token, a right that is missing, or a field that has no place on this path.
    """
    if not rights:
        raise Refusal(
            CloseCode.AUTHENTICATION_FAILED,
            "the token is not valid; every run prints a new one: use the newest address.",
            field="identify.token",
        )
    needed: Right = "ingest" if ingest_path else "view"
    if needed not in rights:
        raise Refusal(CloseCode.FORBIDDEN, f'the token does not give the right "{needed}".')
    if not ingest_path and message.ingest is not None:
        raise Refusal(CloseCode.OUT_OF_TURN, "belongs on the ingest path.", field="identify.ingest")
    if ingest_path and message.ingest is None:
        raise Refusal(CloseCode.BAD_MESSAGE, "is needed on the ingest path.", field="identify.ingest")
    if ingest_path and message.resume is not None:
        raise Refusal(CloseCode.OUT_OF_TURN, "an ingest session cannot be resumed.", field="identify.resume")


def _fresh() -> str:
    return secrets.token_urlsafe(TOKEN_BYTES)


def _equal(shown: str, own: str) -> bool:
    return hmac.compare_digest(shown.encode("utf-8", "surrogatepass"), own.encode())
