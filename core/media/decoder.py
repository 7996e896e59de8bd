"""Frames of one stream of a file, past whatever is damaged."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import av
from av.container import InputContainer

from core.media.timestamps import AnyPacket, StampRepair

MediaStream = av.AudioStream | av.VideoStream

_MAX_READ_FAILURES: Final = 8
"""In a row. A demuxer usually finds its way after one; a file on a broken disk never ends."""


def read_packets(
    container: InputContainer, streams: Sequence[MediaStream], failed: Callable[[], None] = lambda: None
) -> Iterator[AnyPacket]:
    """Packets of some streams of a file in its order, past places that cannot be read.

    Args:
        container: opened for this reading alone; other streams than these are skipped.
        streams: at least one.
        failed: called for every failure of the demuxer.
    """
    wanted = {stream.index for stream in streams}
    for other in container.streams:
        if other.index not in wanted:
            other.discard = av.stream.Discard.all
    failures = 0
    while failures < _MAX_READ_FAILURES:
        try:
            for packet in container.demux(*streams):
                failures = 0
                yield packet
            return
        except IndexError:
            # Damage may look like a new stream. PyAV does not know it and fails at the end of the file, when
            # it flushes all streams; ours comes before.
            return
        except av.FFmpegError:
            failures += 1
            failed()


class StreamDecoder:
    """Demultiplexes and decodes one stream.

    Decoding is on one thread: so damaged streams too give the same pictures every time, and at the sizes that
    conversations are recorded in it is not slower.

    Attributes:
        damaged_packets: how many could not be decoded so far.

    Args:
        container: opened for this stream alone.
        stream: the stream; the container's others are not read.
        stamps: repairs the times of its packets; None takes them as they are.
        open_ended: the file does not say where it ends, so that its last packet only seems to be cut short.
    """

    def __init__(
        self,
        container: InputContainer,
        stream: MediaStream,
        stamps: StampRepair | None = None,
        *,
        open_ended: bool = False,
    ) -> None:
        self.damaged_packets = 0
        self._container = container
        self._stream = stream
        self._stamps = stamps
        self._open_ended = open_ended
        self._damaged = False
        self._counts_by_decoding = container.format.name == "avi" and isinstance(stream, av.VideoStream)
        self._lead: int | None = None
        stream.codec_context.thread_count = 1

    def frames(self) -> Iterator[av.AudioFrame | av.VideoFrame]:
        """Decode until the end of the file, or until nothing more can be read."""
        packets = read_packets(self._container, [self._stream], self._note_damage)
        for packet in packets if self._stamps is None else self._stamps.repaired(packets):
            yield from self._decoded(packet)

    def presented_s(self, frame: av.AudioFrame | av.VideoFrame) -> float | None:
        """The frame's presentation time in seconds of the file's own time, None if it has none.

        An avi file has no presentation times: libav guesses them, wrongly where pictures are stored out of
        order. There, the order of decoding counts from the first picture on.
        """
        stamp = frame.pts if frame.pts is not None else frame.dts
        if self._counts_by_decoding and frame.dts is not None and stamp is not None:
            self._lead = stamp - frame.dts if self._lead is None else self._lead
            stamp = frame.dts + self._lead
        elif self._lead is not None:
            stamp = None  # one of the last pictures, which come out after the last packet
        return None if stamp is None or frame.time_base is None else float(stamp * frame.time_base)

    def take_damage(self) -> bool:
        """Whether something could not be read since this was last asked."""
        damaged, self._damaged = self._damaged, False
        return damaged

    def _decoded(self, packet: AnyPacket) -> Iterator[av.AudioFrame | av.VideoFrame]:
        if packet.is_corrupt and not self._open_ended:
            self._note_damage()
        try:
            frames = packet.decode()
        except av.FFmpegError:
            if packet.size:  # the flush at the end may fail without anything being lost
                self._note_damage()
            return
        for frame in frames:
            if isinstance(frame, av.AudioFrame | av.VideoFrame):
                yield frame

    def _note_damage(self) -> None:
        self.damaged_packets += 1
        self._damaged = True
