"""Who a client is and what it may: from its `identify` to a version, rights and a session."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from core.events import PROTOCOL_VERSION
from realtime.feed.channel import Channel
from realtime.feed.client_messages import Identify, Right
from realtime.feed.close_codes import CloseCode, Refusal

_VERSION: Final = re.compile(r"(0|[1-9][0-9]{0,3})\.(0|[1-9][0-9]{0,3})")


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
        raise Refusal(CloseCode.AUTHENTICATION_FAILED, "the token is wrong.", field="identify.token")
    needed: Right = "ingest" if ingest_path else "view"
    if needed not in rights:
        raise Refusal(CloseCode.FORBIDDEN, f'the token does not give the right "{needed}".')
    if not ingest_path and message.ingest is not None:
        raise Refusal(CloseCode.OUT_OF_TURN, "belongs on the ingest path.", field="identify.ingest")
    if ingest_path and message.ingest is None:
        raise Refusal(CloseCode.BAD_MESSAGE, "is needed on the ingest path.", field="identify.ingest")
    if ingest_path and message.resume is not None:
        raise Refusal(CloseCode.OUT_OF_TURN, "an ingest session cannot be resumed.", field="identify.resume")


class Channels:
    """The sessions of one feed, newest last."""

    def __init__(self) -> None:
        self._channels: dict[str, Channel] = {}

    def __iter__(self) -> Iterator[Channel]:
        return iter(list(self._channels.values()))

    def __contains__(self, name: str) -> bool:
        return name in self._channels

    @property
    def names(self) -> tuple[str, ...]:
        """Of all sessions, newest last."""
        return tuple(self._channels)

    def add(self, channel: Channel) -> None:
        """A session begins. Its name is new."""
        self._channels[channel.name] = channel

    def remove(self, name: str) -> Channel | None:
        """A session is forgotten."""
        return self._channels.pop(name, None)

    def get(self, name: str) -> Channel | None:
        """The session of that name."""
        return self._channels.get(name)

    def find(self, message: Identify) -> Channel:
        """The session that a client wants: the named one, that of the run to resume, or the newest.

        Raises:
            Refusal: there is no such session.
        """
        if message.session is not None:
            found = self._channels.get(message.session)
        elif message.resume is not None:
            run = message.resume.run
            found = next((channel for channel in self if channel.run == run), self._newest())
        else:
            found = self._newest()
        if found is None:
            raise Refusal(CloseCode.UNKNOWN_SESSION, "there is no such session.", field="identify.session")
        return found

    def _newest(self) -> Channel | None:
        return next(reversed(self._channels.values()), None)
