"""Network cameras for tests: MJPEG over HTTP, and RTSP with MPEG-TS in RTP over the same connection."""

from __future__ import annotations

import contextlib
import io
import socket
import struct
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

import av
import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
HZ = 25


def clip(n: int) -> Image:
    """Picture number n of a textured clip that moves: (120, 160, 3), blue first."""
    rng = np.random.default_rng(7)
    texture = rng.integers(0, 256, (120, 160, 3), dtype=np.uint8)
    return np.ascontiguousarray(np.roll(cv2.blur(texture, (9, 9)), 3 * n, axis=1))


class CameraServer:
    """One camera at 127.0.0.1. It can stall, repeat a picture, and die and come back at the same port."""

    def __init__(self, serve: Callable[[CameraServer, socket.socket], None], port: int = 0) -> None:
        self._serve = serve
        self._listening = socket.create_server(("127.0.0.1", port))
        self.port = self._listening.getsockname()[1]
        self.stalled = threading.Event()
        self.frozen = threading.Event()
        self._dead = threading.Event()
        self._clients: list[socket.socket] = []
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

    def pictures(self):
        """Pictures at 25 Hz until the server dies."""
        number = 0
        while not self._dead.is_set():
            while self.stalled.is_set() and not self._dead.is_set():
                time.sleep(0.01)
            yield clip(number)
            number += not self.frozen.is_set()
            time.sleep(1 / HZ)

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
    client.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=b\r\n\r\n")
    for image in server.pictures():
        jpeg = cv2.imencode(".jpg", image)[1].tobytes()
        head = f"--b\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
        client.sendall(head.encode() + jpeg + b"\r\n")


_SDP = (
    "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=camera\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=video 0 RTP/AVP 33\r\na=control:track\r\n"
)


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
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = 160, 120, "yuv420p", 5
        stream.codec_context.max_b_frames = 0
        for image in server.pictures():
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
