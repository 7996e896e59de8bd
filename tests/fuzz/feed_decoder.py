"""Coverage-guided fuzzing of what the feed reads from clients: `make fuzz` (libFuzzer through atheris).

Not a test of pytest: it runs as long as it is told, and ends with a crash file when something else than a
`Refusal` comes out. Each input is a conversation, one message per line, to the decoder and to a dialogue.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["core", "realtime"]):
    from core.testing import FakeClock
    from realtime.feed.auth import Authenticator, Tokens
    from realtime.feed.channel import Channel, Channels
    from realtime.feed.client_session import ClientSession, FeedContext
    from realtime.feed.close_codes import MAX_REASON_BYTES, Refusal
    from realtime.feed.codec import read_client, write
    from realtime.feed.limits import Limits

LIMITS = Limits()
CLOCK = FakeClock()
TOKENS = Tokens("view", "control", "ingest")


class Connection:
    """A connection that takes everything."""

    paused = False
    paused_s = None
    received_s = 0.0

    def write(self, frame: bytes) -> None:
        """Frames of the feed are not masked and have a length."""
        assert frame[0] in {0x81, 0x89}

    def identified(self, max_message_bytes: int) -> None:
        """It may say more from now on."""

    def request_close(self, reason: object) -> None:
        """Only the backlog ends a connection from here."""


def conversation(data: bytes) -> None:
    """One client's dialogue, a line per message."""
    channels = Channels()
    channels.add(Channel("main", LIMITS))
    context = FeedContext(Authenticator(TOKENS, CLOCK), channels, LIMITS, CLOCK, None, lambda: False)
    client = ClientSession(Connection(), context, ingest_path=False)
    client.send_welcome()
    for text in data.decode("utf-8", "replace").splitlines()[:8]:
        survives(text)
        refusal = said(client, text)
        if refusal is not None:
            assert len(refusal.reason.encode()) <= MAX_REASON_BYTES
            break
    client.on_disconnect()


def said(client: ClientSession, text: str) -> Refusal | None:
    """Hand over a message; the refusal, if it is refused."""
    try:
        client.on_frame()
        client.on_text(text)
    except Refusal as refusal:
        return refusal
    return None


def survives(text: str) -> None:
    """What was understood can be said again."""
    try:
        message = read_client(text)
    except Refusal:
        return
    assert read_client(write(message)) == message


if __name__ == "__main__":
    atheris.Setup(sys.argv, conversation)
    atheris.Fuzz()
