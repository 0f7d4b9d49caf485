"""Accounts: register, sign in and out, read, change and erase one's own account."""

from __future__ import annotations

import secrets
from typing import Any, Final

import asyncpg
from email_validator import EmailNotValidError, validate_email
from litestar import Request, Router, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from gateway.accounts import data_export
from gateway.accounts.access_tokens import Tokens
from gateway.accounts.auth import Caller
from gateway.accounts.erasure import Erasing
from gateway.accounts.passwords import Passwords, require_acceptable
from gateway.accounts.rate_limits import Policy, RateLimits, refused
from gateway.accounts.refresh_tokens import Session, Sessions
from gateway.accounts.repository import Account, Accounts
from gateway.accounts.schemas import (
    DataOut,
    ErasedOut,
    EraseIn,
    LoginIn,
    LoginOut,
    MeIn,
    MeOut,
    RefreshIn,
    RegisterIn,
    RegisterOut,
)
from gateway.errors import DomainError
from gateway.http.openapi_helpers import BY_PERSON, SIGN_IN_CODES, problems

BY_ACCOUNT: Final = Policy(name="login-account", quota=20, per_s=600)
BY_ADDRESS: Final = Policy(name="login-address", quota=200, per_s=600)
"""Enough for an office behind one IP address, too few to guess passwords."""


@post(
    "/register",
    operation_id="register",
    summary="Make an account",
    responses=problems(
        "malformed", "email_taken", "email_invalid", "password_unsuitable", "validation_failed"
    ),
)
async def register(
    data: JSONBody[RegisterIn], accounts: NamedDependency[Accounts], passwords: NamedDependency[Passwords]
) -> RegisterOut:
    """Make an account with an e-mail address and a password."""
    email = normal_email(data.email)
    require_acceptable(data.password, email)
    account = await accounts.create(
        email=email,
        password_hash=await passwords.hash(data.password),
        first_name=data.first_name.strip(),
        last_name=data.last_name.strip(),
    )
    if account is None:
        raise DomainError("email_taken", "There is an account with this address already; sign in instead.")
    return RegisterOut(id=account.id, email=account.email, first_name=account.first_name)


@post(
    "/login",
    operation_id="login",
    status_code=200,
    summary="Sign in",
    responses=problems(
        "malformed", "credentials_invalid", "account_inactive", "login_throttled", "busy", "validation_failed"
    ),
)
async def login(
    request: Request[Any, Any, Any],
    *,
    data: JSONBody[LoginIn],
    accounts: NamedDependency[Accounts],
    sessions: NamedDependency[Sessions],
    limits: NamedDependency[RateLimits],
    passwords: NamedDependency[Passwords],
    tokens: NamedDependency[Tokens],
) -> LoginOut:
    """Exchange address and password for a short-lived access token and a refresh token that renews it."""
    await _throttle(limits, request, data.email)
    account = await accounts.by_email(data.email.strip())
    fits = await passwords.verify(data.password, account.password_hash if account else None)
    if account is None or not fits:
        raise DomainError("credentials_invalid", "The e-mail address or the password is wrong.")
    if not account.is_active:
        raise DomainError("account_inactive", "The account is closed.")
    return _signed_in(tokens, account.role, await sessions.begin(account.id))


@post(
    "/refresh",
    operation_id="refresh",
    status_code=200,
    summary="Renew a sign-in",
    responses=problems(
        "malformed", "refresh_token_invalid", "refresh_token_reused", "account_inactive", "validation_failed"
    ),
)
async def refresh(
    data: JSONBody[RefreshIn],
    accounts: NamedDependency[Accounts],
    sessions: NamedDependency[Sessions],
    tokens: NamedDependency[Tokens],
) -> LoginOut:
    """Exchange the refresh token for new tokens. It is valid once: keep the new one.

    Reuse of a spent refresh token ends the whole sign-in, because the token may have been stolen.
    """
    session = await sessions.renew(data.refresh_token)
    role = await accounts.active_role(session.account_id)
    if role is None:
        raise DomainError("account_inactive", "The account is closed.")
    return _signed_in(tokens, role, session)


@post(
    "/logout",
    operation_id="logout",
    status_code=204,
    summary="Sign out",
    responses=problems("malformed", "validation_failed"),
)
async def logout(data: JSONBody[RefreshIn], sessions: NamedDependency[Sessions]) -> None:
    """End the sign-in that the refresh token belongs to. Its access token stays valid until it expires."""
    await sessions.end(data.refresh_token)


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
    ),
)
async def change_me(
    request: Caller,
    data: JSONBody[MeIn],
    accounts: NamedDependency[Accounts],
    limits: NamedDependency[RateLimits],
    passwords: NamedDependency[Passwords],
) -> MeOut:
    """Change the given fields. A new password needs the current one, and ends every sign-in."""
    account_id, hashed = request.user.account_id, None
    if data.password is not None:
        account = await _proven(accounts, limits, passwords, request, data.current_password or "")
        require_acceptable(data.password, account.email)
        hashed = await passwords.hash(data.password)
    first, last = data.first_name, data.last_name
    return _me(
        await accounts.change(
            account_id,
            first_name=None if first is None else first.strip(),
            last_name=None if last is None else last.strip(),
            password_hash=hashed,
        )
    )


@get(
    "/me/data",
    operation_id="my_data",
    summary="Export your data",
    security=BY_PERSON,
    responses=problems(*SIGN_IN_CODES, "sign_in_required"),
)
async def my_data(request: Caller, pool: NamedDependency[asyncpg.Pool]) -> DataOut:
    """Return the account's data as JSON: the newest 10,000 rows of each kind."""
    return await data_export.collect(pool, request.user.account_id)


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
    ),
)
async def erase_me(
    request: Caller,
    *,
    data: JSONBody[EraseIn],
    accounts: NamedDependency[Accounts],
    erasing: NamedDependency[Erasing],
    limits: NamedDependency[RateLimits],
    passwords: NamedDependency[Passwords],
) -> ErasedOut:
    """Erase all personal data at once; photos and splats follow. This cannot be undone."""
    await _proven(accounts, limits, passwords, request, data.password)
    unusable_hash = await passwords.hash(secrets.token_urlsafe(32))
    await erasing.erase(request.user.account_id, no_password=unusable_hash)
    return ErasedOut(message="The account is erased; its photos and splats are being removed.")


async def _proven(
    accounts: Accounts, limits: RateLimits, passwords: Passwords, request: Caller, password: str
) -> Account:
    """Return the account of a caller that sent its password. Raises `DomainError`."""
    account = await accounts.by_id(request.user.account_id)
    if account is None:
        raise DomainError("account_inactive", "The account is closed.")
    await _throttle(limits, request, account.email)
    if not await passwords.verify(password, account.password_hash):
        raise DomainError("credentials_invalid", "The current password is wrong or missing.")
    return account


async def _throttle(limits: RateLimits, request: Request[Any, Any, Any], email: str) -> None:
    """Count the attempt against the account and against the IP address that it comes from."""
    host = request.client.host if request.client else "unknown"
    for policy, subject in ((BY_ACCOUNT, email.strip().lower()), (BY_ADDRESS, host)):
        allowance = await limits.take(policy, subject)
        if not allowance.allowed:
            raise refused(allowance, "login_throttled", "There were too many attempts to sign in")


def _signed_in(tokens: Tokens, role: str, session: Session) -> LoginOut:
    return LoginOut(
        access_token=tokens.issue(session.account_id, role),
        refresh_token=session.refresh_token,
        token_type="bearer",  # noqa: S106
        expires_in=tokens.seconds,
    )


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


def normal_email(address: str) -> str:
    """Return the e-mail address in normal form. Raises `DomainError` email_invalid with the reason."""
    try:
        return validate_email(address.strip(), check_deliverability=False).normalized.lower()
    except EmailNotValidError as error:
        fields = [{"field": "email", "message": str(error)}]
        raise DomainError(
            "email_invalid", f"The e-mail address is not valid: {error}", fields=fields
        ) from error


ROUTER = Router(
    "/users",
    route_handlers=[register, login, refresh, logout, me, change_me, my_data, erase_me],
    tags=["users"],
)
