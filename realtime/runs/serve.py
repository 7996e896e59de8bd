"""`emotrack serve`: a server without devices of its own, which clients feed with sound and pictures."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from dataclasses import replace

from core.backends.preparation import checkpoint_folder, prepare
from core.errors import ConfigError
from core.spec import ModelSpec
from realtime.config import ServeConfig
from realtime.consent.gate import ConsentGate
from realtime.consent.keys import WITHDRAW_KEYS, withdrawable
from realtime.consent.terminal import ask
from realtime.feed.limits import Limits
from realtime.feed.server import Feed
from realtime.feed.sink import tls_of, tokens_of
from realtime.runs.build import hello, needed_weights
from realtime.runs.malloc import limit_malloc_arenas
from realtime.runs.serve_networks import SharedNetworks
from realtime.runs.serve_sessions import Sessions
from realtime.runs.sinks import check_feed, ending_signals, tell
from realtime.sources.memory import MemorySource

INGEST_PAGE = "/ingest"


def run_serve(config: ServeConfig, *, consent: str | None = None) -> int:
    """Serve until Ctrl-C.

    Args:
        config: everything that can be configured.
        consent: who answers for it that people who are captured have agreed; None = ask in the terminal.

    Returns:
        The process's exit code, 0.

    Raises:
        EmotrackError: the server cannot begin.
    """
    if config.engine.deterministic:
        raise ConfigError("a live session cannot be deterministic.", where="engine.deterministic")
    if not config.feed.enabled:
        raise ConfigError("a server without its feed serves nothing.", where="feed.enabled")
    limit_malloc_arenas()
    check_feed(config.feed)
    permission = ConsentGate(config.engine.purpose, captured_by="clients")
    ask(permission, consent, sys.stdin, sys.stderr)
    spec, export = prepare(checkpoint_folder(config.checkpoint), tell, needed_weights(config))
    spec = spec.at(config.operating_point)
    sessions = open_sessions(config, spec, SharedNetworks.load(spec, export, config), permission)
    with withdrawable(permission):
        asyncio.run(_serve(config, sessions))
    return 0


def open_sessions(
    config: ServeConfig, spec: ModelSpec, networks: SharedNetworks, permission: ConsentGate
) -> Sessions:
    """The sessions of a server; the feed is still to be given to them."""
    greeting = replace(hello(spec, config, MemorySource([], streams=())), capturing=True)
    return Sessions(config, networks, greeting, permission)


async def _serve(config: ServeConfig, sessions: Sessions) -> None:
    feed = Feed(
        config.feed.host,
        config.feed.port,
        limits=Limits(max_viewers=config.feed.max_viewers),
        tokens=tokens_of(config.feed),
        ingest=sessions,
        tls=tls_of(config.feed),
        origins=config.feed.origins,
        metrics_token=config.feed.metrics_token,
    )
    sessions.feed = feed
    await feed.start()
    try:
        tell(f"Watch: {feed.page(config.feed.page)}")
        tell(f"Send:  {feed.page('ingest', INGEST_PAGE)}")
        places = "1 session" if sessions.capacity == 1 else f"{sessions.capacity} sessions"
        tell(f"Room for {places} at a time. Ctrl-C ends; {WITHDRAW_KEYS} withdraws consent for all.")
        await _interrupted()
        await sessions.close()
    finally:
        await feed.close()


async def _interrupted() -> None:
    """Wait for Ctrl-C, SIGTERM or a closed terminal; a second one ends the process at once."""
    numbers = ending_signals()
    loop, event = asyncio.get_running_loop(), asyncio.Event()
    with suppress(NotImplementedError):  # Windows: Ctrl-C cancels this task instead
        for number in numbers:
            loop.add_signal_handler(number, event.set)
    try:
        await event.wait()
    except asyncio.CancelledError:
        return
    for number in numbers:
        loop.remove_signal_handler(number)
