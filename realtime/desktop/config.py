"""What can be configured of the tracker window. It stands in the live run's file, and needs no Qt."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from core.config_base import Strict
from core.labels import Purpose


class DesktopConfig(Strict):
    """The window of `emotrack desktop`; other commands do not look at it.

    Attributes:
        theme: "system" follows the desktop.
        scale: size of text, and of all else with it; 1 = the system's.
        labels: emotions that are shown of each person.
        hidden: leave the window out of screen sharing, where the system can.
        stop_key: stops capturing from within any program, where the system can; None = no key.
        on_top: keep the window above others.
        purpose: what was chosen last where consent is asked for; it is only proposed again.
    """

    theme: Literal["system", "light", "dark"] = "system"
    scale: float = Field(1.0, ge=0.7, le=3.0)
    labels: int = Field(3, ge=1, le=7)
    hidden: bool = True
    stop_key: str | None = Field("Ctrl+Alt+S", pattern=r"^(?:(?:Ctrl|Alt|Shift|Meta)\+)+[A-Z0-9]$")
    on_top: bool = True
    purpose: Purpose | None = None
