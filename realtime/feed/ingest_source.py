"""A source that is fed by frames from a client: bounded in memory, acknowledged, its gaps announced."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Final, Self

from core.engine.engine import Input
from core.events import StreamInfo
from core.inputs import AudioChunk, SourceInput
from core.media.source import available_s
from realtime.feed.client_messages import Ingest
from realtime.feed.close_codes import CloseCode, Refusal
from realtime.feed.ingest_frame import IngestFrame, read
from realtime.feed.ingest_stream import (
    PlayoutSchedule,
    StreamState,
    WaitingFrame,
    device_item,
    frame_length_s,
    new_track,
)
from realtime.feed.server_messages import Ack
from realtime.sources.device_items import Opened

MAX_AHEAD_S: Final = 10.0
"""So much may arrive before it is due. More is refused: it was not spoken just now."""
DRIFT: Final = 1.01
MAX_WAITING_S: Final = 15.0
"""Sound that may wait; what comes then is left out and counted."""
MAX_WAITING_PICTURES: Final = 4
MAX_UNPROCESSED_S: Final = 3.0
"""Sound that may lie before the engine, beyond which the source is held back."""
ACK_S: Final = 1.0

_POLL_S: Final = 0.05


class IngestSource:
    """Takes frames in on one thread and gives inputs on another, when they are due.

    It is a `TimedSource`, and the `InputTape` of its session: so it knows how far the engine has come.

    Args:
        request: what the client is going to send; audio streams have a rate, others none.
        tell: sends an `Ack` to the client; never waits.
        idle_s: without any frame for so long the source ends.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        request: Ingest,
        tell: Callable[[Ack], None],
        *,
        idle_s: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = request.source
        self.streams: tuple[StreamInfo, ...] = tuple(
            StreamInfo(stream.name, stream.kind, stream.person) for stream in request.streams
        )
        self.duration_s: float | None = None
        self.faults: list[str] = []
        self._send_ack = tell
        self._idle_s = idle_s
        self._clock = clock
        self._opened_s = self._heard_s = clock()
        self._announced = request.streams
        self._states = [StreamState(stream, new_track(stream)) for stream in request.streams]
        self._schedule = PlayoutSchedule()
        self._queue: deque[WaitingFrame] = deque()
        self._changed = threading.Condition()
        self._processed_s = 0.0
        self._stopping = False
        self._closed = False

    # -- what comes in --------------------------------------------------------------------------------

    def take(self, data: bytes) -> None:
        """Take in a binary message; never waits.

        Raises:
            Refusal: with `CloseCode.BAD_MESSAGE` or `CloseCode.TOO_FAST`; nothing of it was taken in.
        """
        frame = read(data, self._announced)
        state, now_s = self._states[frame.stream], self._clock()
        if frame.number <= state.number:
            raise Refusal(CloseCode.BAD_MESSAGE, "the numbers of a stream's frames have to increase.")
        length_s = frame_length_s(frame, state.info)
        t_s = frame.t_us / 1e6
        most_s = (now_s - self._opened_s) * DRIFT + MAX_AHEAD_S
        if t_s + length_s > most_s or state.received_s + length_s > most_s:
            raise Refusal(CloseCode.TOO_FAST, f"this is more than {MAX_AHEAD_S:g} s ahead of time.")
        state.discontinuous |= frame.missing_before or frame.number != state.number + 1
        state.number, state.t_s, self._heard_s = frame.number, t_s + length_s, now_s
        state.received_s += length_s
        with self._changed:
            self._schedule.arrived(state.t_s, now_s)
            self._keep(state, frame, length_s)
            self._changed.notify_all()
        self._acknowledge(frame.stream, state, now_s)

    def finish(self) -> None:
        """The client has sent its last frame: what waits is given out, then the source ends."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def _keep(self, state: StreamState, frame: IngestFrame, length_s: float) -> None:
        if state.info.kind == "audio":
            if state.waiting_s + length_s > MAX_WAITING_S:
                state.dropped += 1
                state.discontinuous = True
                return
            state.waiting_s += length_s
        else:
            while len(state.pictures) >= MAX_WAITING_PICTURES:
                oldest = state.pictures.popleft()
                oldest.frame, state.discontinuous = None, state.discontinuous or oldest.discontinuous
                state.dropped += 1
        entry = WaitingFrame(state, frame, state.discontinuous)
        state.discontinuous = False
        self._queue.append(entry)
        if state.info.kind == "video":
            state.pictures.append(entry)

    def _acknowledge(self, index: int, state: StreamState, now_s: float) -> None:
        due = now_s - state.acked_s >= ACK_S
        if due or (state.dropped > state.acked_dropped and now_s - state.acked_s >= ACK_S / 10):
            state.acked_s, state.acked_dropped = now_s, state.dropped
            queued_s = round(max(0.0, state.t_s - self._processed_s), 3)
            self._send_ack(Ack(index, state.number, round(state.t_s, 3), queued_s, state.dropped))

    # -- a tape ---------------------------------------------------------------------------------------

    def write(self, at_s: float, item: Input) -> None:
        """Note that the engine has been given an input."""
        if isinstance(item, SourceInput):
            with self._changed:
                self._processed_s = max(self._processed_s, available_s(item))
                self._changed.notify_all()

    # -- a source -------------------------------------------------------------------------------------

    def now_s(self) -> float:
        """Stream time at this moment in seconds, by the client's clock; never goes back."""
        with self._changed:
            return self._schedule.now_s(self._clock())

    def behind_s(self) -> float:
        """Zero: what comes late over a network has not waited for us."""
        return 0.0

    def inputs(self) -> Iterator[SourceInput]:
        """Give what was sent, when it is due; see `Source.inputs`."""
        while not self._closed:
            entry = self._next()
            if entry is not None:
                yield from self._emit(entry)
            elif self._over():
                break
            elif any(state.number >= 0 for state in self._states):
                now_s = (
                    self.now_s()
                )  # who is held back has not missed what waits: time acts when nothing does
                for state in self._states:
                    yield from state.track.poll(now_s)
        if not self._closed:
            for state in self._states:
                yield from state.track.finish(self.now_s())
        self._report_drops()

    def stop(self) -> None:
        """End in order, from any thread: what was sent is given, then each stream's end."""
        self.finish()

    def close(self) -> None:
        """End a running iteration and forget what waits."""
        with self._changed:
            self._closed = self._stopping = True
            self._queue.clear()
            self._changed.notify_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- in between -----------------------------------------------------------------------------------

    def _next(self) -> WaitingFrame | None:
        """What is due, or None after a short wait; at the end nothing waits for its time."""
        with self._changed:
            if not self._queue and not self._stopping:
                self._changed.wait(_POLL_S)
            if not self._queue:
                return None
            due_s = self._due_s(self._queue[0])
            if due_s > 0 and not self._closed:
                self._changed.wait(min(_POLL_S, due_s))
                if not self._queue or self._due_s(self._queue[0]) > 0:
                    return None
            entry = self._queue.popleft()
            if entry.frame is not None:
                entry.state.waiting_s -= frame_length_s(entry.frame, entry.state.info)
                if entry.state.pictures and entry.state.pictures[0] is entry:
                    entry.state.pictures.popleft()
            return entry

    def _due_s(self, entry: WaitingFrame) -> float:
        if entry.frame is None:
            return 0.0
        end_s = entry.frame.t_us / 1e6 + frame_length_s(entry.frame, entry.state.info)
        return end_s - self._schedule.now_s(self._clock())

    def _over(self) -> bool:
        with self._changed:
            if self._stopping and not self._queue:
                return True
            idle = not self._queue and self._clock() - self._heard_s > self._idle_s
        if idle:
            self.faults.append(f"nothing was sent for {self._idle_s:g} s.")
        return idle

    def _hold_back(self, item: SourceInput) -> None:
        """Wait while too much sound lies before the engine."""
        if not isinstance(item, AudioChunk):
            return
        with self._changed:
            self._changed.wait_for(
                lambda: self._closed or available_s(item) - self._processed_s <= MAX_UNPROCESSED_S,
                timeout=MAX_UNPROCESSED_S,
            )

    def _emit(self, entry: WaitingFrame) -> Iterator[SourceInput]:
        state, frame = entry.state, entry.frame
        if frame is None:
            return
        if entry.discontinuous:
            state.first_sample = 0
            yield from state.track.take(Opened(frame.t_us / 1e6, state.info.name, state.info.rate_hz or 0.0))
        item = device_item(state, frame)
        for given in state.track.take(item) if item is not None else ():
            yield given
            self._hold_back(given)

    def _report_drops(self) -> None:
        for state in self._states:
            if state.dropped:
                what = "pieces of sound" if state.info.kind == "audio" else "pictures"
                self.faults.append(
                    f"{state.info.name}: {state.dropped} {what} were left out; too much waited."
                )
