"""Events on their way to clients: encoded and framed once, with what filters and conflation need to know."""

from __future__ import annotations

from dataclasses import dataclass

from websockets.frames import Frame, Opcode

from core.events import Correction, EmotionEstimate, Event, Transcript, Utterance
from core.wire import encode


@dataclass(frozen=True, slots=True)
class Message:
    """One event.

    Attributes:
        frame: what goes over the wire, the same bytes for every client.
        seq: its number in the run.
        kind: the event's `type`.
        person: whom it is about, None when nobody in particular.
        rolling: a newer one for the same person makes it worthless.
        subject: messages of the same subject follow each other, and the newest says it all.
    """

    frame: bytes
    seq: int
    kind: str
    person: str | None
    rolling: bool
    subject: tuple[str, str]


def framed(text: str) -> bytes:
    """A websocket text frame, as a server sends it: unmasked, so it is the same for all clients."""
    return Frame(Opcode.TEXT, text.encode()).serialize(mask=False)


PING = Frame(Opcode.PING, b"").serialize(mask=False)


def message_of(event: Event, seq: int) -> Message:
    """Encode `event` with its number `seq`. Raises ValueError as `core.wire.encode` does."""
    frame = framed(encode(event, seq))
    person: str | None = None
    rolling = False
    subject: tuple[str, str] = (event.type, str(seq))
    match event:
        case EmotionEstimate():
            person, rolling = event.person, not event.final
            subject = ("rolling", event.person) if rolling else ("estimate", event.id)
        case Transcript():
            person, subject = event.person, ("transcript", event.utterance)
        case Utterance():
            person, subject = event.person, ("utterance", event.id)
        case Correction():
            person = event.person
    return Message(frame, seq, event.type, person, rolling, subject)
