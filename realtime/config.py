"""Configuration of every kind of run: replay, live, desktop, serve. Building one loads nothing."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar

import yaml
from pydantic import AfterValidator, BeforeValidator, Field

from core.backends.base import Precision
from core.config import EngineConfig, TranscriptConfig
from core.config_base import Strict, with_overrides
from core.errors import ConfigError
from core.labels import Purpose
from core.policy import settled
from core.spec import DEFAULT_POINT
from core.workers.whisper_language import parse_languages
from core.workers.whisper_rules import is_folder
from realtime.sources.config import SourcesConfig
from realtime.sources.pacing import Pace

PURPOSE: Final = "engine.purpose"
CORES_PER_SESSION: Final = 2
LONGEST_S: Final = 1e9
"""Of anything that is waited for: 31 years. What is longer than the platform can wait for is a mistake."""


def _pace(value: object) -> str:
    try:
        return str(Pace.parse(str(value)))
    except ConfigError as error:
        # Pydantic collects ValueErrors only, and adds the key.
        raise ValueError(f"{error.what} {error.fix}".rstrip(".")) from error


def _language(value: str | None) -> str | None:
    return ",".join(parse_languages(value)) or None


def _size(value: str) -> str:
    if not is_folder(value) and re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", value) is None:
        raise ValueError(
            f'{value!r} is no size of Whisper such as "base", and no folder such as "./my-whisper"'
        )
    return value


class WhisperConfig(Strict):
    """The recogniser.

    Attributes:
        size: name of a Whisper model ("tiny", "tiny.en", "base", "base.en", ...), see `emotrack models list`;
            or a folder with a CTranslate2 conversion of one, any size and make, such as "./my-whisper".
        language: BCP 47 primary subtag of what is spoken ("en"), or of all that may be ("en,de"); None and
            "auto" = recognise it among all.
        threads: processor threads for it; 0 = as many as the other stages leave.
        hot_words: names and terms to be expected; Whisper then rather writes them than what sounds alike.
    """

    size: Annotated[str, AfterValidator(_size)] = "base"
    language: Annotated[str | None, AfterValidator(_language)] = None
    threads: int = Field(0, ge=0, le=256)
    hot_words: tuple[str, ...] = ()


class SourceConfig(Strict):
    """How the recording is played.

    Attributes:
        pace: "max", "realtime", or stream seconds per second of wall-clock time.
    """

    pace: Annotated[str, BeforeValidator(_pace)] = "realtime"


class FeedConfig(Strict):
    """The websocket feed and the page.

    Attributes:
        enabled: whether there are any.
        host, port: where; port 0 takes a free one.
        linger_s: how long both stay after the end of the run, so that a page can still be looked at.
        page: what the address that is printed allows: "view", or "control" to stop, mark and correct, too.
        max_viewers: clients at the same time.
        certificate, key: PEM files; with them TLS is spoken. Without, `host` has to be on loopback.
        names: with a certificate, the hosts by which clients reach the feed.
        origins: other pages that may read the feed, with a token too ("http://127.0.0.1:8000").
        token_file: holds the token that allows to read, the same at every launch; None = a fresh one.
        metrics_token: whether /metrics needs a token on loopback, too.
    """

    enabled: bool = True
    host: str = Field("127.0.0.1", min_length=1)
    port: int = Field(8765, ge=0, le=65535)
    linger_s: float = Field(0.0, ge=0, le=LONGEST_S)
    page: Literal["view", "control"] = "view"
    max_viewers: int = Field(64, ge=1, le=100_000)
    certificate: Path | None = None
    key: Path | None = None
    names: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    token_file: Path | None = None
    metrics_token: bool = False


class NetworksConfig(Strict):
    """What runs the checkpoint's networks.

    Attributes:
        backend: "auto" = the fastest that is compiled and passes its trial, or the name of one.
        dtype: precision of its large products; None = as it was compiled.
        threads: processor threads within one network.
    """

    backend: str = Field("auto", pattern=r"^[a-z0-9-]+$")
    dtype: Precision | None = None
    threads: int = Field(1, ge=1, le=64)


class RunConfig(Strict):
    """What is kept.

    Attributes:
        out: folder for the run's files; None = nothing is written.
    """

    out: Path | None = None


class TrackingConfig(Strict):
    """What every run can be told, wherever its inputs come from.

    Attributes:
        checkpoint: a folder that `emotrack train` wrote; None = the default checkpoint.
        operating_point: which calibration of the checkpoint; others than "default" suit data of one kind.
    """

    checkpoint: Path | None = None
    operating_point: str = Field(DEFAULT_POINT, min_length=1)
    engine: EngineConfig = EngineConfig()
    whisper: WhisperConfig = WhisperConfig()
    networks: NetworksConfig = NetworksConfig()
    feed: FeedConfig = FeedConfig()
    run: RunConfig = RunConfig()

    def to_yaml(self) -> str:
        """The resolved configuration: a file that makes the same run when given as `--config`."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False)


class ReplayConfig(TrackingConfig):
    """Everything that `emotrack replay` can be told, apart from the recording itself."""

    source: SourceConfig = SourceConfig()


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


_Config = TypeVar("_Config", bound=TrackingConfig)


def resolve(file: Path | None, options: dict[str, Any], overrides: list[str]) -> ReplayConfig:
    """Put the configuration of a replay together; see `resolve_as`."""
    return resolve_as(ReplayConfig, file, options, overrides)


def resolve_as(
    kind: type[_Config], file: Path | None, options: dict[str, Any], overrides: list[str]
) -> _Config:
    """Put a configuration together; what comes later wins.

    Args:
        kind: which configuration.
        file: YAML file, or None for the defaults.
        options: dotted key -> value; None means that the option was not given.
        overrides: `a.b=c` assignments.

    Raises:
        ConfigError: names the key and what is wrong with it.
        PolicyError: a purpose that withholds something was named, and then another one.
    """
    values: dict[str, Any] = {}
    if file is not None:
        values = kind.from_yaml(file).model_dump(exclude_unset=True)
    named = [_purpose(values), options.get(PURPOSE)]
    named += [_purpose(with_overrides({}, [assignment])) for assignment in overrides]
    for dotted, value in options.items():
        if value is not None:
            *parents, last = dotted.split(".")
            node = values
            for parent in parents:
                node = node.setdefault(parent, {})
            node[last] = value
    config = kind.from_mapping(with_overrides(values, overrides), where="configuration")
    settled(filter(None, named), config.engine.purpose)
    return config


def _purpose(values: dict[str, Any]) -> str | None:
    """The purpose that a part of a configuration names; None when it names none."""
    engine = values.get("engine")
    purpose = engine.get("purpose") if isinstance(engine, dict) else None
    return purpose if isinstance(purpose, str) else None
