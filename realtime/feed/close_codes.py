"""How a connection to the feed can end: the close codes, and errors that carry one."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from core.errors import FeedError

MAX_REASON_BYTES: Final = 123
"""A close frame has room for 125 bytes, of which the code takes two."""


class CloseCode(IntEnum):
    """Codes that the feed closes with. 1002 and 1009 come from the websocket library.

    1000 to 1015 are those of RFC 6455; 4000 and above are the feed's own.
    """

    NORMAL = 1000
    GOING_AWAY = 1001
    UNSUPPORTED_DATA = 1003
    INVALID_DATA = 1007
    INTERNAL_ERROR = 1011
    TRY_AGAIN_LATER = 1013
    BAD_MESSAGE = 4000
    IDENTIFY_TIMEOUT = 4001
    AUTHENTICATION_FAILED = 4002
    FORBIDDEN = 4003
    UNKNOWN_SESSION = 4004
    OUT_OF_TURN = 4005
    UNSUPPORTED_VERSION = 4006
    RESUME_REFUSED = 4007
    TOO_SLOW = 4008
    SILENT = 4009
    TOO_FAST = 4010
    SESSION_OVER = 4011

    @property
    def meaning(self) -> str:
        """What the code says of the connection, as one clause for people."""
        return _MEANINGS[self][0]

    @property
    def advice(self) -> str:
        """What a client should do next, as a clause in the imperative."""
        return _MEANINGS[self][1]


_MEANINGS: Final[dict[CloseCode, tuple[str, str]]] = {
    CloseCode.NORMAL: ("the client said goodbye", "nothing"),
    CloseCode.GOING_AWAY: ("the feed is over; what was waiting has been sent first", "connect again later"),
    CloseCode.UNSUPPORTED_DATA: ("a binary message where text is due", "send text"),
    CloseCode.INVALID_DATA: ("text that is not UTF-8", "send UTF-8"),
    CloseCode.INTERNAL_ERROR: ("the feed failed", "connect again and resume"),
    CloseCode.TRY_AGAIN_LATER: ("no room for another client or session at the moment", "connect again later"),
    CloseCode.BAD_MESSAGE: (
        "a message that is not understood; the reason names the field",
        "mend the client",
    ),
    CloseCode.IDENTIFY_TIMEOUT: ("no `identify` came in time", "identify first"),
    CloseCode.AUTHENTICATION_FAILED: ("the token is wrong", "ask for the address anew"),
    CloseCode.FORBIDDEN: ("the token does not give this right", "use a token that does"),
    CloseCode.UNKNOWN_SESSION: ("there is no such session", "ask for another, or for none"),
    CloseCode.OUT_OF_TURN: (
        "a message that has no place here, such as a second `identify`",
        "mend the client",
    ),
    CloseCode.UNSUPPORTED_VERSION: (
        "no version that both sides speak; the reason lists the server's",
        "use one of them",
    ),
    CloseCode.RESUME_REFUSED: (
        "`resume` names another run, or a number that has not been said yet",
        "connect again without `resume`",
    ),
    CloseCode.TOO_SLOW: ("the client takes too little of what it asked for", "connect again and resume"),
    CloseCode.SILENT: ("nothing was heard from the client, not even a pong", "connect again and resume"),
    CloseCode.TOO_FAST: ("the client sends more than it may", "send less"),
    CloseCode.SESSION_OVER: ("the session that this connection fed is over", "begin another"),
}


class Refusal(FeedError):
    """A connection cannot go on.

    Args:
        code: what it is closed with.
        what: the sentence that the client is told; never holds values that the client sent.
        field: path of the field that is at fault, such as "identify.resume.seq", if there is one.
        fix: what to do, for people; for errors that a client raises.
    """

    def __init__(self, code: CloseCode, what: str, *, field: str | None = None, fix: str = "") -> None:
        super().__init__(what, where=field, fix=fix)
        self.code = code
        self.field = field

    @property
    def reason(self) -> str:
        """The sentence as a close frame can carry it."""
        text = str(self)
        if len(text.encode()) > MAX_REASON_BYTES:
            text = text.encode()[: MAX_REASON_BYTES - 3].decode("utf-8", "ignore") + "..."
        return text
