"""Quotas and what is used of them: one's own, and for admins those of any account."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final
from uuid import UUID

from litestar import Router, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Meta, Struct

from gateway.accounts.auth import Caller
from gateway.accounts.repository import Accounts
from gateway.errors import DomainError
from gateway.http.fields import Moment
from gateway.http.openapi_helpers import BY_ANY, BY_PERSON, KEY_CODES, SIGN_IN_CODES, problems
from gateway.scenes.quota_use import QuotaUse, Use

_ADMIN_CODES: Final = (*SIGN_IN_CODES, "sign_in_required", "role_insufficient")


class QuotaUseOut(Struct, frozen=True, kw_only=True):
    """One quota and what is used of it now.

    ``window_seconds`` is that of a rate, else null. ``resets_at``: when nothing of the rate is used any more;
    null where use ends as jobs end, scenes are deleted or streams are closed.
    """

    name: Annotated[
        str,
        Meta(
            pattern="^(generations_in_flight|exports_in_flight|stored_bytes|live_streams|requests|exports_begun)$",
            description="`live_streams` are those at this gateway",
            examples=["generations_in_flight"],
        ),
    ]
    used: int
    limit: int
    window_seconds: int | None
    resets_at: Moment | None


class QuotaUseList(Struct, frozen=True, kw_only=True):
    """All quotas of an account."""

    items: list[QuotaUseOut]


@get(
    "/usage/quotas",
    operation_id="list_quotas",
    summary="Your quotas and what is used",
    security=BY_ANY,
    tags=["usage"],
    responses=problems(*KEY_CODES),
)
async def list_quotas(request: Caller, quota_use: NamedDependency[QuotaUse]) -> QuotaUseList:
    """Return each quota of the account, and how much of it is used now."""
    return _list(await quota_use.of(request.user.account_id, request.user.role))


@get(
    "/admin/users/{user_id:uuid}/quotas",
    operation_id="list_user_quotas",
    summary="An account's quotas and what is used",
    security=BY_PERSON,
    tags=["admin"],
    responses=problems(*_ADMIN_CODES, "not_found"),
)
async def list_user_quotas(
    user_id: FromPath[UUID], accounts: NamedDependency[Accounts], quota_use: NamedDependency[QuotaUse]
) -> QuotaUseList:
    """Return each quota of an account, and how much of it is used now."""
    account = await accounts.by_id(user_id)
    if account is None:
        raise DomainError("not_found", "There is no account with this id.")
    return _list(await quota_use.of(account.id, account.role))


def _list(uses: list[Use]) -> QuotaUseList:
    now = datetime.now(UTC)
    return QuotaUseList(
        items=[
            QuotaUseOut(
                name=each.name,
                used=each.used,
                limit=each.limit,
                window_seconds=each.window_s,
                resets_at=now + timedelta(seconds=each.frees_s) if each.frees_s else None,
            )
            for each in uses
        ]
    )


ROUTER = Router("/", route_handlers=[list_quotas, list_user_quotas])
