"""Maps errors to HTTP: RFC 9457 problems with a stable ``code``, its status and its headers.

For an unexpected error the client gets only the correlation id; the log has the rest.
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
from bus.runtime.errors import TransientError
from gateway.errors import DomainError, RateLimitedError
from gateway.http.context import trace_of
from gateway.http.problems import PROBLEMS
from gateway.http.rate_limit_headers import rate_limit_headers

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
# Every other OSError is a failure of our own, such as of a file or a disk.
_UNREACHABLE: Final = (
    *(kind for kind in PASSING if kind is not OSError),
    asyncpg.TooManyConnectionsError,
    ConnectionError,
    socket.gaierror,
)


class HttpError(DomainError):
    """An error at the HTTP level, with ``headers`` for its response."""

    def __init__(self, code: str, message: str, *, headers: dict[str, str]) -> None:
        super().__init__(code, message)
        self.headers = headers


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An error, as RFC 9457 defines it, with a stable ``code``."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    message: str
    correlation_id: str
    details: dict[str, Any] | None = None


def to_response(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    """Return ``error`` as a problem; Litestar's exception handler for every exception."""
    known = _known(error)
    if known is None:
        _log.error("unexpected_error", exc_info=error)
        known = DomainError("internal", "Something went wrong on our side. Give us the correlation id.")
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


def _known(error: Exception) -> DomainError | None:
    found: DomainError | None = None
    match error:
        case DomainError():
            found = error
        case ValidationException():
            found = _validation(error)
        case SerializationException() | UnicodeError() | RecursionError():
            found = DomainError(
                "malformed", "The body is not valid JSON in UTF-8, or it nests deeper than it may."
            )
        case asyncpg.DataError():
            found = _unstorable(error)
        case asyncpg.InterfaceError() if isinstance(error, ValueError):  # before it was sent
            found = _unstorable(error)
        case HTTPException():
            found = _http(error)
        case TransientError():
            found = _unavailable(error)
    return _unavailable(error) if found is None and isinstance(error, _UNREACHABLE) else found


def _unstorable(error: Exception) -> DomainError:
    """Return the error for a value that Postgres refused; its statement wrote nothing."""
    _log.warning("value_refused", error=type(error).__name__)
    return DomainError(
        "validation_failed",
        "A value cannot be stored: leave U+0000 out of texts, and keep numbers and times within the limits of"
        " the documentation.",
    )


def _unavailable(error: Exception) -> DomainError:
    _log.warning("dependency_unavailable", error=repr(error))
    return DomainError(
        "temporarily_unavailable", "A part that this needs cannot be reached; nothing was changed. Try again."
    )


def _validation(error: ValidationException) -> DomainError:
    fields = [
        {"field": str(item.get("key", "")), "message": str(item.get("message", ""))}
        for item in error.extra or []
        if isinstance(item, dict)
    ]
    description = "; ".join(f"{item['field']}: {item['message']}" for item in fields) or error.detail
    return DomainError("validation_failed", f"These fields are not valid: {description}.", fields=fields)


def _http(error: HTTPException) -> DomainError | None:
    code = _BY_STATUS.get(error.status_code)
    if code is None:
        return None
    sentence = {
        "not_found": "There is nothing at this address, or it is not yours.",
        "method_not_allowed": "This address does not support the method; see /docs.",
        "request_too_large": "The body is larger than this address accepts.",
    }.get(code, error.detail)
    return HttpError(code, sentence, headers=dict(error.headers or {}))


def _headers(status: int, error: DomainError) -> dict[str, str]:
    headers = dict(error.headers) if isinstance(error, HttpError) else {}
    if isinstance(error, RateLimitedError):
        headers |= rate_limit_headers(error)
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(error.retry_after_s)
    if status == HTTPStatus.UNAUTHORIZED:
        headers.setdefault("WWW-Authenticate", 'Bearer realm="sharpstream"')
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers.setdefault("Retry-After", str(RETRY_AFTER_S))
    return headers
