"""Attaches the trace of an HTTP request to its ASGI scope and reads it from there."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, MutableMapping
from typing import Any, Final
from uuid import uuid4

from litestar.connection import ASGIConnection

from bus.runtime import tracing
from gateway.trace import Trace

_KEY: Final = "sharpstream.trace"
_CORRELATION: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}")


def begin(scope: MutableMapping[str, Any], hash_given: Callable[[str], str]) -> Trace:
    """Attach a trace to an ASGI scope; the client's own ids are kept in it where they are well-formed."""
    headers = _text(scope["headers"], b"x-correlation-id", b"traceparent")
    given, parent = headers.get(b"x-correlation-id", ""), headers.get(b"traceparent", "")
    well_formed = _CORRELATION.fullmatch(given) is not None
    trace = Trace(
        correlation_id=uuid4().hex,
        traceparent=tracing.normalized(parent),
        given=given if well_formed else None,
        given_hash=hash_given(given) if well_formed else None,
    )
    scope[_KEY] = trace
    return trace


def trace_of(connection: ASGIConnection[Any, Any, Any, Any]) -> Trace:
    """Return the trace of the request."""
    trace: Trace = connection.scope[_KEY]  # type: ignore[typeddict-item]
    return trace


def _text(headers: Iterable[tuple[bytes, bytes]], *names: bytes) -> dict[bytes, str]:
    return {name: value.decode("latin-1") for name, value in headers if name in names}
