"""Signing in: register, sign in and out, renew, and set a new password by a link."""

from __future__ import annotations

from typing import Any, Final

from litestar import Request, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from gateway import text
from gateway.accounts.access_tokens import Tokens
from gateway.accounts.email_address import normal_email, sign_in_email
from gateway.accounts.one_time_links import OneTimeLinks
from gateway.accounts.password_change import PasswordChange
from gateway.accounts.passwords import Passwords, require_acceptable
from gateway.accounts.rate_limits import Policy, RateLimits
from gateway.accounts.refresh_tokens import Session, Sessions
from gateway.accounts.registration import Registration
from gateway.accounts.repository import Accounts
from gateway.accounts.schemas import (
    LoginIn,
    LoginOut,
    PasswordResetIn,
    RefreshIn,
    RegisterIn,
    RegisterOut,
)
from gateway.accounts.sign_in_throttle import SignInThrottle
from gateway.errors import DomainError
from gateway.http.client_address import subject_of
from gateway.http.openapi_helpers import BODY_CODES, PUBLIC, problems
from gateway.settings import Settings

RENEWALS: Final = Policy(name="renewals", quota=30, per_s=600)
"""Of one sign-in; its access token is good for 15 minutes."""
RENEWALS_OF_ADDRESS: Final = Policy(name="renewals-address", quota=600, per_s=600)
"""Renewals and sign-outs from one address."""
RESETS_OF_ADDRESS: Final = Policy(name="password-reset-address", quota=20, per_s=600)
_FROM_HERE: Final = "There were too many such requests from this address"


@post(
    "/register",
    operation_id="register",
    security=PUBLIC,
    summary="Make an account",
    responses=problems(
        "malformed",
        "registration_closed",
        "invite_invalid",
        "email_taken",
        "email_invalid",
        "password_unsuitable",
        "validation_failed",
        "rate_limited",
        "busy",
        *BODY_CODES,
    ),
)
async def register(
    request: Request[Any, Any, Any],
    *,
    data: JSONBody[RegisterIn],
    settings: NamedDependency[Settings],
    registration: NamedDependency[Registration],
    limits: NamedDependency[RateLimits],
    passwords: NamedDependency[Passwords],
) -> RegisterOut:
    """Make an account with an e-mail address and a password; where the service asks for it, by invitation."""
    await registration.check(data.invite)
    email = normal_email(data.email)
    require_acceptable(data.password, email)
    policy = Policy(name="registrations", quota=settings.gateway.registrations_per_hour, per_s=3600)
    await limits.require(policy, subject_of(request.client), "This address has made many accounts")
    account = await registration.make(
        email=email,
        password_hash=await passwords.hash_new(data.password),
        first_name=text.clean(data.first_name),
        last_name=text.clean(data.last_name),
        invite=data.invite,
    )
    return RegisterOut(id=account.id, email=account.email, first_name=account.first_name)


@post(
    "/login",
    operation_id="login",
    security=PUBLIC,
    status_code=200,
    summary="Sign in",
    responses=problems(
        "malformed",
        "credentials_invalid",
        "account_inactive",
        "login_throttled",
        "busy",
        "validation_failed",
        *BODY_CODES,
    ),
)
async def login(
    request: Request[Any, Any, Any],
    *,
    data: JSONBody[LoginIn],
    accounts: NamedDependency[Accounts],
    sessions: NamedDependency[Sessions],
    sign_in_throttle: NamedDependency[SignInThrottle],
    passwords: NamedDependency[Passwords],
    tokens: NamedDependency[Tokens],
) -> LoginOut:
    """Exchange address and password for a short-lived access token and a refresh token that renews it."""
    email, address = sign_in_email(data.email), subject_of(request.client)
    account = await accounts.by_email(email)
    async with sign_in_throttle.stranger(email, account.id if account else None, address):
        fits = await passwords.verify(data.password, account.password_hash if account else None)
        if account is None or not fits:
            raise DomainError("credentials_invalid", "The e-mail address or the password is wrong.")
    if not account.is_active:
        raise DomainError("account_inactive", "The account is closed.")
    session = await sessions.begin(
        account.id, password_hash=account.password_hash, client=request.headers.get("user-agent")
    )
    await sign_in_throttle.note(account.id, address)
    return signed_in(tokens, account.role, session)


@post(
    "/refresh",
    operation_id="refresh",
    security=PUBLIC,
    status_code=200,
    summary="Renew a sign-in",
    responses=problems(
        "malformed",
        "refresh_token_invalid",
        "refresh_token_reused",
        "account_inactive",
        "validation_failed",
        "rate_limited",
        *BODY_CODES,
    ),
)
async def refresh(
    request: Request[Any, Any, Any],
    *,
    data: JSONBody[RefreshIn],
    accounts: NamedDependency[Accounts],
    sessions: NamedDependency[Sessions],
    limits: NamedDependency[RateLimits],
    tokens: NamedDependency[Tokens],
) -> LoginOut:
    """Exchange the refresh token for new tokens. It is valid once: keep the new one.

    If the answer was lost, the same request gives the same new token for 30 seconds, until that was used.
    Later reuse of a spent refresh token ends the whole sign-in, because the token may have been stolen.
    """
    await limits.require(RENEWALS_OF_ADDRESS, subject_of(request.client), _FROM_HERE)
    family = await sessions.family_of(data.refresh_token)
    if family is not None:
        await limits.require(RENEWALS, str(family), "This sign-in was renewed too often")
    session = await sessions.renew(data.refresh_token)
    role = await accounts.active_role(session.account_id)
    if role is None:
        raise DomainError("account_inactive", "The account is closed.")
    return signed_in(tokens, role, session)


@post(
    "/logout",
    operation_id="logout",
    security=PUBLIC,
    status_code=204,
    summary="Sign out",
    responses=problems("malformed", "validation_failed", "rate_limited", *BODY_CODES),
)
async def logout(
    request: Request[Any, Any, Any],
    data: JSONBody[RefreshIn],
    sessions: NamedDependency[Sessions],
    limits: NamedDependency[RateLimits],
) -> None:
    """End the sign-in that the refresh token belongs to, with its access token."""
    await limits.require(RENEWALS_OF_ADDRESS, subject_of(request.client), _FROM_HERE)
    await sessions.end(data.refresh_token)


@post(
    "/password-reset",
    operation_id="reset_password",
    security=PUBLIC,
    status_code=200,
    summary="Set a new password by a link",
    responses=problems(
        "malformed",
        "link_invalid",
        "account_inactive",
        "password_unsuitable",
        "validation_failed",
        "rate_limited",
        "busy",
        *BODY_CODES,
    ),
)
async def reset_password(
    request: Request[Any, Any, Any],
    *,
    data: JSONBody[PasswordResetIn],
    one_time_links: NamedDependency[OneTimeLinks],
    password_change: NamedDependency[PasswordChange],
    limits: NamedDependency[RateLimits],
    passwords: NamedDependency[Passwords],
    tokens: NamedDependency[Tokens],
) -> LoginOut:
    """Set the password of the link's account, end every sign-in of it, and begin a new one.

    API keys stay valid: revoke those that you do not know.
    """
    await limits.require(RESETS_OF_ADDRESS, subject_of(request.client), _FROM_HERE)
    link = one_time_links.hashes(data.token)
    of = await password_change.account_of(link)
    require_acceptable(data.password, of.email)
    hashed = await passwords.hash(data.password)
    account, session = await password_change.by_link(
        link, password_hash=hashed, client=request.headers.get("user-agent")
    )
    return signed_in(tokens, account.role, session)


def signed_in(tokens: Tokens, role: str, session: Session) -> LoginOut:
    """Return the answer that begins or continues a sign-in."""
    return LoginOut(
        access_token=tokens.issue(session.account_id, role, session.id),
        refresh_token=session.refresh_token,
        token_type="bearer",  # noqa: S106
        expires_in=tokens.seconds,
    )


HANDLERS: Final = (register, login, refresh, logout, reset_password)
"""Routes below ``/users``."""
