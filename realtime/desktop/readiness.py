"""What has to be there before the first run, and whether it is. No window, no network, no device."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from core.backends.artifacts import export_folder, is_exported
from core.backends.preparation import checkpoint_folder
from core.errors import EmotrackError
from core.policy import policy_of
from core.spec import insist_on_live, read_spec
from core.weights import Weight, catalogue, find, is_ready
from core.weights.manifest import HubSource, WebSource
from realtime.config import LiveConfig
from realtime.desktop.settings import Settings, proposed_purpose
from realtime.doctor import Check, examine_devices
from realtime.sources.live import LiveSource
from realtime.sources.open import admitted

DEVICE_TEST_S: Final = 2.0
_WHISPER: Final = "whisper-"


def is_first_run(settings: Settings) -> bool:
    """Whether there are no settings yet, or a model that they need is missing.

    Raises:
        ConfigError: the settings are damaged.
    """
    return not settings.exists or not all(is_ready(weight) for weight in needed(settings.read()))


def needed(config: LiveConfig) -> tuple[Weight, ...]:
    """The weights that a run with this configuration loads.

    Raises:
        WeightsError: there is no recogniser of that size.
    """
    usual = [w for w in catalogue() if w.group == "replay" and not w.name.startswith(_WHISPER)]
    return (*usual, find(f"{_WHISPER}{config.whisper.size}"))


def origin(weight: Weight) -> str:
    """Who is asked for a weight first."""
    match weight.sources[0]:
        case HubSource():
            return "huggingface.co"
        case WebSource() as source:
            return urlsplit(source.base).netloc
        case _:
            return "the package index"


def check_checkpoint(config: LiveConfig) -> Check:
    """Whether the checkpoint is there and fits."""
    try:
        folder = checkpoint_folder(config.checkpoint)
        spec = read_spec(folder)
        insist_on_live(spec, folder)
    except EmotrackError as error:
        return Check("checkpoint", "failed", f"{error.where or ''} {error.what}".strip(), error.fix or "")
    if is_exported(spec, export_folder(spec)):
        return Check("checkpoint", "ok", f"{folder.name} is ready.")
    soon = "The first start prepares it for this machine; that takes about a minute."
    return Check("checkpoint", "ok", f"{folder.name} is here. {soon}")


def check_permitted_devices(config: LiveConfig, opening: Callable[[LiveSource], None]) -> Iterator[Check]:
    """Try the configured devices that the purpose permits, for a few seconds all together."""
    policy = policy_of(proposed_purpose(config))
    try:
        sources = admitted(config.sources, policy).model_copy(update={"echo_guard": False})
        yield from examine_devices(sources, DEVICE_TEST_S, opening=opening)
    except EmotrackError as error:  # nothing is configured, or nothing that is permitted
        yield Check("devices", "failed", error.what, error.fix or "")


@dataclass(frozen=True, slots=True)
class ReadinessChecks:
    """The ways to look at the machine; replaced in tests.

    Attributes:
        checkpoint: looks at the checkpoint.
        devices: tries the devices; is told what opens them.
    """

    checkpoint: Callable[[LiveConfig], Check] = check_checkpoint
    devices: Callable[[LiveConfig, Callable[[LiveSource], None]], Iterator[Check]] = check_permitted_devices
