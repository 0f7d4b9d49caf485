"""Links that work once, for admins: invitations to register, and links to set a forgotten password."""

from __future__ import annotations

from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog
from litestar import Router, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from gateway.accounts.auth import Caller
from gateway.accounts.email_address import normal_email
from gateway.accounts.mailer import Mailer
from gateway.accounts.mails import Mails
from gateway.accounts.one_time_links import LinkRow, OneTimeLinks
from gateway.accounts.schemas import InviteIn, InviteList, InviteOut, LinkCreatedOut, LinkIn
from gateway.errors import DomainError
from gateway.http.openapi_helpers import BODY_CODES, BY_PERSON, SIGN_IN_CODES, problems
from gateway.settings import Settings

_log = structlog.stdlib.get_logger(__name__)
_CODES: Final = (*SIGN_IN_CODES, "sign_in_required", "role_insufficient")


@post(
    "/users/{user_id:uuid}/password-reset",
    operation_id="create_password_reset",
    summary="Make a link to set a new password",
    responses=problems(*_CODES, "not_found", "malformed", "validation_failed", *BODY_CODES),
)
async def create_password_reset(
    request: Caller,
    *,
    user_id: FromPath[UUID],
    data: JSONBody[LinkIn],
    settings: NamedDependency[Settings],
    one_time_links: NamedDependency[OneTimeLinks],
) -> LinkCreatedOut:
    """Make a link by which its holder sets the account's password, once. Give it to nobody but the owner.

    It replaces an earlier link for the account. The current password stays valid until the link is used.
    """
    made = await one_time_links.password_reset(
        request.user.account_id, user_id, lasting=timedelta(hours=data.expires_in_hours)
    )
    if made is None:
        raise DomainError("not_found", "There is no open account with this id.")
    _log.info("password_reset_made", by=str(request.user.account_id), of=str(user_id))
    return _created(*made, settings, "reset-password")


@post(
    "/invites",
    operation_id="create_invite",
    summary="Make an invitation to register",
    responses=problems(
        *_CODES,
        "invites_exhausted",
        "mail_unavailable",
        "email_invalid",
        "malformed",
        "validation_failed",
        *BODY_CODES,
    ),
)
async def create_invite(
    request: Caller,
    *,
    data: JSONBody[InviteIn],
    settings: NamedDependency[Settings],
    one_time_links: NamedDependency[OneTimeLinks],
    mailer: NamedDependency[Mailer],
    mails: NamedDependency[Mails],
) -> LinkCreatedOut:
    """Make an invitation to one account; with `email` it is sent there, too, and the address forgotten."""
    address = None if data.email is None else normal_email(data.email)
    if address is not None:
        mails.require_enabled()
    made = await one_time_links.invite(
        request.user.account_id, lasting=timedelta(hours=data.expires_in_hours), address=address
    )
    mailer.wake()
    return _created(*made, settings, "register")


@get(
    "/invites",
    operation_id="list_invites",
    summary="List invitations",
    responses=problems(*_CODES),
)
async def list_invites(one_time_links: NamedDependency[OneTimeLinks]) -> InviteList:
    """Return the open invitations, newest first, without their tokens."""
    rows = await one_time_links.invites()
    return InviteList(
        items=[
            InviteOut(id=row.id, created_at=row.created_at, expires_at=row.expires_at, mail=row.mail)
            for row in rows
        ]
    )


@delete(
    "/invites/{invite_id:uuid}",
    operation_id="revoke_invite",
    summary="Revoke an invitation",
    responses=problems(*_CODES, "not_found"),
)
async def revoke_invite(
    request: Caller, invite_id: FromPath[UUID], one_time_links: NamedDependency[OneTimeLinks]
) -> None:
    """Revoke an invitation that was not used."""
    if not await one_time_links.revoke_invite(request.user.account_id, invite_id):
        raise DomainError("not_found", "There is no open invitation with this id.")


def _created(row: LinkRow, token: str, settings: Settings, page: str) -> LinkCreatedOut:
    """Return the answer; browsers send what stands behind the # to no server."""
    url = f"{settings.gateway.public_url.rstrip('/')}/{page}#{token}"
    return LinkCreatedOut(id=row.id, token=token, url=url, expires_at=row.expires_at)


ROUTER = Router(
    "/admin",
    route_handlers=[create_password_reset, create_invite, list_invites, revoke_invite],
    security=BY_PERSON,
    tags=["admin"],
)
