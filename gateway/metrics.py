"""The gateway's own Prometheus metrics."""

from __future__ import annotations

from typing import Final

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_BUCKETS: Final = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """One application's metrics, in their own registry because a process may hold several applications."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Histogram(
            "sharpstream_http_request_seconds",
            "Seconds until the response begins.",
            ("method", "route", "status"),
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.problems = Counter(
            "sharpstream_http_problems", "Error responses to clients.", ("code",), registry=self.registry
        )
        self.accepted = Counter(
            "sharpstream_photos_accepted", "Photos accepted.", ("priority",), registry=self.registry
        )
        self.photo_bytes = Counter(
            "sharpstream_photo_bytes", "Bytes of accepted photos.", registry=self.registry
        )
        self.readers = Gauge("sharpstream_stream_readers", "Open live streams.", registry=self.registry)
        self.dropped = Counter(
            "sharpstream_stream_readers_dropped",
            "Live streams closed because their reader was slow.",
            registry=self.registry,
        )

    def render(self) -> bytes:
        """Return these metrics and those of the process, as Prometheus text."""
        return generate_latest(self.registry) + generate_latest(REGISTRY)
