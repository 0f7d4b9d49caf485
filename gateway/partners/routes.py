"""Partner routes for admins: create, list, get, rotate, suspend, resume, delete."""

from __future__ import annotations

from typing import Annotated, Any, Final
from uuid import UUID

import asyncpg
import structlog
from litestar import Router, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from bus.contract import asyncapi_partners
from bus.contract.partners import Names
from gateway.accounts.auth import Caller
from gateway.accounts.email_address import normal_email
from gateway.accounts.passwords import Passwords, require_acceptable
from gateway.accounts.repository import Accounts
from gateway.accounts.schemas import RegisterIn
from gateway.errors import DomainError
from gateway.http import paging
from gateway.http.openapi_helpers import BODY_CODES, BY_PERSON, PUBLIC, SIGN_IN_CODES, problems
from gateway.partners import suspension
from gateway.partners.lifecycle import Lifecycle, Opened
from gateway.partners.repository import PartnerRow, PartnerStore
from gateway.partners.schemas import (
    PartnerIn,
    PartnerKafka,
    PartnerOpened,
    PartnerOut,
    PartnerPage,
    PartnerTopics,
    Suspension,
)
from gateway.settings import Settings
from ledger.db.admin_acts import Act, record

_log = structlog.stdlib.get_logger(__name__)
_CODES: Final = (*SIGN_IN_CODES, "sign_in_required", "role_insufficient")
DOCUMENT_PATH: Final = "/asyncapi/partners"


@post(
    "/",
    operation_id="create_partner",
    summary="Let a partner in over Kafka",
    responses=problems(
        *_CODES,
        "not_found",
        "malformed",
        "slug_taken",
        "partner_exists",
        "email_taken",
        "email_invalid",
        "password_unsuitable",
        "validation_failed",
        *BODY_CODES,
    ),
)
async def create_partner(
    request: Caller,
    *,
    data: JSONBody[PartnerIn],
    settings: NamedDependency[Settings],
    pool: NamedDependency[asyncpg.Pool],
    accounts: NamedDependency[Accounts],
    partners: NamedDependency[PartnerStore],
    lifecycle: NamedDependency[Lifecycle],
    passwords: NamedDependency[Passwords],
) -> PartnerOpened:
    """Create a user, two topics, rights and quotas in Kafka. The password is shown only in this response.

    If Kafka is unavailable the response is 503 and the partner stays `creating`: repeat the same request for
    the credentials, or rotate them later.
    """
    account_id = data.account_id or UUID(int=0)
    if (data.account_id is None) == (data.account is None):
        raise DomainError("validation_failed", "Give either account_id or account.")
    if data.account is not None:
        await partners.require_free(data.slug)  # first, so that no account without a partner is made
        account_id = await _register(pool, accounts, passwords, data.account, by=request.user.account_id)
    opened = await lifecycle.create(account_id, data.slug, by=request.user.account_id)
    _log.info("partner_created", partner_id=str(opened.partner.id), by=str(request.user.account_id))
    return _opened(settings, opened)


@get(
    "/",
    operation_id="list_partners",
    summary="List partners",
    responses=problems(*_CODES, "cursor_invalid", "validation_failed"),
)
async def list_partners(
    partners: NamedDependency[PartnerStore],
    cursor: Annotated[str | None, QueryParameter(max_length=128)] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=100)] = 20,
) -> PartnerPage:
    """Return partners, newest first, including deleted ones."""
    before = paging.decode(cursor) if cursor else None
    rows = await partners.list(before=before, limit=limit + 1)
    shown, last = rows[:limit], rows[limit - 1] if len(rows) > limit else None
    return PartnerPage(
        items=[_out(row) for row in shown],
        next_cursor=paging.encode(last.created_at, last.id) if last else None,
    )


@get(
    "/{partner_id:uuid}",
    operation_id="get_partner",
    summary="Look at a partner",
    responses=problems(*_CODES, "not_found"),
)
async def get_partner(partner_id: FromPath[UUID], partners: NamedDependency[PartnerStore]) -> PartnerOut:
    """Return one partner, without credentials."""
    return _out(await partners.get(partner_id))


@post(
    "/{partner_id:uuid}/rotate",
    operation_id="rotate_partner",
    status_code=200,
    summary="Give a partner a new password",
    responses=problems(*_CODES, "not_found", "partner_state"),
)
async def rotate_partner(
    request: Caller,
    partner_id: FromPath[UUID],
    settings: NamedDependency[Settings],
    lifecycle: NamedDependency[Lifecycle],
) -> PartnerOpened:
    """Change the password. The old one is no longer accepted; its connections end within 10 minutes."""
    opened = await lifecycle.rotate(partner_id, by=request.user.account_id)
    _log.info("partner_rotated", partner_id=str(partner_id), by=str(request.user.account_id))
    return _opened(settings, opened)


@post(
    "/{partner_id:uuid}/suspend",
    operation_id="suspend_partner",
    status_code=200,
    summary="Suspend a partner",
    responses=problems(*_CODES, "not_found", "partner_state"),
)
async def suspend_partner(
    request: Caller, partner_id: FromPath[UUID], lifecycle: NamedDependency[Lifecycle]
) -> PartnerOut:
    """Revoke all its rights at once. Its topics and events continue; pending commands are rejected."""
    row = await lifecycle.suspend(partner_id, by=request.user.account_id)
    _log.info("partner_suspended", partner_id=str(partner_id), by=str(request.user.account_id))
    return _out(row)


@post(
    "/{partner_id:uuid}/resume",
    operation_id="resume_partner",
    status_code=200,
    summary="Let a suspended partner in again",
    responses=problems(*_CODES, "not_found", "partner_state"),
)
async def resume_partner(
    request: Caller, partner_id: FromPath[UUID], lifecycle: NamedDependency[Lifecycle]
) -> PartnerOut:
    """Restore the rights; the password is unchanged."""
    row = await lifecycle.resume(partner_id, by=request.user.account_id)
    _log.info("partner_resumed", partner_id=str(partner_id), by=str(request.user.account_id))
    return _out(row)


@delete(
    "/{partner_id:uuid}",
    operation_id="delete_partner",
    status_code=204,
    summary="Remove a partner",
    responses=problems(*_CODES, "not_found", "partner_state"),
)
async def delete_partner(
    request: Caller, partner_id: FromPath[UUID], lifecycle: NamedDependency[Lifecycle]
) -> None:
    """Remove user, rights and groups now and the topics an hour later. The account and its scenes stay."""
    await lifecycle.delete(partner_id, by=request.user.account_id)
    _log.info("partner_deleted", partner_id=str(partner_id), by=str(request.user.account_id))


@get(
    DOCUMENT_PATH,
    operation_id="partners_document",
    summary="Read the contract of the partners' topics",
    responses=problems(),
    security=PUBLIC,
    tags=["partners"],
)
async def partners_document() -> dict[str, Any]:
    """Return the AsyncAPI 3 document of the two topics that every partner has."""
    return asyncapi_partners.document()


async def _register(
    pool: asyncpg.Pool, accounts: Accounts, passwords: Passwords, wanted: RegisterIn, *, by: UUID
) -> UUID:
    email = normal_email(wanted.email)
    require_acceptable(wanted.password, email)
    hashed = await passwords.hash(wanted.password)
    async with pool.acquire() as connection, connection.transaction():
        account = await accounts.create(
            email=email,
            password_hash=hashed,
            first_name=wanted.first_name.strip(),
            last_name=wanted.last_name.strip(),
            role="enterprise",
            connection=connection,
        )
        if account is not None:
            details = {"made": "account"}
            await record(
                connection, Act(action="create_partner", actor=by, target=account.id, details=details)
            )
    if account is None:
        raise DomainError(
            "email_taken", "There is an account with this address already; give its account_id."
        )
    return account.id


def _opened(settings: Settings, opened: Opened) -> PartnerOpened:
    row, names, own = opened.partner, Names(opened.partner.slug), settings.partners
    kafka = settings.kafka
    return PartnerOpened(
        id=row.id,
        account_id=row.account_id,
        slug=row.slug,
        state=row.state,
        kafka=PartnerKafka(
            bootstrap_servers=own.bootstrap_servers or kafka.bootstrap_servers,
            security_protocol=own.security_protocol or kafka.security_protocol,
            sasl_mechanism="SCRAM-SHA-512",
            username=names.user,
            password=opened.password,
        ),
        topics=_topics(names),
        group_prefix=names.prefix,
        asyncapi_url=f"{settings.gateway.public_url.rstrip('/')}/api/v1{DOCUMENT_PATH}",
    )


def _topics(names: Names) -> PartnerTopics:
    return PartnerTopics(commands=names.commands.name, events=names.events.name)


def _out(row: PartnerRow) -> PartnerOut:
    names = Names(row.slug)
    return PartnerOut(
        id=row.id,
        account_id=row.account_id,
        slug=row.slug,
        state=row.state,
        settled=row.settled,
        username=names.user,
        topics=_topics(names),
        group_prefix=names.prefix,
        created_at=row.created_at,
        updated_at=row.updated_at,
        deleted_at=row.deleted_at,
        suspension=_suspension(row),
        unreadable_records=row.unreadable_records,
    )


def _suspension(row: PartnerRow) -> Suspension | None:
    if row.state != "suspended":
        return None
    reason = row.suspended_because or suspension.ADMIN  # of before the column
    return Suspension(reason=reason, message=suspension.MESSAGES[reason])


ROUTER = Router(
    "/partners",
    route_handlers=[
        create_partner,
        list_partners,
        get_partner,
        delete_partner,
        rotate_partner,
        suspend_partner,
        resume_partner,
    ],
    security=BY_PERSON,
    tags=["partners"],
)
DOCUMENT = partners_document
"""Public, because it contains no customer data."""
