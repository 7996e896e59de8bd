"""What the feed sends besides events (protocol v1). What clients send: `realtime/feed/client_messages.py`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from realtime.feed.client_messages import Right


@dataclass(frozen=True, slots=True)
class Welcome:
    """The first message of the feed, before it knows who is there.

    Attributes:
        protocols: versions that it speaks, newest last.
        server: name and version of the program.
        capabilities: optional parts that it offers.
        identify_within_s: how long it waits for `identify`.
        max_message_bytes: the largest message that it takes on this path.
    """

    protocols: tuple[str, ...]
    server: str
    capabilities: tuple[str, ...]
    identify_within_s: float
    max_message_bytes: int
    type: Literal["welcome"] = "welcome"


@dataclass(frozen=True, slots=True)
class Identified:
    """The client is in.

    Attributes:
        protocol: the version that both speak from here on.
        capabilities: those asked for that are on offer.
        rights: what the token allows: "view", "control", "ingest".
        session: which session is followed.
        sessions: all there are, for clients with the right "view".
        run: the run of the session; null while none has begun.
        resumed: whether `resume` could be honoured; then `replay` follows, else `snapshot`.
        ping_s: a client that can not see websocket pings should send `ping` this often.
    """

    protocol: str
    capabilities: tuple[str, ...]
    rights: tuple[Right, ...]
    session: str
    sessions: tuple[str, ...]
    run: str | None
    resumed: bool
    ping_s: float
    type: Literal["identified"] = "identified"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The next `count` messages are the conversation so far; what comes after them is news.

    Attributes:
        reason: why: the client joined, a run began, the subscription changed, or after a `gap`.
        run: the run; null while none has begun.
        seq: the newest number that has been said; null when none.
        count: how many messages belong to it.
    """

    reason: Literal["joined", "new_run", "subscribed", "gap"]
    run: str | None
    seq: int | None
    count: int
    type: Literal["snapshot"] = "snapshot"


@dataclass(frozen=True, slots=True)
class Replay:
    """The next `count` messages are what a client that resumes has missed; what comes after them is news.

    Attributes:
        run: the run.
        after: the number from which the client resumes.
        seq: the newest number that has been said.
        count: how many messages belong to it.
    """

    run: str
    after: int
    seq: int
    count: int
    type: Literal["replay"] = "replay"


@dataclass(frozen=True, slots=True)
class Gap:
    """Not all of what a client has missed is still known; a snapshot follows.

    Attributes:
        run: the run.
        after: the number from which the client wanted to resume.
        known_from: all later messages with at least this number are still known.
    """

    run: str
    after: int
    known_from: int
    type: Literal["gap"] = "gap"


@dataclass(frozen=True, slots=True)
class Pong:
    """Answer to `ping`, with the accounts of this connection since its last snapshot or replay began.

    All later numbers up to `seq` are accounted for: sent, replaced, left out, or waiting.

    Attributes:
        id: of the ping.
        run: the run that is followed; null while none has begun.
        seq: the newest number that has been said; null when none.
        sent: events that were sent.
        conflated: rolling estimates that a newer one replaced while they waited.
        filtered: events that the subscription leaves out.
        waiting: events that wait for this client.
    """

    id: int
    run: str | None
    seq: int | None
    sent: int
    conflated: int
    filtered: int
    waiting: int
    type: Literal["pong"] = "pong"


@dataclass(frozen=True, slots=True)
class Result:
    """Answer to a request.

    Attributes:
        id: of the request.
        ok: whether it is done.
        code: "done", "forbidden" (no right to it), "unsupported" (this program cannot), "refused" (not now).
        message: one sentence for people, "" when done.
    """

    id: int
    ok: bool
    code: Literal["done", "forbidden", "unsupported", "refused"]
    message: str
    type: Literal["result"] = "result"


@dataclass(frozen=True, slots=True)
class Error:
    """The connection is about to be closed because of what the client said.

    Attributes:
        code: the close code.
        field: path of the field at fault ("identify.colour"); null when the message as a whole is.
        message: one sentence for people.
    """

    code: int
    field: str | None
    message: str
    type: Literal["error"] = "error"


@dataclass(frozen=True, slots=True)
class Ack:
    """How far an ingest stream has been taken in; sent about once a second, and when it is falling behind.

    Attributes:
        stream: index of the stream.
        frame: number of the newest frame that was taken in.
        t_s: stream time up to which it reaches.
        queued_s: seconds of it that wait to be worked off.
        dropped: frames that were left out because too much was waiting.
    """

    stream: int
    frame: int
    t_s: float
    queued_s: float
    dropped: int
    type: Literal["ack"] = "ack"


@dataclass(frozen=True, slots=True)
class Lag:
    """How far the run is behind the pace it aims at; for clients that ask for the capability "lag".

    Attributes:
        behind_s: wall-clock seconds; 0 when it is on time.
    """

    behind_s: float
    type: Literal["lag"] = "lag"


ServerMessage = Welcome | Identified | Snapshot | Replay | Gap | Pong | Result | Error | Ack | Lag
"""What the feed says besides events."""
