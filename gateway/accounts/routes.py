"""One's own account: read, change, export and erase it, and end its sign-ins."""

from __future__ import annotations

import secrets
from typing import Final
from uuid import UUID

import asyncpg
from litestar import MediaType, Router, delete, get, patch
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, JSONBody
from litestar.response import Stream
from msgspec import structs

from gateway import text
from gateway.accounts import data_export, sign_in_routes
from gateway.accounts.access_tokens import Tokens
from gateway.accounts.auth import Caller
from gateway.accounts.erasure import Erasing
from gateway.accounts.password_change import PasswordChange
from gateway.accounts.passwords import Passwords, require_acceptable
from gateway.accounts.proof import proven
from gateway.accounts.rate_limits import Policy, RateLimits
from gateway.accounts.refresh_tokens import Sessions
from gateway.accounts.repository import Account, Accounts
from gateway.accounts.schemas import (
    ChangedMeOut,
    DataOut,
    ErasedOut,
    EraseIn,
    MeIn,
    MeOut,
    SessionList,
    session_list,
)
from gateway.accounts.sign_in_throttle import SignInThrottle
from gateway.errors import DomainError
from gateway.http.openapi_helpers import BODY_CODES, BY_PERSON, SIGN_IN_CODES, problems

DATA_EXPORTS: Final = Policy(name="data-exports", quota=10, per_s=3600)


@get(
    "/me",
    operation_id="me",
    summary="Get your account",
    security=BY_PERSON,
    responses=problems(*SIGN_IN_CODES, "sign_in_required"),
)
async def me(request: Caller, accounts: NamedDependency[Accounts]) -> MeOut:
    """Return the signed-in person."""
    return _me(await accounts.by_id(request.user.account_id))


@patch(
    "/me",
    operation_id="change_me",
    summary="Change name or password",
    security=BY_PERSON,
    responses=problems(
        *SIGN_IN_CODES,
        "sign_in_required",
        "malformed",
        "credentials_invalid",
        "password_unsuitable",
        "login_throttled",
        "busy",
        "validation_failed",
        *BODY_CODES,
    ),
)
async def change_me(
    request: Caller,
    *,
    data: JSONBody[MeIn],
    accounts: NamedDependency[Accounts],
    password_change: NamedDependency[PasswordChange],
    sign_in_throttle: NamedDependency[SignInThrottle],
    passwords: NamedDependency[Passwords],
    tokens: NamedDependency[Tokens],
) -> ChangedMeOut:
    """Change the given fields. A new password needs the current one.

    It ends every sign-in, with their access tokens; `sign_in` of the answer is a new one for you. API keys
    stay valid: revoke those that you do not know.
    """
    account_id, new = request.user.account_id, None
    if data.password is not None:
        account = await proven(accounts, sign_in_throttle, passwords, request, data.current_password or "")
        require_acceptable(data.password, account.email)
        changed, session = await password_change.by_owner(
            account_id,
            verified=account.password_hash,
            password_hash=await passwords.hash(data.password),
            client=request.headers.get("user-agent"),
        )
        new = sign_in_routes.signed_in(tokens, changed.role, session)
    first, last = data.first_name, data.last_name
    account_now = await accounts.rename(
        account_id,
        first_name=None if first is None else text.clean(first),
        last_name=None if last is None else text.clean(last),
    )
    return ChangedMeOut(**structs.asdict(_me(account_now)), sign_in=new)


@get(
    "/me/data",
    operation_id="my_data",
    summary="Export your data",
    security=BY_PERSON,
    media_type=MediaType.JSON,
    responses=problems(*SIGN_IN_CODES, "sign_in_required")
    | {200: ResponseSpec(DataOut, description="All data of the account", generate_examples=False)},
)
async def my_data(
    request: Caller, pool: NamedDependency[asyncpg.Pool], limits: NamedDependency[RateLimits]
) -> Stream:
    """Return the account's data as JSON: the newest 10,000 rows of each kind. Ten times an hour at most."""
    account_id = request.user.account_id
    await limits.require(DATA_EXPORTS, str(account_id), "The account's data were exported often")
    return Stream(data_export.stream(pool, account_id), media_type=MediaType.JSON)


@delete(
    "/me",
    operation_id="erase_me",
    status_code=202,
    summary="Erase the account",
    security=BY_PERSON,
    responses=problems(
        *SIGN_IN_CODES,
        "sign_in_required",
        "malformed",
        "credentials_invalid",
        "login_throttled",
        "busy",
        "last_admin",
        "validation_failed",
        *BODY_CODES,
    ),
)
async def erase_me(
    request: Caller,
    *,
    data: JSONBody[EraseIn],
    accounts: NamedDependency[Accounts],
    erasing: NamedDependency[Erasing],
    sign_in_throttle: NamedDependency[SignInThrottle],
    passwords: NamedDependency[Passwords],
) -> ErasedOut:
    """Erase all personal data at once; photos and splats follow. This cannot be undone."""
    await proven(accounts, sign_in_throttle, passwords, request, data.password)
    unusable_hash = await passwords.hash(secrets.token_urlsafe(32))
    await erasing.erase(request.user.account_id, no_password=unusable_hash)
    return ErasedOut(message="The account is erased; its photos and splats are being removed.")


@get(
    "/me/sessions",
    operation_id="list_sessions",
    summary="List your sign-ins",
    security=BY_PERSON,
    responses=problems(*SIGN_IN_CODES, "sign_in_required"),
)
async def list_sessions(request: Caller, sessions: NamedDependency[Sessions]) -> SessionList:
    """Return the open sign-ins of the account, the one renewed last first."""
    return session_list(await sessions.list(request.user.account_id), request.user.session_id)


@delete(
    "/me/sessions",
    operation_id="end_sessions",
    summary="End all other sign-ins",
    security=BY_PERSON,
    responses=problems(*SIGN_IN_CODES, "sign_in_required"),
)
async def end_sessions(request: Caller, sessions: NamedDependency[Sessions]) -> None:
    """End every sign-in of the account but this one, with their access tokens."""
    await sessions.end_others(request.user.account_id, request.user.session_id)


@delete(
    "/me/sessions/{session_id:uuid}",
    operation_id="end_session",
    summary="End a sign-in",
    security=BY_PERSON,
    responses=problems(*SIGN_IN_CODES, "sign_in_required", "not_found"),
)
async def end_session(
    request: Caller, session_id: FromPath[UUID], sessions: NamedDependency[Sessions]
) -> None:
    """End one sign-in, with its access token."""
    if not await sessions.end_one(request.user.account_id, session_id):
        raise DomainError("not_found", "You have no sign-in with this id; it may have ended.")


def _me(account: Account | None) -> MeOut:
    if account is None or not account.is_active:
        raise DomainError("account_inactive", "The account is closed.")
    return MeOut(
        id=account.id,
        email=account.email,
        first_name=account.first_name,
        last_name=account.last_name,
        role=account.role,
    )


ROUTER = Router(
    "/users",
    route_handlers=[
        *sign_in_routes.HANDLERS,
        me,
        change_me,
        my_data,
        erase_me,
        list_sessions,
        end_sessions,
        end_session,
    ],
    tags=["users"],
)
