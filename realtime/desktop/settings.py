"""What the desktop tracker remembers: a file that `emotrack live --config` reads, too.

It belongs to the user: comments, order and keys that nobody asked to change stay as they are, and a file that
cannot be read is never written over.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from core.config_base import read_yaml
from core.errors import ConfigError, SinkError
from core.labels import Purpose
from core.policy import policy_of, settled
from realtime.config import LiveConfig
from realtime.desktop.yaml_edit import at, edited, put

FILE_NAME: Final = "desktop.yaml"

_HEAD: Final = """\
# Settings of `emotrack desktop`; `emotrack live --config` reads them, too. All keys: configs/live.yaml.
"""


def settings_path() -> Path:
    """Where the settings are, unless another file is named: in the user's folder for configurations."""
    import platformdirs

    return Path(platformdirs.user_config_dir("emotrack")) / FILE_NAME


def proposed_purpose(config: LiveConfig) -> Purpose:
    """The purpose of the next session, as far as it is known: one that withholds something stands."""
    named = config.engine.purpose
    return named if policy_of(named).withheld else config.desktop.purpose or named


class Settings:
    """The settings in a file.

    Args:
        path: of the file; made, with its folder, at the first change.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def exists(self) -> bool:
        """Whether there is a file."""
        return self.path.exists()

    def read(self) -> LiveConfig:
        """The configuration that the file makes; the defaults where there is none.

        Raises:
            ConfigError: it cannot be read, is no YAML, or holds a key or value that emotrack does not know.
        """
        return self._parsed(self._text())

    def create(self) -> None:
        """Make an empty file where there is none: somebody has been here.

        Raises:
            SinkError: it cannot be written.
        """
        if not self.exists:
            self._write(_HEAD)

    def change(self, changes: Mapping[str, Any]) -> LiveConfig:
        """Set keys, in memory and in the file. What is so already is not written.

        Args:
            changes: dotted key -> plain value ("sources.camera": None).

        Returns:
            The configuration from now on.

        Raises:
            ConfigError: the file is damaged (it stays as it is), a value is not valid, or the file is written
                in a way that cannot be edited.
            PolicyError: another purpose would take the place of one that withholds something.
            SinkError: it cannot be written.
        """
        text = self._text()
        before = self._parsed(text)
        wanted = before.model_dump(mode="json")
        new = {dotted: value for dotted, value in changes.items() if at(wanted, dotted) != value}
        for dotted, value in new.items():
            put(wanted, dotted, value)
        config = LiveConfig.from_mapping(wanted, where=str(self.path))  # before anything is written
        settled([before.engine.purpose], config.engine.purpose)
        if not new:
            return config
        try:
            result = edited(text or _HEAD, new)
        except ConfigError as error:
            raise ConfigError(error.what, where=str(self.path), fix=error.fix) from error
        self._parsed(result)
        self._write(result)
        return config

    def _text(self) -> str:
        """What the file says, with its own line ends; "" where there is none."""
        try:
            return self.path.read_bytes().decode("utf-8")
        except FileNotFoundError:
            return ""
        except OSError as error:
            raise ConfigError(f"cannot be read ({error.strerror}).", where=str(self.path)) from error
        except UnicodeDecodeError as error:
            raise ConfigError(f"is not YAML: {error}", where=str(self.path)) from error

    def _parsed(self, text: str) -> LiveConfig:
        try:
            values = read_yaml(text)
        except yaml.YAMLError as error:
            raise ConfigError(f"is not YAML: {error}", where=str(self.path)) from error
        if values is not None and not isinstance(values, dict):
            raise ConfigError("is not a mapping of keys to values.", where=str(self.path))
        return LiveConfig.from_mapping(values or {}, where=str(self.path))

    def _write(self, text: str) -> None:
        """All or nothing: a new file takes the old one's place; a link stays one."""
        target = self.path.resolve()
        try:
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            number, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
            draft = Path(name)
            try:
                with os.fdopen(number, "wb") as stream:
                    stream.write(text.encode())
                    stream.flush()
                    os.fsync(stream.fileno())
                if target.exists():
                    draft.chmod(target.stat().st_mode & 0o777)
                draft.replace(target)
            finally:
                draft.unlink(missing_ok=True)
        except OSError as error:
            raise SinkError(
                f"the settings cannot be written ({error.strerror}).",
                where=str(self.path),
                fix="Make the folder writable, or name another file with --config.",
            ) from error
