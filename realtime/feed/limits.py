"""Bounds on what clients can take from the program, and how often they may do something."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what clients can take from the program.

    Attributes:
        max_viewers: clients that have identified themselves, at the same time.
        max_unidentified: connections that have not: they fetch the page, or have not said yet who they are.
        max_request_bytes: the longest HTTP request.
        max_identify_bytes: the largest message that is read before a client has identified itself.
        max_identify_frames: frames that may come before that, pings included.
        max_message_bytes: the largest text message that is read from a client afterwards.
        max_ingest_bytes: the largest binary message on the ingest path.
        max_fragments: pieces that a message may come in.
        messages_per_s, message_burst: how many frames a client may send for long, and at once.
        ingest_messages_per_s, ingest_message_burst: the same on the ingest path.
        max_history: messages that a late joiner is told at most, besides rolling estimates.
        max_log, max_log_bytes: messages that are kept for clients that resume, and their size together.
        max_backlog: messages that may not be dropped and may wait for one client, beyond its snapshot.
        identify_s: how long a client may take to identify itself.
        stall_s: a client that takes nothing for this long is disconnected.
        ping_s: a client of which nothing was heard for so long is asked whether it is there.
        pong_s: how long it may take to answer.
        flush_s: how long the feed waits at its end for clients to take what is left.
        close_s: how long a closing handshake may take.
        open_s: how long the request for a page or a websocket may take.
        socket_buffer_bytes: the kernel's buffer per client; what lies there cannot be replaced by news.
        write_limit_bytes: the program's buffer per client above which it stops sending.
    """

    max_viewers: int = 64
    max_unidentified: int = 384
    max_request_bytes: int = 32 * 1024
    max_identify_bytes: int = 1024
    max_identify_frames: int = 8
    max_message_bytes: int = 64 * 1024
    max_ingest_bytes: int = 1024 * 1024
    max_fragments: int = 32
    messages_per_s: float = 50.0
    message_burst: int = 100
    ingest_messages_per_s: float = 200.0
    ingest_message_burst: int = 400
    max_history: int = 2000
    max_log: int = 2048
    max_log_bytes: int = 16 * 1024 * 1024
    max_backlog: int = 2000
    identify_s: float = 2.0
    stall_s: float = 10.0
    ping_s: float = 20.0
    pong_s: float = 20.0
    flush_s: float = 3.0
    close_s: float = 2.0
    open_s: float = 5.0
    socket_buffer_bytes: int = 64 * 1024
    write_limit_bytes: int = 16 * 1024


class RateLimiter:
    """Says how often something may happen: `burst` times at once and `per_s` for long (a token bucket).

    Args:
        per_s: how fast it fills, > 0.
        burst: what it holds, >= 1.
        now_s: the present, on the clock that `take` is given.
    """

    __slots__ = ("_at_s", "_burst", "_level", "_per_s")

    def __init__(self, per_s: float, burst: float, now_s: float) -> None:
        self._per_s = per_s
        self._burst = burst
        self._level = burst
        self._at_s = now_s

    def level(self, now_s: float) -> float:
        """How many may happen now."""
        self._level = min(self._burst, self._level + (now_s - self._at_s) * self._per_s)
        self._at_s = now_s
        return self._level

    def take(self, now_s: float) -> bool:
        """Whether it may happen once more; if so, it has."""
        if self.level(now_s) < 1.0:
            return False
        self._level -= 1.0
        return True
