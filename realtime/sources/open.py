"""From configuration to a live source."""

from __future__ import annotations

import sys
from typing import Final

from core.errors import PolicyError, SourceError
from core.events import StreamInfo
from core.policy import Policy
from realtime.consent.gate import ConsentGate
from realtime.sources.audio_track import AudioTrack
from realtime.sources.camera import CameraDriver
from realtime.sources.capture import Capture
from realtime.sources.config import SourcesConfig
from realtime.sources.driver import Driver
from realtime.sources.echo_stage import EchoStage
from realtime.sources.live import LiveSource
from realtime.sources.network_camera import NetworkCameraDriver, is_address
from realtime.sources.portaudio import PortAudioDriver
from realtime.sources.screen import ScreenDriver, parse_region
from realtime.sources.soundcard_loopback import SoundCardDriver
from realtime.sources.video_track import VideoTrack

ME: Final = "me"
THEM: Final = "them"
CAMERA: Final = "camera"
SCREEN: Final = "screen"

_SOUND_ITEMS: Final = 1500
"""30 s of blocks of 20 ms."""

_PICTURES: Final = 8


def open_sources(config: SourcesConfig, gate: ConsentGate | None = None) -> LiveSource:
    """A live source for the configured devices. They are opened when its `inputs` begins.

    Args:
        config: which devices.
        gate: lets none of them be opened before somebody has agreed, leaves out those that the purpose
            withholds, and closes all when consent is withdrawn. None is for tests of devices, where nothing
            is kept or inferred.

    Raises:
        SourceError: nothing is configured, or a library that records sound is not installed.
        ConfigError: a region of the screen cannot be read.
        PolicyError: everything that is configured is withheld.
    """
    if gate is not None:
        config = admitted(config, gate.policy)
    captures = []
    if config.microphone is not None:
        captures.append(microphone(config))
    if config.loopback is not None:
        captures.append(loopback(config))
    if config.camera is not None:
        captures.append(camera(config))
    if config.screen is not None:
        captures.append(screen(config))
    if not captures:
        raise SourceError("no device is configured.", where="sources", fix="Name at least a microphone.")
    guarded = config.echo_guard and config.microphone is not None and config.loopback is not None
    source = LiveSource(
        captures,
        name=" + ".join(capture.label for capture in captures),
        echo=EchoStage(ME, THEM) if guarded else None,
        permit=None if gate is None else gate.require,
    )
    if gate is not None:
        gate.on_withdrawal(source.close)
    return source


def admitted(config: SourcesConfig, policy: Policy) -> SourcesConfig:
    """The devices that a purpose leaves: what nothing may be inferred from is not even opened.

    Raises:
        PolicyError: none of those that are configured is left.
    """
    if policy.allows("visual"):
        return config
    if config.microphone is None and config.loopback is None:
        raise PolicyError(f"cameras and screens are withheld: purpose {policy.purpose}.", fix=policy.why)
    return config.model_copy(update={"camera": None, "screen": None})


def microphone(config: SourcesConfig) -> Capture:
    """The capture of what I say: stream `me`."""
    driver = PortAudioDriver(config.microphone or "default")
    track = AudioTrack(ME, driver.label, missing_after_s=config.missing_after_s, zero_is_missing=True)
    return Capture(StreamInfo(ME, "audio", person="me"), driver, track, _SOUND_ITEMS)


def loopback(config: SourcesConfig) -> Capture:
    """What the other side says: all that the loudspeaker plays."""
    driver = loopback_driver(config.loopback or "default")
    track = AudioTrack(
        THEM,
        driver.label,
        missing_after_s=config.missing_after_s,
        fills_silence=sys.platform == "win32",
    )
    return Capture(StreamInfo(THEM, "audio"), driver, track, _SOUND_ITEMS)


def loopback_driver(device: str) -> Driver:
    """The system's way to record what a loudspeaker plays."""
    if sys.platform.startswith("linux"):
        return PortAudioDriver(device, loopback=True)
    return SoundCardDriver(device, virtual=sys.platform == "darwin")


def camera(config: SourcesConfig) -> Capture:
    """The capture of my face: stream `camera`."""
    driver = camera_driver(config)
    track = VideoTrack(
        CAMERA,
        driver.label,
        missing_after_s=config.missing_after_s,
        latency_s=config.camera_latency_s,
    )
    return Capture(StreamInfo(CAMERA, "video", person="me"), driver, track, _PICTURES)


def camera_driver(config: SourcesConfig) -> Driver:
    """A camera of this machine, or one in the network."""
    device = config.camera or "default"
    if is_address(device):
        return NetworkCameraDriver(device, max_hz=config.camera_hz, max_side=config.video_max_side)
    return CameraDriver(device, max_hz=config.camera_hz, max_side=config.video_max_side)


def screen(config: SourcesConfig) -> Capture:
    """The other side's faces. A picture that stands still is nothing unusual there."""
    region = parse_region(config.screen or "0")
    driver = ScreenDriver(region, hz=config.screen_hz, max_side=config.video_max_side)
    track = VideoTrack(
        SCREEN,
        driver.label,
        missing_after_s=max(config.missing_after_s, 2 / config.screen_hz),
        still_is_missing=False,
        latency_s=0.0,
    )
    return Capture(StreamInfo(SCREEN, "video"), driver, track, _PICTURES)
