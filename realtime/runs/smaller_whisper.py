"""The smaller recogniser that a live run falls back to: whether there is one."""

from __future__ import annotations

import logging
from typing import TypeVar

from core.weights import find, is_ready
from realtime.config import WhisperConfig
from realtime.live_config import LiveTrackingConfig

log = logging.getLogger(__name__)

_Config = TypeVar("_Config", bound=LiveTrackingConfig)


def with_what_is_there(config: _Config) -> _Config:
    """The configuration with the smaller recogniser only if it was pulled and is another one."""
    size = config.whisper.smaller
    usable = size is not None and size != config.whisper.size and is_ready(find(f"whisper-{size}"))
    if size is not None and not usable and size != config.whisper.size:
        log.info("whisper %s was not pulled: under load, words are left out instead", size)
    load = config.engine.load.model_copy(update={"small_whisper": usable})
    whisper = config.whisper.model_copy(update={"smaller": size if usable else None})
    engine = config.engine.model_copy(update={"load": load})
    return config.model_copy(update={"engine": engine, "whisper": whisper})


def smaller_of(config: LiveTrackingConfig) -> WhisperConfig | None:
    """How the smaller recogniser is loaded, None where there is none; it takes the language as it comes."""
    if config.whisper.smaller is None:
        return None
    return config.whisper.model_copy(update={"size": config.whisper.smaller, "language": None})
