"""What the engine beside the window is doing."""

from __future__ import annotations

from enum import Enum


class Phase(Enum):
    """Of the engine's process."""

    OFF = "off"
    STARTING = "starting"
    """The process is there, its feed is not."""
    RUNNING = "running"
    STOPPING = "stopping"
    """It works off the last words."""
    WAITING = "waiting"
    """It has failed and is started again soon."""
    FAILED = "failed"
    """It has failed and is not started again by itself."""
