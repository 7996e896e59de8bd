"""What clients say to the feed: protocol v1, first half. The other half: `realtime/feed/server_messages.py`.

Every message is one JSON object with a `type`; the types of both directions differ. Both files are the source
of `docs/schema/feed.v1.json` and `docs/schema/asyncapi.v1.yaml`; events are in `core/events.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final, Literal, get_args

from pydantic import Field

STREAM_PATH: Final = "/v1/stream"
INGEST_PATH: Final = "/v1/ingest"
CODE_PATH: Final = "/v1/code"
"""Over HTTP: a one-time code in exchange for a token in `Authorization: Bearer`."""
TOKEN_PATH: Final = "/v1/token"
"""Over HTTP: a token in exchange for a one-time code in `CODE_HEADER`."""
CODE_HEADER: Final = "X-Emotrack-Code"

Kind = Literal["transcript", "utterance", "estimate", "status", "marker", "correction"]
"""Events that can be asked for one by one; `hello` and `end`, which frame a run, always come."""
KINDS: Final[tuple[str, ...]] = get_args(Kind)
Modality = Literal["text", "audio", "visual"]
Right = Literal["view", "control", "ingest"]

MAX_TIME_S: Final = 1e9
Number = Annotated[int, Field(ge=0, le=2**53)]
Name = Annotated[str, Field(min_length=1, max_length=128)]
Names = Annotated[tuple[Name, ...], Field(max_length=64)]


@dataclass(frozen=True, slots=True)
class Resume:
    """Where a client was when it lost the connection.

    Attributes:
        run: the run that it followed, as `snapshot`, `replay` or `identified` named it.
        seq: the last number that it received.
    """

    run: Name
    seq: Number


@dataclass(frozen=True, slots=True)
class Subscription:
    """Which events a client wants; without it all.

    Attributes:
        kinds: types of events; null means all, an empty list only `hello` and `end`.
        persons: people whom estimates, utterances and transcripts are wanted of; null means all.
        rolling: whether rolling estimates are wanted, not only final ones.
        rate_hz: rolling estimates per second and person at most; null means all there are.
    """

    kinds: Annotated[tuple[Kind, ...], Field(max_length=16)] | None = None
    persons: Names | None = None
    rolling: bool = True
    rate_hz: Annotated[float, Field(gt=0, le=1000)] | None = None


@dataclass(frozen=True, slots=True)
class IngestStream:
    """One stream that an ingest client will send; its index in the list is the stream's number in frames.

    Attributes:
        name: unique in the session ("microphone").
        kind: "audio" is PCM, signed 16 bits, little-endian, mono; "video" is one JPEG picture per frame.
        rate_hz: samples per second of audio; null for video.
        person: whom all of it belongs to, null where not known.
    """

    name: Name
    kind: Literal["audio", "video"]
    rate_hz: Annotated[int, Field(ge=8_000, le=48_000)] | None = None
    person: Name | None = None


@dataclass(frozen=True, slots=True)
class Ingest:
    """What an ingest client is going to send.

    Attributes:
        source: what it is, for people ("browser").
        streams: one to four.
    """

    source: Name
    streams: Annotated[tuple[IngestStream, ...], Field(min_length=1, max_length=4)]


@dataclass(frozen=True, slots=True)
class Identify:
    """The first message of every client, within `welcome.identify_within_s`.

    Attributes:
        protocol: the newest version that the client speaks, "major.minor".
        token: what gives it its rights.
        client: its name, for people.
        session: which session; null means the newest.
        resume: where it was; null begins with a snapshot.
        subscribe: which events it wants; null means all.
        capabilities: optional parts that it would like to use; unknown ones are ignored.
        ingest: on the ingest path, what it will send; null elsewhere.
    """

    protocol: Annotated[str, Field(max_length=16)]
    token: Annotated[str, Field(max_length=256)]
    client: Annotated[str, Field(max_length=128)] = ""
    session: Name | None = None
    resume: Resume | None = None
    subscribe: Subscription | None = None
    capabilities: Names = ()
    ingest: Ingest | None = None
    type: Literal["identify"] = "identify"


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Change the subscription; a snapshot of what is now wanted follows.

    Attributes:
        kinds, persons, rolling, rate_hz: as in `Subscription`.
    """

    kinds: Annotated[tuple[Kind, ...], Field(max_length=16)] | None = None
    persons: Names | None = None
    rolling: bool = True
    rate_hz: Annotated[float, Field(gt=0, le=1000)] | None = None
    type: Literal["subscribe"] = "subscribe"


@dataclass(frozen=True, slots=True)
class Ping:
    """Are you there? Answered by `pong`.

    Attributes:
        id: comes back in the answer.
    """

    id: Number
    type: Literal["ping"] = "ping"


@dataclass(frozen=True, slots=True)
class Start:
    """Begin a run, where the program can. Needs the right `control`, as all requests below.

    Attributes:
        id: comes back in the `result`.
    """

    id: Number
    type: Literal["start"] = "start"


@dataclass(frozen=True, slots=True)
class Stop:
    """End the run in order.

    Attributes:
        id: comes back in the `result`.
    """

    id: Number
    type: Literal["stop"] = "stop"


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Take consent back: capturing stops within a second, and what the session has written is deleted.

    The client that feeds a session may ask for this without the right `control`.

    Attributes:
        id: comes back in the `result`.
    """

    id: Number
    type: Literal["withdraw"] = "withdraw"


@dataclass(frozen=True, slots=True)
class Mute:
    """Leave a modality out of the estimates, or take it in again.

    Attributes:
        id: comes back in the `result`.
        modality: which one.
        muted: whether it is left out from now on.
    """

    id: Number
    modality: Modality
    muted: bool
    type: Literal["mute"] = "mute"


@dataclass(frozen=True, slots=True)
class Mark:
    """Mark a moment; it becomes a `marker` event.

    Attributes:
        id: comes back in the `result`.
        label: what for, in a few words; may be empty.
        t_s: the moment in stream time; null means now.
    """

    id: Number
    label: Annotated[str, Field(max_length=256)] = ""
    t_s: Annotated[float, Field(ge=0, le=MAX_TIME_S)] | None = None
    type: Literal["mark"] = "mark"


@dataclass(frozen=True, slots=True)
class Correct:
    """Say that an estimate is wrong; it becomes a `correction` event.

    Attributes:
        id: comes back in the `result`.
        estimate: `id` of the estimate.
        person: whom it was about.
        labels: what would have been right; null when only the fault is known.
    """

    id: Number
    estimate: Name
    person: Name
    labels: Names | None = None
    type: Literal["correct"] = "correct"


@dataclass(frozen=True, slots=True)
class Finish:
    """The ingest client has sent its last frame; the session is worked off, ended, and closed with 4011."""

    type: Literal["finish"] = "finish"


Request = Start | Stop | Withdraw | Mute | Mark | Correct
"""What needs the right `control`; each is answered by one `result`."""
ClientMessage = Identify | Subscribe | Ping | Start | Stop | Withdraw | Mute | Mark | Correct | Finish
