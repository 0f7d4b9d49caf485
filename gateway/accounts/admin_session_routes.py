"""Sign-ins of any account, for admins: list them, and end them all."""

from __future__ import annotations

from typing import Final
from uuid import UUID

import asyncpg
import structlog
from litestar import Router, delete, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from gateway.accounts.auth import Caller
from gateway.accounts.refresh_tokens import Sessions
from gateway.accounts.schemas import SessionList, session_list
from gateway.errors import DomainError
from gateway.http.openapi_helpers import BY_PERSON, SIGN_IN_CODES, problems
from ledger.db.admin_acts import Act, record

_log = structlog.stdlib.get_logger(__name__)
_CODES: Final = (*SIGN_IN_CODES, "sign_in_required", "role_insufficient")


@get(
    "/",
    operation_id="list_user_sessions",
    summary="List an account's sign-ins",
    responses=problems(*_CODES, "not_found"),
)
async def list_user_sessions(
    request: Caller, user_id: FromPath[UUID], sessions: NamedDependency[Sessions]
) -> SessionList:
    """Return the open sign-ins of an account, the one renewed last first; none for an unknown account."""
    return session_list(await sessions.list(user_id), request.user.session_id)


@delete(
    "/",
    operation_id="end_user_sessions",
    summary="End all sign-ins of an account",
    responses=problems(*_CODES, "not_found"),
)
async def end_user_sessions(
    request: Caller,
    user_id: FromPath[UUID],
    pool: NamedDependency[asyncpg.Pool],
    sessions: NamedDependency[Sessions],
) -> None:
    """End every sign-in of an account, with their access tokens. Its password and its API keys stay valid."""
    admin = request.user.account_id
    async with pool.acquire() as connection, connection.transaction():
        count = await sessions.end_all(connection, user_id)
        if count is None:
            raise DomainError("not_found", "There is no account with this id.")
        details = {"sign_ins": count}
        await record(
            connection, Act(action="end_user_sessions", actor=admin, target=user_id, details=details)
        )
    _log.info("sign_ins_ended", by=str(admin), of=str(user_id), count=count)


ROUTER = Router(
    "/admin/users/{user_id:uuid}/sessions",
    route_handlers=[list_user_sessions, end_user_sessions],
    security=BY_PERSON,
    tags=["admin"],
)
