"""Configuration of a server of sessions. Building one loads nothing and opens nothing."""

from __future__ import annotations

import os

from pydantic import Field

from core.config_base import Strict
from realtime.config import LONGEST_S
from realtime.live_config import LiveTrackingConfig

CORES_PER_SESSION = 2


class SessionsConfig(Strict):
    """The sessions that clients begin.

    Attributes:
        capacity: how many at a time; a further client is refused. None = one for every two processor cores.
        idle_s: a session whose client sends nothing for so long ends.
        linger_s: how long a session that is over can still be read.
    """

    capacity: int | None = Field(None, ge=1, le=1000)
    idle_s: float = Field(30.0, gt=0, le=LONGEST_S)
    linger_s: float = Field(60.0, ge=0, le=LONGEST_S)

    @property
    def places(self) -> int:
        """How many sessions there can be at a time on this machine."""
        if self.capacity is not None:
            return self.capacity
        return max(1, (os.cpu_count() or 1) // CORES_PER_SESSION)


class ServeConfig(LiveTrackingConfig):
    """Everything that `emotrack serve` can be told."""

    sessions: SessionsConfig = SessionsConfig()
