"""What administrators and operators did, for admins to read; nobody can change it."""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

import asyncpg
import msgspec
from litestar import Router, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from gateway.http import paging
from gateway.http.openapi_helpers import BY_PERSON, SIGN_IN_CODES, problems
from gateway.operations.audit_schemas import AdminActOut, AdminActPage
from ledger.db import admin_acts
from ledger.db.admin_acts import ActRow

_CODES: Final = (*SIGN_IN_CODES, "sign_in_required", "role_insufficient")


@get(
    "/",
    operation_id="list_admin_acts",
    summary="List administrators' acts",
    responses=problems(*_CODES, "cursor_invalid", "validation_failed"),
)
async def list_admin_acts(
    pool: NamedDependency[asyncpg.Pool],
    actor: Annotated[UUID | None, QueryParameter(description="Of this admin's account")] = None,
    target: Annotated[
        UUID | None, QueryParameter(description="Done to this account, partner or other")
    ] = None,
    cursor: Annotated[str | None, QueryParameter(max_length=128)] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=100)] = 20,
) -> AdminActPage:
    """Return what admins and operators did, newest first. An act of a command line has no `actor`."""
    before = paging.decode(cursor) if cursor else None
    rows = await admin_acts.page(pool, before=before, limit=limit + 1, actor=actor, target=target)
    shown, last = rows[:limit], rows[limit - 1] if len(rows) > limit else None
    return AdminActPage(
        items=[_out(row) for row in shown],
        next_cursor=paging.encode(last.at, last.id) if last else None,
    )


def _out(row: ActRow) -> AdminActOut:
    return AdminActOut(
        id=row.id,
        at=row.at,
        actor=row.actor,
        action=row.action,
        target=row.target,
        details=msgspec.json.decode(row.details),
    )


ROUTER = Router("/admin/audit", route_handlers=[list_admin_acts], security=BY_PERSON, tags=["admin"])
