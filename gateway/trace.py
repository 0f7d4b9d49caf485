"""The ids of one request, as they appear in logs, problems and Kafka headers."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID, uuid4

from bus.runtime import tracing


@dataclass(kw_only=True, slots=True)
class Trace:
    """The ids of one request; ``account_id`` and ``code`` are filled in during it, for its log line.

    ``correlation_id`` is always ours, because it is kept for ever. ``given`` is the caller's own id, for the
    response alone, and ``given_hash`` its keyed hash, for the log. ``headers`` are sent with the response,
    also with an error.
    """

    correlation_id: str
    traceparent: str | None
    given: str | None = None
    given_hash: str | None = None
    account_id: UUID | None = None
    code: str | None = None
    headers: dict[str, str] = field(default_factory=dict)


def new_trace() -> Trace:
    """Return a trace for work that no request started."""
    return Trace(correlation_id=uuid4().hex, traceparent=None)


def trace_from(traceparent: str | None) -> Trace:
    """Return a trace for work that did not come over HTTP; a malformed parent is left out."""
    return Trace(correlation_id=uuid4().hex, traceparent=tracing.normalized(traceparent))
