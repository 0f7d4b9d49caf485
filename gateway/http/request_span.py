"""The tracing span of a request, the parent of every span that the request causes."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any, Final

from bus.runtime import tracing
from gateway.trace import Trace

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""Methods allowed in labels and names; every other one is OTHER."""
QUIET: Final = ("/health/",)
"""Polled every few seconds by machines: neither logged nor traced."""


def begin(scope: MutableMapping[str, Any], trace: Trace) -> tracing.Span:
    """Begin the span and make it the parent of the records that are published for the request."""
    if not tracing.enabled() or scope["path"].startswith(QUIET):
        return tracing.Span(trace.traceparent)
    method = scope["method"] if scope["method"] in METHODS else "OTHER"
    span = tracing.span(
        method,
        trace.traceparent,
        kind=tracing.SERVER,
        correlation_id=trace.correlation_id,
        method=method,
    )
    trace.traceparent = span.traceparent
    return span


def end(span: tracing.Span, scope: MutableMapping[str, Any], trace: Trace, status: int) -> None:
    """End the span with route and status. Its name is the route's template: a path may hold anything."""
    if not tracing.enabled():
        return
    route = scope.get("path_template") or "unmatched"
    method = scope["method"] if scope["method"] in METHODS else "OTHER"
    span.rename(f"{method} {route}")
    span.set(account_id=trace.account_id, route=route, status=status, code=trace.code)
    if status >= 500:  # a client's error is not a failure of the server
        span.fail(trace.code or str(status))
    span.end()
