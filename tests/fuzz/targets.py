"""What reads bytes that others made: each target takes some, and lets nothing out but the errors it promises.

A target raises only if something else came out. `tests/fuzz/run.py` feeds them.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from yaml import YAMLError

from core.config_base import read_yaml
from core.errors import EmotrackError
from core.inputs import Gap, Tick
from core.media.recording import RecordingSource
from core.spec import read_spec
from core.testing import FakeClock
from realtime.feed.auth import Authenticator, Tokens
from realtime.feed.channel import Channel, Channels
from realtime.feed.client_messages import Ingest, IngestStream
from realtime.feed.client_session import ClientSession, FeedContext
from realtime.feed.close_codes import MAX_REASON_BYTES, Refusal
from realtime.feed.codec import read_client, write
from realtime.feed.ingest_frame import IngestFrame
from realtime.feed.ingest_source import IngestSource
from realtime.feed.limits import Limits
from realtime.recording.codec import pack, unpack
from train.corpora import directory

LIMITS: Final = Limits()
CLOCK: Final = FakeClock()
STREAMS: Final = (IngestStream("microphone", "audio", 16_000, "p1"), IngestStream("camera", "video"))
INGEST_BYTES: Final = 216
"""16 bytes of head and 100 samples."""

INPUTS: Final = 200
"""Inputs of a container that are read, at most."""


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


def feed(data: bytes) -> None:
    """One client's dialogue, a line per message; what was understood can be said again."""
    channels = Channels()
    channels.add(Channel("main", LIMITS))
    tokens = Tokens("view", "control", "ingest")
    context = FeedContext(Authenticator(tokens, CLOCK), channels, LIMITS, CLOCK, None, lambda: False)
    client = ClientSession(Connection(), context, ingest_path=False)
    client.send_welcome()
    for text in data.decode("utf-8", "replace").splitlines()[:8]:
        try:
            message = read_client(text)
            assert read_client(write(message)) == message
            client.on_frame()
            client.on_text(text)
        except Refusal as refusal:
            reason = refusal.reason
            break
    else:
        reason = ""
    assert len(reason.encode()) <= MAX_REASON_BYTES
    client.on_disconnect()


def ingest(data: bytes) -> None:
    """Frames of sound, 216 bytes each; what waits is bounded."""
    source = IngestSource(Ingest("fuzz", STREAMS), lambda ack: None, clock=FakeClock())
    try:
        for at in range(0, len(data), INGEST_BYTES):
            source.take(data[at : at + INGEST_BYTES])
    except Refusal:
        return


def tape(data: bytes) -> None:
    """One record of a recorded run."""
    try:
        unpack(data)
    except EmotrackError:
        return


def table(data: bytes) -> None:
    """A table of labels beside one recording."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "a.wav").touch()
        (folder / "labels.csv").write_bytes(data)
        try:
            examples = directory.read(folder)
        except EmotrackError:
            return
        assert all(example.path.is_file() for example in examples)


def spec(data: bytes) -> None:
    """The description of a checkpoint."""
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "spec.json").write_bytes(data)
        try:
            read_spec(Path(name))
        except EmotrackError:
            return


def yaml(data: bytes) -> None:
    """A configuration file."""
    try:
        read_yaml(data.decode("utf-8", "replace"))
    except YAMLError:
        return


def container(data: bytes) -> None:
    """A recording, by its first inputs."""
    with tempfile.NamedTemporaryFile(suffix=".bin") as file:
        file.write(data)
        file.flush()
        try:
            with RecordingSource(Path(file.name)) as source:
                for number, _ in enumerate(source.inputs()):
                    if number >= INPUTS:
                        break
        except EmotrackError:
            return


def _frames() -> bytes:
    block = bytes(range(100)) * 2
    return b"".join(IngestFrame(0, n, n * 6_250, block).to_bytes() for n in range(5))


def _wav() -> bytes:
    import wave

    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(bytes(3200))
    return buffer.getvalue()


def _seeds_of_the_feed() -> tuple[bytes, ...]:
    return tuple(path.read_bytes() for path in sorted((Path(__file__).parent / "seeds").glob("*.txt")))


TARGETS: Final[dict[str, tuple[Callable[[bytes], None], tuple[bytes, ...]]]] = {
    "feed": (feed, _seeds_of_the_feed()),
    "ingest": (ingest, (_frames(),)),
    "tape": (tape, (pack(Tick(1.5)), pack(Gap("audio", 1.0, 2.0, "muted")))),
    "table": (table, (b"path,split,anger\na.wav,train,1\n", b'path,text,fear\na.wav,"so, ""no""",0.5\n')),
    "spec": (spec, (b'{"name": "a", "labels": ["anger"], "version": "1.0"}',)),
    "yaml": (yaml, (b"a: {b: [1, 2.5, true]}\nc: &x {d: e}\nf: {<<: *x}\n",)),
    "container": (container, (_wav(),)),
}
"""Name -> function of bytes, and seeds that it accepts or nearly so."""
