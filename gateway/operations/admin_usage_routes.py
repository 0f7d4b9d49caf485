"""Usage of all accounts and the invariants, for admins."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

import asyncpg
from litestar import Router, get
from litestar.di import NamedDependency
from litestar.params import FromQuery, QueryParameter

from gateway.accounts.auth import Caller
from gateway.http.openapi_helpers import BY_PERSON, SIGN_IN_CODES, problems
from gateway.operations.invariants_cache import InvariantsCache
from gateway.operations.usage_routes import From, OfKey, To, between, few
from gateway.operations.usage_schemas import AdminUsageOut, AdminUsageTotal, InvariantOut, InvariantsOut
from ledger import invariants, usage_report
from ledger.invariant_runbook import REMEDIES

ADMIN_CODES = (*SIGN_IN_CODES, "sign_in_required", "role_insufficient")


@get(
    "/admin/usage",
    operation_id="admin_usage",
    summary="Totals of an account or of all",
    responses=problems(*ADMIN_CODES, "range_invalid", "validation_failed"),
)
async def admin_usage(
    request: Caller,
    pool: NamedDependency[asyncpg.Pool],
    *,
    account_id: Annotated[UUID | None, QueryParameter(description="Default: all accounts together")] = None,
    api_key_id: OfKey = None,
    group_by: FromQuery[Literal["account", "key"] | None] = None,
    from_: From = None,
    to: To = None,
) -> AdminUsageOut:
    """Return how often each kind of event happened on each day (UTC)."""
    start, end = between(from_, to)
    of = usage_report.Of(since=start, until=end, account_id=account_id, api_key_id=api_key_id)
    totals = few(await usage_report.totals(pool, of, group_by))
    return AdminUsageOut(
        from_=start,
        to=end,
        totals=[
            AdminUsageTotal(
                day=item.day,
                event_type=item.event_type,
                count=item.count,
                account_id=item.account_id,
                api_key_id=item.api_key_id,
            )
            for item in totals
        ],
    )


@get(
    "/health/invariants",
    operation_id="invariants",
    summary="Check the invariants",
    responses=problems(*ADMIN_CODES),
)
async def read_invariants(invariants_cache: NamedDependency[InvariantsCache]) -> InvariantsOut:
    """Return the rules that must always hold, and the exceptions to them.

    Checked at most once a minute in this process, because the rules read the whole log.
    """
    found = await invariants_cache.read()
    broken = {item.rule: item for item in found.broken}
    return InvariantsOut(
        holds=not broken,
        checked_at=found.checked_at,
        rules=[
            InvariantOut(
                rule=rule,
                holds=rule not in broken,
                count=broken[rule].count if rule in broken else 0,
                ids=broken[rule].ids if rule in broken else [],
                remedy=REMEDIES[rule] if rule in broken else None,
            )
            for rule in invariants.RULES
        ],
    )


ROUTER = Router("/", route_handlers=[admin_usage, read_invariants], security=BY_PERSON, tags=["operations"])
