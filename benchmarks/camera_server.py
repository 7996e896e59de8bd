"""A network camera at 127.0.0.1 that can misbehave: MJPEG over HTTP, or RTSP with MPEG-TS in RTP."""

from __future__ import annotations

import contextlib
import io
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Final, Self

import av
import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

HZ: Final = 25
_SDP: Final = (
    "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=camera\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=video 0 RTP/AVP 33\r\na=control:track\r\n"
)
_BIT_RATE: Final = 3_000_000


class CameraServer:
    """One camera. It can stall, repeat a picture, and die and come back at the same port.

    Args:
        serve: how it speaks to a client: `mjpeg` or `rtsp`.
        clip: number -> picture, (H, W, 3) uint8, blue first.
        port: where it listens; 0 takes a free one.
        due: waits until the next picture is due; the default keeps 25 pictures a second.

    Attributes:
        stalled: while set, it accepts clients and sends them nothing.
        frozen: while set, it sends the same picture again and again.
    """

    def __init__(
        self,
        serve: Callable[[CameraServer, socket.socket], None],
        clip: Callable[[int], Image],
        port: int = 0,
        due: Callable[[], object] = lambda: time.sleep(1 / HZ),
    ) -> None:
        self._serve = serve
        self._clip = clip
        self._due = due
        self._listening = socket.create_server(("127.0.0.1", port))
        self.port: int = self._listening.getsockname()[1]
        self.stalled = threading.Event()
        self.frozen = threading.Event()
        self._dead = threading.Event()
        self._clients: list[socket.socket] = []
        self._number = 0  # a client that comes back sees what the others see
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def kill(self) -> None:
        """Close all connections and stop listening."""
        self._dead.set()
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for client in self._clients:
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
            client.close()

    def pictures(self) -> Iterator[Image]:
        """Pictures, each when it is due, until the server dies."""
        while not self._dead.is_set():
            while self.stalled.is_set() and not self._dead.is_set():
                time.sleep(0.01)
            yield self._clip(self._number)
            self._number += not self.frozen.is_set()
            self._due()

    def _accept(self) -> None:
        while not self._dead.is_set():
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            self._clients.append(client)
            threading.Thread(target=self._talk, args=(client,), daemon=True).start()

    def _talk(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            self._serve(self, client)


def mjpeg(server: CameraServer, client: socket.socket) -> None:
    """multipart/x-mixed-replace, as cheap network cameras speak it."""
    client.recv(65536)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=b\r\n\r\n")
    for image in server.pictures():
        jpeg = cv2.imencode(".jpg", image)[1].tobytes()
        head = f"--b\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
        client.sendall(head.encode() + jpeg + b"\r\n")


def rtsp(server: CameraServer, client: socket.socket) -> None:
    """As much of RTSP as a client needs that takes RTP over the same connection."""
    lines = client.makefile("rb")
    while True:
        request = lines.readline().decode()
        headers = {}
        while line := lines.readline().decode().strip():
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        method = request.split(" ")[0]
        body = _SDP if method == "DESCRIBE" else ""
        extra = {
            "OPTIONS": "Public: OPTIONS, DESCRIBE, SETUP, PLAY\r\n",
            "DESCRIBE": f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n",
            "SETUP": "Session: 1\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n",
            "PLAY": "Session: 1\r\n",
        }.get(method, "")
        client.sendall(f"RTSP/1.0 200 OK\r\nCSeq: {headers.get('cseq', 0)}\r\n{extra}\r\n{body}".encode())
        if method == "PLAY":
            _send_rtp(server, client)
            return


def _send_rtp(server: CameraServer, client: socket.socket) -> None:
    buffer = io.BytesIO()
    buffer.seekable = lambda: False  # type: ignore[method-assign]
    start_s, sequence = time.monotonic(), 0
    with av.open(buffer, "w", format="mpegts") as container:
        stream = container.add_stream("mpeg2video", rate=HZ)
        stream.pix_fmt, stream.gop_size, stream.bit_rate = "yuv420p", 5, _BIT_RATE
        stream.codec_context.max_b_frames = 0
        for number, image in enumerate(server.pictures()):
            if number == 0:
                stream.height, stream.width = image.shape[:2]
            frame = av.VideoFrame.from_ndarray(image, format="bgr24")
            frame.pts = round((time.monotonic() - start_s) * HZ)
            container.mux(stream.encode(frame))
            data = buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
            for at in range(0, len(data), 7 * 188):
                stamp = round((time.monotonic() - start_s) * 90_000) & 0xFFFFFFFF
                head = struct.pack(">BBHII", 0x80, 33, sequence & 0xFFFF, stamp, 1)
                payload = head + data[at : at + 7 * 188]
                client.sendall(struct.pack(">cBH", b"$", 0, len(payload)) + payload)
                sequence += 1
