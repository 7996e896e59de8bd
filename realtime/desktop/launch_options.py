"""What was asked for with the command and in the settings, and what the engine is told because of it."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, Self

from core.labels import Purpose
from core.policy import policy_of
from realtime.config import PURPOSE, LiveConfig, resolve_as
from realtime.desktop.settings import Settings, proposed_purpose, settings_path

ENTRY: Final = Path(__file__).resolve().parents[2] / "emotrack.py"


class SessionConsent(Protocol):
    """Consent for one session, as it was given in the window."""

    @property
    def who(self) -> str:
        """Name of the person who agrees, as it is written into the ledger."""
        ...

    @property
    def purpose(self) -> Purpose:
        """Purpose that the consent is for."""
        ...


@dataclass(frozen=True, slots=True)
class LaunchOptions:
    """What one `emotrack desktop` was asked for.

    Attributes:
        settings: the file that the settings are kept in.
        play: a recording to be played in place of devices.
        purpose, checkpoint: options of the command, None where not given.
        overrides: `a.b=c` assignments of the command.
    """

    settings: Settings
    play: Path | None = None
    purpose: str | None = None
    checkpoint: Path | None = None
    overrides: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        config: Path | None,
        play: Path | None,
        purpose: str | None,
        checkpoint: Path | None,
        overrides: list[str],
    ) -> Self:
        """Put together what the command was given. Raises ConfigError, PolicyError as `config` does."""
        settings = Settings(config if config is not None else settings_path())
        options = cls(settings, play, purpose, checkpoint, tuple(overrides))
        options.config()
        return options

    def config(self) -> LiveConfig:
        """The configuration as it is now.

        Raises:
            ConfigError: the file cannot be read, or a value is impossible.
            PolicyError: a purpose that withholds something was named, and then another one.
        """
        options = {PURPOSE: self.purpose, "checkpoint": self.checkpoint}
        return resolve_as(LiveConfig, self._file, options, list(self.overrides))

    def command(self, consent: SessionConsent | None, muted: Iterable[str] = ()) -> list[str]:
        """The engine's command line; it reads the same file again.

        Args:
            consent: who has agreed in the window, and to what; None with a recording, which captures nobody.
            muted: what is left out from the beginning ("audio", "visual").
        """
        words = [sys.executable, str(ENTRY), "live", "--supervised", "--no-console", "--feed"]
        if self._file is not None:
            words += ["--config", str(self._file)]
        if "port" not in self.config().feed.model_fields_set:
            words += ["--port", "0"]
        if self.play is not None:
            words += ["--play", str(self.play)]
        if self.purpose is not None:
            words += ["--purpose", self.purpose]
        if self.play is None and consent is not None:
            words += ["--purpose", consent.purpose, f"--consent={consent.who}"]
        if self.checkpoint is not None:
            words += ["--checkpoint", str(self.checkpoint)]
        words += [word for modality in sorted(muted) for word in ("--mute", modality)]
        return words + [word for override in self.overrides for word in ("--set", override)]

    @property
    def proposed(self) -> tuple[Purpose, bool]:
        """The purpose to be proposed where consent is asked for, and whether there is no other choice."""
        config = self.config()
        named = config.engine.purpose
        fixed = self.purpose is not None or bool(policy_of(named).withheld)
        return named if fixed else proposed_purpose(config), fixed

    @property
    def named(self) -> Purpose | None:
        """The purpose that was named with the command."""
        return None if self.purpose is None else self.config().engine.purpose

    @property
    def _file(self) -> Path | None:
        return self.settings.path if self.settings.exists else None
