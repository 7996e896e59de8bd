"""What gives a client its rights: one random token per launch and right; viewers' may be a fixed one."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass, field
from typing import Final, Self

from realtime.feed.client_messages import Right

TOKEN_BYTES: Final = 32


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
        shown = token.encode("utf-8", "surrogatepass")
        matches = [hmac.compare_digest(shown, own.encode()) for own in (self.view, self.control, self.ingest)]
        rights: tuple[tuple[Right, ...], ...] = (("view",), ("view", "control"), ("ingest",))
        return next((right for match, right in zip(matches, rights, strict=True) if match), ())


def _fresh() -> str:
    return secrets.token_urlsafe(TOKEN_BYTES)
