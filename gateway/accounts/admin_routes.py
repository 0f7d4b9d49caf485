"""Accounts, for admins: list, read, suspend, change role and quotas."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Final
from uuid import UUID

import asyncpg
import structlog
from litestar import Router, get, patch
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import structs

from gateway.accounts.auth import Caller
from gateway.accounts.quotas import Override, Quotas
from gateway.accounts.repository import Account, Accounts, set_role_and_state
from gateway.accounts.schemas import OwnQuotasOut, QuotaOut, UserDetailOut, UserIn, UserOut, UserPage
from gateway.errors import DomainError
from gateway.http import paging
from gateway.http.openapi_helpers import BODY_CODES, BY_PERSON, SIGN_IN_CODES, problems
from ledger.db.admin_acts import Act, record

_log = structlog.stdlib.get_logger(__name__)
_CODES: Final = (*SIGN_IN_CODES, "sign_in_required", "role_insufficient")


@get(
    "/",
    operation_id="list_users",
    summary="List accounts",
    responses=problems(*_CODES, "cursor_invalid", "validation_failed"),
)
async def list_users(
    accounts: NamedDependency[Accounts],
    q: Annotated[
        str | None, QueryParameter(max_length=100, description="Part of an address or a name")
    ] = None,
    cursor: Annotated[str | None, QueryParameter(max_length=128)] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=100)] = 20,
) -> UserPage:
    """Return accounts, newest first; erased ones are left out."""
    before = paging.decode(cursor) if cursor else None
    search = q.replace("\0", "") if q else None
    rows = await accounts.list(search=search, before=before, limit=limit + 1)
    shown, last = rows[:limit], rows[limit - 1] if len(rows) > limit else None
    return UserPage(
        items=[UserOut(**_common(row)) for row in shown],
        next_cursor=paging.encode(last.created_at, last.id) if last else None,
    )


@get(
    "/{user_id:uuid}",
    operation_id="get_user",
    summary="Get an account",
    responses=problems(*_CODES, "not_found"),
)
async def get_user(
    user_id: FromPath[UUID], accounts: NamedDependency[Accounts], account_quotas: NamedDependency[Quotas]
) -> UserDetailOut:
    """Return one account with its quotas."""
    return await _detail(account_quotas, await accounts.by_id(user_id))


@patch(
    "/{user_id:uuid}",
    operation_id="change_user",
    summary="Suspend, change role or quotas",
    responses=problems(*_CODES, "not_found", "malformed", "last_admin", "validation_failed", *BODY_CODES),
)
async def change_user(
    request: Caller,
    user_id: FromPath[UUID],
    data: JSONBody[UserIn],
    pool: NamedDependency[asyncpg.Pool],
    account_quotas: NamedDependency[Quotas],
) -> UserDetailOut:
    """Change the given fields. A suspended account is refused at its next request, with any token."""
    given = {name: value for name, value in structs.asdict(data).items() if value is not None}
    if data.quotas is not None:
        given["quotas"] = structs.asdict(data.quotas)
    act = Act(action="change_user", actor=request.user.account_id, target=user_id, details=given)
    async with pool.acquire() as connection, connection.transaction():
        account = await set_role_and_state(connection, user_id, role=data.role, is_active=data.is_active)
        if account is None:
            raise DomainError("not_found", "There is no account with this id.")
        if data.quotas is not None:
            await account_quotas.put(connection, user_id, Override(**given["quotas"]))
        await record(connection, act)
    _log.info(
        "account_governed",
        by=str(request.user.account_id),
        of=str(user_id),
        role=data.role,
        is_active=data.is_active,
        quotas=data.quotas and structs.asdict(data.quotas),
    )
    return await _detail(account_quotas, account)


async def _detail(quotas: Quotas, account: Account | None) -> UserDetailOut:
    if account is None:
        raise DomainError("not_found", "There is no account with this id.")
    quota = await quotas.of(account.id, account.role)
    shown = QuotaOut(
        max_in_flight=quota.max_in_flight,
        requests_per_minute=quota.requests_per_minute,
        max_streams=quota.max_streams,
    )
    own = OwnQuotasOut(**asdict(await quotas.override_of(account.id)))
    return UserDetailOut(**_common(account), quotas=shown, own_quotas=own)


def _common(account: Account) -> dict[str, Any]:
    return {name: getattr(account, name) for name in UserOut.__struct_fields__}


ROUTER = Router(
    "/admin/users", route_handlers=[list_users, get_user, change_user], security=BY_PERSON, tags=["admin"]
)
