"""Times in a query string: RFC 3339 only, as the OpenAPI document says, and no bare numbers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from litestar.openapi.spec.enums import OpenAPIFormat

from gateway.errors import DomainError

FORMAT: Final = OpenAPIFormat.DATE_TIME
LONGEST: Final = 64


def instant(text: str | None, field: str) -> datetime | None:
    """Return the time, UTC without an offset. Raises `DomainError` validation_failed or range_invalid."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text[:16] + text[16:].replace(" ", "+"))  # an unencoded plus
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise DomainError("range_invalid", "Times must lie between the years 1 and 9999, in UTC.") from error
    except ValueError as error:
        fields = [{"field": field, "message": "Expected a time such as 2026-01-31T12:00:00Z."}]
        raise DomainError(
            "validation_failed", f"'{field}' is no time such as 2026-01-31T12:00:00Z.", fields=fields
        ) from error
