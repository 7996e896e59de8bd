"""The header of a recorded run: what an engine needs to be built again as it was."""

from __future__ import annotations

import json
from dataclasses import asdict

from pydantic import TypeAdapter

from core.config import EngineConfig
from core.errors import FeedError, SourceError
from core.events import Hello, StreamInfo
from core.spec import ModelSpec
from core.wire import decode, encode


def header_of(
    config: EngineConfig, spec: ModelSpec, hello: Hello, *, smaller_whisper: bool = False
) -> dict[str, str]:
    """Everything that an engine was built from, as text; see `core.engine.engine.Engine`."""
    streams = [asdict(stream) for stream in hello.streams]
    return {
        "engine": config.model_dump_json(),
        "spec": spec.model_dump_json(),
        "hello": encode(hello, 0),
        "streams": json.dumps(streams),
        "smaller_whisper": json.dumps(smaller_whisper),
    }


def streams_from(header: dict[str, str]) -> tuple[StreamInfo, ...]:
    """The run's streams. Raises SourceError when they are not there."""
    try:
        return TypeAdapter(tuple[StreamInfo, ...]).validate_json(header["streams"])
    except (KeyError, ValueError) as error:
        raise SourceError(f"the recording's header is damaged ({error}).") from error


def purpose_from(header: dict[str, str]) -> str:
    """What the run was for; runs of before there were purposes were personal. Raises SourceError."""
    try:
        return str(json.loads(header["engine"]).get("purpose", "personal"))
    except (KeyError, AttributeError, ValueError, RecursionError) as error:
        raise SourceError(f"the recording's header is damaged ({error}).") from error


def engine_from(header: dict[str, str]) -> tuple[EngineConfig, ModelSpec]:
    """Configuration and specification. Raises SourceError when they cannot be read."""
    try:
        engine = json.loads(header["engine"])
        engine.get("load", {}).pop("small_whisper", None)  # where it stood before it had its own entry
        engine.setdefault("speakers", {"enabled": False})  # nobody was told apart before that had its entry
        config = EngineConfig.model_validate_json(json.dumps(engine))
        return config, ModelSpec.model_validate_json(header["spec"])
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise SourceError(f"the recording's header is damaged, or of another version ({error}).") from error


def smaller_whisper_from(header: dict[str, str]) -> bool:
    """Whether the run had a smaller recogniser to fall back to. Raises SourceError when it cannot be read."""
    try:
        if "smaller_whisper" in header:
            return bool(json.loads(header["smaller_whisper"]))
        return bool(json.loads(header["engine"]).get("load", {}).get("small_whisper", False))
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise SourceError(f"the recording's header is damaged ({error}).") from error


def hello_from(header: dict[str, str]) -> Hello:
    """The run's first message. Raises SourceError when it is not there."""
    try:
        event = decode(header.get("hello", "{}"))[0]
    except FeedError as error:
        raise SourceError(f"the recording's header is damaged ({error}).") from error
    if not isinstance(event, Hello):
        raise SourceError("the recording's header is damaged.")
    return event
