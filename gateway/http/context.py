"""What belongs to one request and travels with it: ids for logs, problems and Kafka headers."""

from __future__ import annotations

import re
from collections.abc import Iterable, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID, uuid4

from litestar.connection import ASGIConnection

_KEY: Final = "sharpstream.trace"
_CORRELATION: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_TRACEPARENT: Final = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


@dataclass(kw_only=True, slots=True)
class Trace:
    """The ids of one request; ``account_id`` and ``code`` are filled in on the way, for its log line.

    ``headers`` go out with the answer, whatever it is.
    """

    correlation_id: str
    traceparent: str | None
    account_id: UUID | None = None
    code: str | None = None
    headers: dict[str, str] = field(default_factory=dict)


def new_trace() -> Trace:
    """Return a trace for work that no request began."""
    return Trace(correlation_id=uuid4().hex, traceparent=None)


def trace_from(traceparent: str | None) -> Trace:
    """Return a trace for work that came by another way than HTTP; a malformed parent is left out."""
    known = traceparent is not None and _TRACEPARENT.fullmatch(traceparent)
    return Trace(correlation_id=uuid4().hex, traceparent=traceparent if known else None)


def begin(scope: MutableMapping[str, Any]) -> Trace:
    """Attach a trace to an ASGI scope: the client's ids where they are well-formed, else new ones."""
    headers = _text(scope["headers"], b"x-correlation-id", b"traceparent")
    given, parent = headers.get(b"x-correlation-id", ""), headers.get(b"traceparent", "")
    trace = Trace(
        correlation_id=given if _CORRELATION.fullmatch(given) else uuid4().hex,
        traceparent=parent if _TRACEPARENT.fullmatch(parent) else None,
    )
    scope[_KEY] = trace
    return trace


def trace_of(connection: ASGIConnection[Any, Any, Any, Any]) -> Trace:
    """Return the trace of the request."""
    trace: Trace = connection.scope[_KEY]  # type: ignore[typeddict-item]
    return trace


def _text(headers: Iterable[tuple[bytes, bytes]], *names: bytes) -> dict[bytes, str]:
    return {name: value.decode("latin-1") for name, value in headers if name in names}
