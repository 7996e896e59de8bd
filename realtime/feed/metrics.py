"""The feed's counters as OpenMetrics, gathered when somebody asks: numbers only, never content.

Nothing is pushed anywhere, and nothing is counted twice: the numbers lie where they arise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.registry import Collector


@dataclass(slots=True)
class Counts:
    """What the feed has counted since it began.

    Attributes:
        published: events by type.
        opened: websocket connections that passed the gate.
        closed: connections by close code.
        refused: requests by HTTP status.
        bad_tokens: wrong tokens.
        sent, conflated, filtered: events, over all clients.
        viewers, sockets, sessions: how many there are now.
    """

    published: dict[str, int] = field(default_factory=dict)
    opened: int = 0
    closed: dict[int, int] = field(default_factory=dict)
    refused: dict[int, int] = field(default_factory=dict)
    bad_tokens: int = 0
    sent: int = 0
    conflated: int = 0
    filtered: int = 0
    viewers: int = 0
    sockets: int = 0
    sessions: int = 0


class _Feed(Collector):
    def __init__(self, counts: Counts) -> None:
        self._counts = counts

    def collect(self) -> Iterator[Metric]:
        counts = self._counts
        yield _by("emotrack_feed_events", "Events published.", "type", counts.published)
        yield CounterMetricFamily("emotrack_feed_connections", "Clients let in.", value=counts.opened)
        yield _by("emotrack_feed_closed", "Connections closed.", "code", counts.closed)
        yield _by("emotrack_feed_refused", "Requests refused.", "status", counts.refused)
        yield CounterMetricFamily("emotrack_feed_wrong_tokens", "Wrong tokens.", value=counts.bad_tokens)
        yield CounterMetricFamily("emotrack_feed_sent", "Events sent, all clients.", value=counts.sent)
        replaced = "Rolling estimates replaced by newer ones while they waited, all clients."
        yield CounterMetricFamily("emotrack_feed_conflated", replaced, value=counts.conflated)
        unwanted = "Events left out by subscriptions, all clients."
        yield CounterMetricFamily("emotrack_feed_filtered", unwanted, value=counts.filtered)
        yield GaugeMetricFamily(
            "emotrack_feed_viewers", "Clients that follow a session.", value=counts.viewers
        )
        yield GaugeMetricFamily(
            "emotrack_feed_sockets", "Open connections of any kind.", value=counts.sockets
        )
        yield GaugeMetricFamily("emotrack_feed_sessions", "Sessions.", value=counts.sessions)


def openmetrics(counts: Callable[[], Counts]) -> bytes:
    """The counters as text of the format OpenMetrics 1.0."""
    registry = CollectorRegistry()
    registry.register(_Feed(counts()))
    return bytes(generate_latest(registry))  # type: ignore[no-untyped-call]


def _by(name: str, text: str, label: str, values: dict[str, int] | dict[int, int]) -> Metric:
    family = CounterMetricFamily(name, text, labels=[label])
    for key, value in sorted(values.items()):
        family.add_metric([str(key)], value)
    return family
