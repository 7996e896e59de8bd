"""Events on their way to viewers: encoded once, with what conflation needs to know."""

from __future__ import annotations

from dataclasses import dataclass

from core.events import EmotionEstimate, Event, Hello, Transcript, Utterance
from core.wire import encode


@dataclass(frozen=True, slots=True)
class Message:
    """One message.

    Attributes:
        text: what goes over the wire.
        opens: it begins a run (a hello); what was said before is of no interest any more.
        rolling: whom it estimates if a newer one for the same person makes it worthless, else None.
        subject: messages of the same subject follow each other, and the newest says it all.
    """

    text: str
    opens: bool
    rolling: str | None
    subject: tuple[str, str]


def message_of(event: Event, seq: int) -> Message:
    """Encode `event` with its number `seq`. Raises ValueError as `core.wire.encode` does."""
    text = encode(event, seq)
    match event:
        case EmotionEstimate(final=False):
            return Message(text, False, event.person, ("rolling", event.person))
        case EmotionEstimate():
            return Message(text, False, None, ("estimate", event.id))
        case Transcript():
            return Message(text, False, None, ("transcript", event.utterance))
        case Utterance():
            return Message(text, False, None, ("utterance", event.id))
        case _:
            return Message(text, isinstance(event, Hello), None, (event.type, str(seq)))
