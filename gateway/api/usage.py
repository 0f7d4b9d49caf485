"""What the account used."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

from litestar import Router, get
from litestar.params import QueryParameter

from gateway.api.documented import BY_ANY, KEY_CODES, problems
from gateway.api.schemas.usage import UsageOut, UsageTotal
from gateway.auth import Caller
from gateway.errors import ApiError
from gateway.services import Using
from ledger.usage import usage_totals

DEFAULT_SPAN: Final = timedelta(days=30)
LONGEST_SPAN: Final = timedelta(days=366)


@get(
    "/",
    operation_id="usage",
    summary="Totals by day and kind",
    responses=problems(*KEY_CODES, "range_invalid", "validation_failed"),
)
async def usage(
    request: Caller,
    services: Using,
    from_: Annotated[
        datetime | None, QueryParameter(name="from", description="Inclusive; default: 30 days before `to`")
    ] = None,
    to: Annotated[datetime | None, QueryParameter(description="Exclusive; default: now")] = None,
) -> UsageOut:
    """Return how often what happened on each day (UTC)."""
    end = _aware(to) if to else datetime.now(UTC)
    start = _aware(from_) if from_ else end - DEFAULT_SPAN
    if not timedelta(0) < end - start <= LONGEST_SPAN:
        raise ApiError("range_invalid", "'from' must lie before 'to', and at most 366 days before it.")
    totals = await usage_totals(services.pool, request.user.account_id, start, end)
    return UsageOut(
        from_=start,
        to=end,
        totals=[UsageTotal(day=item.day, event_type=item.event_type, count=item.count) for item in totals],
    )


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


ROUTER = Router("/usage", route_handlers=[usage], security=BY_ANY, tags=["usage"])
