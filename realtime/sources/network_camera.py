"""A camera in the network: RTSP or MJPEG over HTTP, by FFmpeg with time limits."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

import av

from core.media.frame_conversion import PictureMaker
from realtime.sources.device_items import CapturedFrame, DeviceLost, Opened
from realtime.sources.driver import DriverHandle
from realtime.sources.pictures import FrameRateLimiter

OPEN_S: Final = 2.0
READ_S: Final = 0.9
SCHEMES: Final = ("rtsp", "rtsps", "http", "https")


def is_address(device: str) -> bool:
    """Whether a camera's name is an address of a network camera."""
    return urlsplit(device).scheme in SCHEMES


class NetworkCameraDriver:
    """A camera behind an address.

    Its pictures are stamped by the camera's own clock with RTSP. MJPEG has no stamps.

    Args:
        url: rtsp://, rtsps://, http:// or https://; a user and password in it are never told.
        max_hz: pictures beyond this rate are left out; None keeps all.
        max_side: larger pictures are scaled down to this many pixels on their longer side.
    """

    def __init__(self, url: str, *, max_hz: float | None = 15.0, max_side: int | None = 960) -> None:
        self._url = url
        self._max_hz = max_hz
        self._max_side = max_side
        parts = urlsplit(url)
        self._stamped = parts.scheme.startswith("rtsp")
        host = parts.hostname or "?"
        self.label = f"camera at {host}" + (f":{parts.port}" if parts.port else "")

    def run(self, handle: DriverHandle) -> None:
        """Read until the handle closes. Raises DeviceLost when the camera does not answer any more."""
        options = {"fflags": "nobuffer", "analyzeduration": "300000", "probesize": "500000"}
        if self._stamped:
            options["rtsp_transport"] = "tcp"
        try:
            with av.open(self._url, options=options, timeout=(OPEN_S, READ_S)) as container:
                self._read(handle, container)
        except av.error.HTTPUnauthorizedError as error:
            raise DeviceLost("permission", "user or password is wrong") from error
        except (av.FFmpegError, OSError, ValueError) as error:
            raise DeviceLost("unreachable", getattr(error, "strerror", None) or "") from error

    def _read(self, handle: DriverHandle, container: av.container.InputContainer) -> None:
        if not container.streams.video:
            raise DeviceLost("failed", "it sends no pictures")
        stream = container.streams.video[0]
        stream.thread_type = "SLICE"  # threads over frames would hold several back
        handle.put(Opened(handle.clock(), self.label))
        limit = FrameRateLimiter(self._max_hz)
        maker = PictureMaker(self._max_side, stream.sample_aspect_ratio)
        for frame in container.decode(stream):
            at_s = handle.clock()
            if handle.wait(0.0):
                return
            if limit.keeps(at_s):
                sent_s = frame.time if self._stamped else None
                handle.put(CapturedFrame(at_s, maker.picture(frame), sent_s))
        raise DeviceLost("unreachable", "it has ended the connection")
