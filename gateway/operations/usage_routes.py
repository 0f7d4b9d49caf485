"""Usage of the account: totals, and the rows behind them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal
from uuid import UUID

import asyncpg
from litestar import Router, get
from litestar.di import NamedDependency
from litestar.params import FromQuery, QueryParameter

from gateway.accounts.auth import Caller
from gateway.errors import DomainError
from gateway.http import paging
from gateway.http.openapi_helpers import BY_ANY, KEY_CODES, problems
from gateway.http.query_times import FORMAT, LONGEST, instant
from gateway.operations.usage_schemas import UsageEvent, UsageEventsOut, UsageOut, UsageTotal
from ledger import usage_report

DEFAULT_SPAN: Final = timedelta(days=30)
LONGEST_SPAN: Final = timedelta(days=366)
From = Annotated[
    str | None,
    QueryParameter(
        name="from", description="Inclusive; default: 30 days before `to`", format=FORMAT, max_length=LONGEST
    ),
]
To = Annotated[
    str | None,
    QueryParameter(description="Exclusive; default: now", format=FORMAT, max_length=LONGEST),
]
OfKey = Annotated[UUID | None, QueryParameter(description="Only what this API key did")]


@get(
    "/",
    operation_id="usage",
    summary="Totals by day and kind",
    responses=problems(*KEY_CODES, "range_invalid", "validation_failed"),
)
async def usage(
    request: Caller,
    pool: NamedDependency[asyncpg.Pool],
    *,
    from_: From = None,
    to: To = None,
    api_key_id: OfKey = None,
    group_by: FromQuery[Literal["key"] | None] = None,
) -> UsageOut:
    """Return how often each kind of event happened on each day (UTC)."""
    start, end = between(from_, to)
    of = usage_report.Of(since=start, until=end, account_id=request.user.account_id, api_key_id=api_key_id)
    totals = few(await usage_report.totals(pool, of, group_by))
    return UsageOut(
        from_=start,
        to=end,
        totals=[
            UsageTotal(day=item.day, event_type=item.event_type, count=item.count, api_key_id=item.api_key_id)
            for item in totals
        ],
    )


@get(
    "/events",
    operation_id="usage_events",
    summary="The rows behind the totals",
    responses=problems(*KEY_CODES, "cursor_invalid", "range_invalid", "validation_failed"),
)
async def usage_events(
    request: Caller,
    pool: NamedDependency[asyncpg.Pool],
    *,
    from_: From = None,
    to: To = None,
    api_key_id: OfKey = None,
    cursor: Annotated[str | None, QueryParameter(max_length=128)] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=1000)] = 100,
) -> UsageEventsOut:
    """Return one row for each counted event, newest first; repeat the filters along with a cursor."""
    start, end = between(from_, to)
    of = usage_report.Of(since=start, until=end, account_id=request.user.account_id, api_key_id=api_key_id)
    before = paging.decode(cursor) if cursor else None
    # One more than requested shows whether there is a next page.
    rows = await usage_report.rows(pool, of, limit=limit + 1, before=before)
    last = rows[limit - 1] if len(rows) > limit else None
    return UsageEventsOut(
        items=[
            UsageEvent(
                id=row.id,
                event_id=row.event_id,
                event_type=row.event_type,
                api_key_id=row.api_key_id,
                created_at=row.created_at,
                details=row.details,
            )
            for row in rows[:limit]
        ],
        next_cursor=paging.encode(last.created_at, last.id) if last else None,
    )


def between(from_: str | None, to: str | None) -> tuple[datetime, datetime]:
    """Return the requested range. Raises `DomainError` range_invalid or validation_failed."""
    end = instant(to, "to") or datetime.now(UTC)
    try:
        start = instant(from_, "from") or end - DEFAULT_SPAN
        good = timedelta(0) < end - start <= LONGEST_SPAN
    except OverflowError:  # the year 1 has no days before it
        good = False
    if not good:
        raise DomainError("range_invalid", "'from' must lie before 'to', and at most 366 days before it.")
    return start, end


def few(totals: list[usage_report.UsageTotal] | None) -> list[usage_report.UsageTotal]:
    """Return the totals. Raises `DomainError` range_invalid where there are too many for one answer."""
    if totals is None:
        raise DomainError(
            "range_invalid",
            f"That is more than {usage_report.MAX_TOTALS} totals; ask for fewer days at once.",
        )
    return totals


ROUTER = Router("/usage", route_handlers=[usage, usage_events], security=BY_ANY, tags=["usage"])
