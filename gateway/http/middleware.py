"""Middleware around every request: ids, security headers, one log line, metrics.

It is the outermost layer, so that it also covers unknown paths and refused bodies. It must not log a query
string, a header or a body: they may hold secrets.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from gateway.http import request_span
from gateway.http.context import begin
from gateway.http.security_headers import ENCODED, NO_FRAME_OPTIONS
from gateway.metrics import Metrics
from gateway.trace import Trace

_log = structlog.stdlib.get_logger(__name__)


class Observed:
    """ASGI layer around the whole application.

    ``allow``: path template -> its methods. Litestar reports only those of a path's first handler.
    ``hash_given``: the keyed hash of a caller's own correlation id, by which the log can be searched.
    """

    def __init__(
        self,
        app: ASGIApp,
        metrics: Metrics,
        allow: Mapping[str, bytes],
        hash_given: Callable[[str], str] = lambda _: "",
    ) -> None:
        self._app, self._metrics, self._allow, self._hash_given = app, metrics, allow, hash_given

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        trace, started = begin(scope, self._hash_given), time.perf_counter()  # type: ignore[arg-type]
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
                # Only errors after the response began arrive here: the client sees a cut connection.
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
        write_log = _log.debug if route.startswith(request_span.QUIET) else _log.info
        write_log(
            "request",
            method=method,
            route=route,
            status=status,
            ms=round(took * 1000, 1),
            account_id=trace.account_id and str(trace.account_id),
            code=trace.code,
            **({"given_correlation": trace.given_hash} if trace.given_hash else {}),
        )


def _with_head(methods: bytes) -> bytes:
    """Return the methods of an ``Allow`` header with HEAD, which `gateway.http.head_requests` answers."""
    known = {each.strip() for each in methods.split(b",")}
    return b", ".join(sorted(known | ({b"HEAD"} if b"GET" in known else set())))


def _decorate(message: Message, trace: Trace, allow: bytes | None) -> None:
    headers = list(message["headers"])  # type: ignore[typeddict-item]
    headers = [
        (name, _with_head(allow or value) if name.lower() == b"allow" else value) for name, value in headers
    ]
    present = {name.lower() for name, _ in headers}
    headers += [(name, value) for name, value in ENCODED if name not in present]
    headers[:] = [header for header in headers if header != NO_FRAME_OPTIONS]
    headers += [
        (name.lower().encode(), text.encode())
        for name, text in trace.headers.items()
        if name.lower().encode() not in present
    ]
    headers.append((b"x-correlation-id", (trace.given or trace.correlation_id).encode()))
    headers.append((b"x-request-id", trace.correlation_id.encode()))
    message["headers"] = headers  # type: ignore[typeddict-unknown-key]
