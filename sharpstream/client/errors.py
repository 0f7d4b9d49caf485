"""Errors between a client and the service: one class, distinguished by ``code``."""

from __future__ import annotations

import json
from typing import Any, Final

from bus.runtime.errors import SharpstreamError

UNREACHABLE: Final = "unreachable"
"""No answer at all; every other code comes from the service, or is one of the client's own below."""
TIMED_OUT: Final = "timed_out"
DOWNLOAD_FAILED: Final = "download_failed"
FILE_NOT_WRITTEN: Final = "file_not_written"
SIGNED_OUT: Final = "signed_out"


class ServiceError(SharpstreamError):
    """The service refused, failed or cannot be reached.

    ``code`` and ``message`` are the service's own where it answered with a problem; ``status`` is the HTTP
    status, ``correlation_id`` finds the request in its logs, ``retry_after_s`` the wait it asks for.
    ``never_sent``: no connection was made, so the service cannot have acted.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status: int | None = None,
        correlation_id: str | None = None,
        retry_after_s: float | None = None,
        details: dict[str, Any] | None = None,
        never_sent: bool = False,
    ) -> None:
        super().__init__(message, code=code)
        self.details = details or {}
        self.never_sent = never_sent
        self.status = status
        self.correlation_id = correlation_id
        self.retry_after_s = retry_after_s

    @property
    def passing(self) -> bool:
        """Whether the same request may succeed a little later."""
        return self.code == UNREACHABLE or self.status in {429, 502, 503, 504}


def from_answer(status: int, headers: dict[str, str], body: bytes) -> ServiceError:
    """Return the error of an HTTP answer, a problem+json or anything else (such as a proxy's page)."""
    try:
        problem = json.loads(body)
    except ValueError:
        problem = {}
    if not isinstance(problem, dict):
        problem = {}
    return ServiceError(
        str(problem.get("code") or f"http_{status}"),
        str(problem.get("message") or problem.get("detail") or f"The service answered with HTTP {status}."),
        status=status,
        correlation_id=problem.get("correlation_id") or headers.get("x-correlation-id"),
        retry_after_s=_seconds(headers.get("retry-after", "")),
        details=problem["details"] if isinstance(problem.get("details"), dict) else None,
    )


def _seconds(text: str) -> float | None:
    return float(text) if text.isdigit() else None
