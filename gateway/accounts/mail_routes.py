"""What people do by mail: ask for a link to set a forgotten password, and change their address."""

from __future__ import annotations

from typing import Any, Final

from litestar import Request, Router, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from gateway.accounts.auth import Caller
from gateway.accounts.email_address import normal_email, sign_in_email
from gateway.accounts.email_change import EmailChange
from gateway.accounts.mail_schemas import (
    EmailChangedOut,
    EmailChangeIn,
    EmailChangeOut,
    EmailConfirmIn,
    ResetAskedOut,
    ResetAskIn,
    SignInOptionsOut,
)
from gateway.accounts.mailer import Mailer
from gateway.accounts.mails import Mails
from gateway.accounts.one_time_links import OneTimeLinks
from gateway.accounts.passwords import Passwords
from gateway.accounts.proof import proven
from gateway.accounts.rate_limits import Policy, RateLimits
from gateway.accounts.repository import Accounts
from gateway.accounts.sign_in_throttle import SignInThrottle
from gateway.http.client_address import subject_of
from gateway.http.openapi_helpers import BODY_CODES, BY_PERSON, PUBLIC, SIGN_IN_CODES, problems
from gateway.settings import Settings

ASKED_BY: Final = Policy(name="reset-mails-address", quota=10, per_s=600)
"""Mails that one address asks for."""
ASKED_FOR: Final = Policy(name="reset-mails-to", quota=3, per_s=3600)
"""Mails to one e-mail address, whether or not there is an account: nobody's mailbox is filled."""
CONFIRMS: Final = Policy(name="email-confirm-address", quota=20, per_s=600)
CHANGES: Final = Policy(name="email-changes", quota=5, per_s=3600)
"""Of one account: each may write to a stranger's mailbox."""


@get(
    "/sign-in-options",
    operation_id="sign_in_options",
    security=PUBLIC,
    summary="Who may make an account, and how a password is set anew",
    responses=problems(),
)
async def sign_in_options(
    settings: NamedDependency[Settings], mails: NamedDependency[Mails]
) -> SignInOptionsOut:
    """Return what the page offers to people who are not signed in."""
    return SignInOptionsOut(registration=settings.gateway.registration, mail=mails.enabled)


@post(
    "/password-reset/mail",
    operation_id="ask_password_reset",
    security=PUBLIC,
    status_code=202,
    summary="Ask for a mail to set a forgotten password",
    responses=problems("malformed", "mail_unavailable", "validation_failed", "rate_limited", *BODY_CODES),
)
async def ask_password_reset(
    request: Request[Any, Any, Any],
    *,
    data: JSONBody[ResetAskIn],
    mails: NamedDependency[Mails],
    mailer: NamedDependency[Mailer],
    limits: NamedDependency[RateLimits],
) -> ResetAskedOut:
    """Send a link that works once, for an hour, if there is an account with this address.

    The answer is the same, and takes the same work, whether or not there is one.
    """
    mails.require_enabled()
    email = sign_in_email(data.email)
    await limits.require(ASKED_BY, subject_of(request.client), "This address has asked for many mails")
    await limits.require(ASKED_FOR, email, "A mail was asked for three times in an hour")
    await mails.ask_reset(email)
    mailer.wake()
    return ResetAskedOut(
        message="If there is an account with this address, a mail with a link is on its way."
        " It works for an hour."
    )


@post(
    "/me/email",
    operation_id="change_email",
    security=BY_PERSON,
    status_code=200,
    summary="Change the e-mail address",
    responses=problems(
        *SIGN_IN_CODES,
        "sign_in_required",
        "malformed",
        "credentials_invalid",
        "login_throttled",
        "email_taken",
        "email_invalid",
        "busy",
        "validation_failed",
        *BODY_CODES,
    ),
)
async def change_email(
    request: Caller,
    *,
    data: JSONBody[EmailChangeIn],
    accounts: NamedDependency[Accounts],
    sign_in_throttle: NamedDependency[SignInThrottle],
    passwords: NamedDependency[Passwords],
    email_change: NamedDependency[EmailChange],
    mailer: NamedDependency[Mailer],
    limits: NamedDependency[RateLimits],
) -> EmailChangeOut:
    """Change the address that signs in; where the service sends mail, by a link sent to the new one."""
    email = normal_email(data.email)
    await proven(accounts, sign_in_throttle, passwords, request, data.current_password)
    await limits.require(CHANGES, str(request.user.account_id), "The address was changed often")
    waits = await email_change.ask(request.user.account_id, email)
    mailer.wake()
    return EmailChangeOut(email=email, confirm_by_mail=waits)


@post(
    "/email",
    operation_id="confirm_email",
    security=PUBLIC,
    status_code=200,
    summary="Confirm a new e-mail address",
    responses=problems(
        "malformed",
        "link_invalid",
        "email_taken",
        "account_inactive",
        "validation_failed",
        "rate_limited",
        *BODY_CODES,
    ),
)
async def confirm_email(
    request: Request[Any, Any, Any],
    *,
    data: JSONBody[EmailConfirmIn],
    one_time_links: NamedDependency[OneTimeLinks],
    email_change: NamedDependency[EmailChange],
    mailer: NamedDependency[Mailer],
    limits: NamedDependency[RateLimits],
) -> EmailChangedOut:
    """Use the link that was sent to the new address; the former address gets a mail that says so."""
    await limits.require(CONFIRMS, subject_of(request.client), "There were too many such requests from here")
    email = await email_change.confirm(one_time_links.hashes(data.token))
    mailer.wake()
    return EmailChangedOut(email=email)


ROUTER = Router(
    "/users",
    route_handlers=[sign_in_options, ask_password_reset, change_email, confirm_email],
    tags=["users"],
)
