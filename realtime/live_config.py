"""Configuration of a live run. Building one loads nothing and opens no device."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from core.config import EngineConfig, TranscriptConfig
from realtime.config import TrackingConfig, WhisperConfig
from realtime.desktop.config import DesktopConfig
from realtime.sources.config import SourcesConfig


class LiveTranscriptConfig(TranscriptConfig):
    """As in a replay, but final words are asked for while the pause still goes on."""

    early_final: bool = True


class LiveEngineConfig(EngineConfig):
    """As in a replay, but results are taken in as they come."""

    transcript: LiveTranscriptConfig = LiveTranscriptConfig()
    deterministic: bool = False


class LiveWhisperConfig(WhisperConfig):
    """The recogniser of a live run, or of a server's sessions, which share it.

    Attributes:
        smaller: size to fall back to when the machine cannot keep up, if it was pulled; None = none.
    """

    smaller: str | None = Field("tiny.en", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")


class LiveTrackingConfig(TrackingConfig):
    """What every run can be told whose inputs come as they happen."""

    engine: LiveEngineConfig = LiveEngineConfig()
    whisper: LiveWhisperConfig = LiveWhisperConfig()


class LiveConfig(LiveTrackingConfig):
    """Everything that `emotrack live` can be told.

    Attributes:
        record: folder for the inputs, so that the run can be replayed; None = nothing is kept.
        seconds: end after this long; None = run until Ctrl-C.
        desktop: the window of `emotrack desktop`, so that one file serves both commands.
    """

    sources: SourcesConfig = SourcesConfig()
    record: Path | None = None
    seconds: float | None = Field(None, gt=0)
    desktop: DesktopConfig = DesktopConfig()
