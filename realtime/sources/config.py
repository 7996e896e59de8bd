"""Configuration of the live sources. Importing this loads nothing heavy."""

from __future__ import annotations

from pydantic import Field

from core.config_base import Strict


class SourcesConfig(Strict):
    """Which devices a live session uses; None = none of that kind.

    Attributes:
        microphone: what I say (stream "me"): "default", a device's name or a part of it, or its number.
        loopback: what the other side says (stream "them"): "default", or the name of a loudspeaker, of its
            monitor, or of a virtual device.
        camera: my face (stream "camera"): "default", a number, a path, or an rtsp:// or http:// address.
        screen: the other side's faces (stream "screen"): the number of a screen, or
            "left,top,width,height" in pixels.
        camera_hz, screen_hz: pictures per second that are looked at.
        camera_latency_s: how old a camera's picture is when it arrives; no library tells it. By what is wrong
            with it, picture and sound lie apart.
        video_max_side: larger pictures are scaled down to this many pixels on their longer side.
        echo_guard: keep what the loudspeaker plays out of the microphone's stream; needs a loopback.
        missing_after_s: so long without usable data until a device counts as lost.
    """

    microphone: str | None = "default"
    loopback: str | None = None
    camera: str | None = "default"
    screen: str | None = None
    camera_hz: float = Field(15.0, gt=0, le=120)
    screen_hz: float = Field(5.0, gt=0, le=60)
    camera_latency_s: float = Field(0.03, ge=0, le=1.0)
    video_max_side: int = Field(960, ge=64, le=8192)
    echo_guard: bool = True
    missing_after_s: float = Field(0.8, ge=0.2, le=5.0)
