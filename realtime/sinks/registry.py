"""The sinks that write into a run folder, by name. A new one is one file and one line here."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Final, cast

from core.errors import ConfigError
from realtime.sinks.base import Sink

SINKS: Final[dict[str, str]] = {
    "jsonl": "realtime.sinks.jsonl:JsonlSink",
    "memory": "realtime.sinks.memory:MemorySink",
    "summary": "realtime.sinks.summary:SummarySink",
    "timeline": "realtime.sinks.timeline:TimelineSink",
    "webvtt": "realtime.sinks.webvtt:WebVttSink",
}

RUN_FOLDER: Final = ("jsonl", "webvtt", "timeline", "summary")
"""What `--out` writes."""


def open_sink(name: str, folder: Path) -> Sink:
    """Open the sink called `name` on the run folder `folder`, which is created.

    Raises:
        ConfigError: there is no such sink.
        SinkError: its file cannot be created.
    """
    if name not in SINKS:
        raise ConfigError(f"there is no sink {name!r}.", fix=f"Known are {', '.join(SINKS)}.")
    module, _, attribute = SINKS[name].partition(":")
    return cast(Sink, getattr(import_module(module), attribute)(folder))
