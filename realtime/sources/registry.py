"""Sources by name. A new source is one file and one line here; nothing is imported before it is used."""

from __future__ import annotations

import importlib
from typing import Final, cast

from core.errors import ConfigError
from core.media.source import Source

SOURCES: Final[dict[str, str]] = {
    "memory": "realtime.sources.memory:MemorySource",
    "recorded": "realtime.recording.recorded_inputs:RecordedSource",
    "recording": "core.media.recording:RecordingSource",
}


def source_class(name: str) -> type[Source]:
    """Import the source of that name.

    Raises:
        ConfigError: there is none of that name.
    """
    if name not in SOURCES:
        raise ConfigError(
            f"there is no source called {name!r}.", fix=f"Available sources: {', '.join(sorted(SOURCES))}."
        )
    module, _, attribute = SOURCES[name].partition(":")
    return cast(type[Source], getattr(importlib.import_module(module), attribute))
