"""Around every request: ids, security headers, one log line, metrics.

The outermost layer, so that also an unknown path or a refused body is seen. Must not log a query string,
a header or a body: they may hold secrets.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, MutableMapping
from typing import Any, Final

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from gateway.http import request_span
from gateway.http.context import begin
from gateway.trace import Trace

_log = structlog.stdlib.get_logger(__name__)
_BUCKETS: Final = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

SECURITY_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-site",
    # Our pages are plain HTML with an inline style: no script, no picture, nothing from elsewhere.
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Cache-Control": "no-store",
}
"""Set unless the handler chose its own; TLS and HSTS belong to the load balancer."""
_SECURITY_HEADERS: Final = [(name.lower().encode(), text.encode()) for name, text in SECURITY_HEADERS.items()]


class Metrics:
    """The gateway's own metrics, in a registry of their own: one process may hold several apps in tests."""

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
            "sharpstream_http_problems", "Errors told to clients.", ("code",), registry=self.registry
        )
        self.accepted = Counter(
            "sharpstream_photos_accepted", "Photos accepted.", ("priority",), registry=self.registry
        )
        self.photo_bytes = Counter(
            "sharpstream_photo_bytes", "Bytes of accepted photos.", registry=self.registry
        )
        self.readers = Gauge("sharpstream_stream_readers", "Open live streams.", registry=self.registry)
        self.dropped = Counter(
            "sharpstream_stream_readers_dropped", "Live streams cut for being slow.", registry=self.registry
        )

    def render(self) -> bytes:
        """Return these metrics and the process's, as Prometheus text."""
        return generate_latest(self.registry) + generate_latest(REGISTRY)


class Observed:
    """ASGI layer around the whole application.

    ``allow``: template of a path -> its methods. Litestar tells those of the first handler of a path only.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, allow: Mapping[str, bytes]) -> None:
        self._app, self._metrics, self._allow = app, metrics, allow

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        trace, started = begin(scope), time.perf_counter()  # type: ignore[arg-type]
        span = request_span.begin(scope, trace)  # type: ignore[arg-type]
        status, begun = 500, 0.0

        async def observed(message: Message) -> None:
            nonlocal status, begun
            if message["type"] == "http.response.start":
                status, begun = message["status"], time.perf_counter() - started
                _decorate(message, trace, self._allow.get(str(scope.get("path_template", ""))))
            await send(message)

        with structlog.contextvars.bound_contextvars(correlation_id=trace.correlation_id):
            try:
                await self._app(scope, receive, observed)
            except Exception:
                # Only what breaks after the response began comes here: the client sees a cut connection.
                _log.exception("response_broken")
                raise
            finally:
                self._account(scope, trace, status, begun, time.perf_counter() - started)  # type: ignore[arg-type]
                request_span.end(span, scope, trace, status)  # type: ignore[arg-type]

    def _account(
        self, scope: MutableMapping[str, Any], trace: Trace, status: int, begun: float, took: float
    ) -> None:
        route = scope.get("path_template") or "unmatched"
        method = scope["method"] if scope["method"] in request_span.METHODS else "OTHER"
        self._metrics.requests.labels(method, route, str(status)).observe(begun or took)
        if trace.code:
            self._metrics.problems.labels(trace.code).inc()
        tell = _log.debug if route.startswith(request_span.QUIET) else _log.info
        tell(
            "request",
            method=method,
            route=route,
            status=status,
            ms=round(took * 1000, 1),
            account_id=trace.account_id and str(trace.account_id),
            code=trace.code,
        )


def _decorate(message: Message, trace: Trace, allow: bytes | None) -> None:
    headers = list(message["headers"])  # type: ignore[typeddict-item]
    if allow is not None:
        headers = [(name, allow if name.lower() == b"allow" else value) for name, value in headers]
    present = {name.lower() for name, _ in headers}
    headers += [(name, value) for name, value in _SECURITY_HEADERS if name not in present]
    headers += [
        (name.lower().encode(), text.encode())
        for name, text in trace.headers.items()
        if name.lower().encode() not in present
    ]
    headers.append((b"x-correlation-id", trace.correlation_id.encode()))
    message["headers"] = headers  # type: ignore[typeddict-unknown-key]
