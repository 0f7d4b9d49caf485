"""The one place where errors become HTTP: RFC 9457 problems with a stable ``code``.

Nothing of an unexpected error reaches the client but its correlation id; the log has the rest.
"""

from __future__ import annotations

import socket
from http import HTTPStatus
from typing import Any, Final

import asyncpg
import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, SerializationException, ValidationException

from bus.bridges.postgres_errors import PASSING
from bus.runtime.errors import SharpstreamError, TransientError
from gateway.http.context import trace_of
from gateway.http.problems import PROBLEMS

MEDIA_TYPE: Final = "application/problem+json"
RETRY_AFTER_S: Final = 5
_log = structlog.stdlib.get_logger(__name__)

_BY_STATUS: Final = {
    400: "malformed",
    401: "unauthenticated",
    404: "not_found",
    405: "method_not_allowed",
    413: "request_too_large",
    415: "unsupported_media_type",
    503: "temporarily_unavailable",
}
# Every other OSError is a fault of our own: a file, a disk.
_UNREACHABLE: Final = (
    *(kind for kind in PASSING if kind is not OSError),
    asyncpg.TooManyConnectionsError,
    ConnectionError,
    socket.gaierror,
)


class ApiError(SharpstreamError):
    """A request that cannot be served; ``code`` is one of `PROBLEMS`, which gives the status."""

    def __init__(
        self, code: str, message: str, *, headers: dict[str, str] | None = None, **details: object
    ) -> None:
        super().__init__(message, code=code, **details)
        self.headers = headers or {}


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What every error looks like."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    message: str
    correlation_id: str
    details: dict[str, Any] | None = None


def to_response(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    """Return the problem that tells of ``error``; Litestar's exception handler for everything."""
    known = _known(error)
    if known is None:
        _log.error("unexpected_error", exc_info=error)
        known = ApiError("internal", "Something went wrong on our side. Give us the correlation id.")
    trace = trace_of(request)
    trace.code = known.code
    status, title = PROBLEMS[known.code]
    problem = Problem(
        type=f"/docs#{known.code}",
        title=title,
        status=status,
        detail=known.message,
        code=known.code,
        message=known.message,
        correlation_id=trace.correlation_id,
        details=known.details or None,
    )
    return Response(problem, status_code=status, media_type=MEDIA_TYPE, headers=_headers(status, known))


def _known(error: Exception) -> ApiError | None:
    match error:
        case ApiError():
            return error
        case ValidationException():
            return _validation(error)
        case SerializationException():
            return ApiError("malformed", "The body is not valid JSON.")
        case HTTPException():
            return _http(error)
    if isinstance(error, (TransientError, *_UNREACHABLE)):
        return _unavailable(error)
    return None


def _unavailable(error: Exception) -> ApiError:
    _log.warning("dependency_unavailable", error=repr(error))
    return ApiError(
        "temporarily_unavailable", "A part that this needs cannot be reached; nothing was changed. Try again."
    )


def _validation(error: ValidationException) -> ApiError:
    fields = [
        {"field": str(item.get("key", "")), "message": str(item.get("message", ""))}
        for item in error.extra or []
        if isinstance(item, dict)
    ]
    told = "; ".join(f"{item['field']}: {item['message']}" for item in fields) or error.detail
    return ApiError("validation_failed", f"These fields are not valid: {told}.", fields=fields)


def _http(error: HTTPException) -> ApiError | None:
    code = _BY_STATUS.get(error.status_code)
    if code is None:
        return None
    sentence = {
        "not_found": "There is nothing at this address, or it is not yours.",
        "method_not_allowed": "This address does not support the method; see /docs.",
        "request_too_large": "The body is larger than this address accepts.",
    }.get(code, error.detail)
    return ApiError(code, sentence, headers=dict(error.headers or {}))


def _headers(status: int, error: ApiError) -> dict[str, str]:
    headers = dict(error.headers)
    if status == HTTPStatus.UNAUTHORIZED:
        headers.setdefault("WWW-Authenticate", 'Bearer realm="sharpstream"')
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers.setdefault("Retry-After", str(RETRY_AFTER_S))
    return headers
