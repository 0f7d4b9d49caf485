"""The routes of retention: one's own policy and record, and for admins the policy of an account."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Final
from uuid import UUID

import structlog
from litestar import Router, delete, get, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import structs

from bus.contract.retention import Policy
from gateway.accounts.auth import Caller
from gateway.accounts.repository import Accounts
from gateway.errors import DomainError
from gateway.http import paging
from gateway.http.openapi_helpers import BODY_CODES, BY_PERSON, SIGN_IN_CODES, problems
from gateway.retention.repository import Policies
from gateway.retention.schemas import ErasureOut, ErasurePage, RetentionIn, RetentionOut, RetentionPolicyOut

_log = structlog.stdlib.get_logger(__name__)
_OWN: Final = (*SIGN_IN_CODES, "sign_in_required")
_ADMIN: Final = (*_OWN, "role_insufficient", "not_found")


@get(
    "/retention",
    operation_id="get_retention",
    summary="Get how long your data are kept",
    responses=problems(*_OWN),
)
async def get_retention(request: Caller, policies: NamedDependency[Policies]) -> RetentionOut:
    """Return the policy that holds for your account."""
    return await _shown(policies, request.user.account_id)


@put(
    "/retention",
    operation_id="set_retention",
    summary="Set how long your data are kept",
    responses=problems(*_OWN, "malformed", "validation_failed", *BODY_CODES),
)
async def set_retention(
    request: Caller, *, data: JSONBody[RetentionIn], policies: NamedDependency[Policies]
) -> RetentionOut:
    """Replace your policy: what is older is erased within minutes, and cannot be brought back.

    Whole scenes that are deleted end with the event `generation.deleted.v1`. Of parts there is no event:
    the scene stays, and `erased` of it says what is gone. A result stays while an export of it is in flight.
    """
    account_id = request.user.account_id
    await policies.put(account_id, _policy(data))
    return await _shown(policies, account_id)


@delete(
    "/retention",
    operation_id="reset_retention",
    summary="Keep your data as long as the service does",
    status_code=200,
    responses=problems(*_OWN),
)
async def reset_retention(request: Caller, policies: NamedDependency[Policies]) -> RetentionOut:
    """Remove your policy: the installation's holds again, also when it changes."""
    await policies.reset(request.user.account_id)
    return await _shown(policies, request.user.account_id)


@get(
    "/erasures",
    operation_id="list_erasures",
    summary="List what retention erased",
    responses=problems(*_OWN, "cursor_invalid", "validation_failed"),
)
async def list_erasures(
    request: Caller,
    policies: NamedDependency[Policies],
    *,
    cursor: Annotated[str | None, QueryParameter(max_length=128)] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=100)] = 50,
) -> ErasurePage:
    """Return how much of each kind was erased on each day; what you deleted yourself is not in it."""
    before = paging.decode(cursor) if cursor else None
    rows = await policies.erased(request.user.account_id, before=before, limit=limit + 1)
    shown, last = rows[:limit], rows[limit - 1] if len(rows) > limit else None
    return ErasurePage(
        items=[
            ErasureOut(
                id=row.id,
                kind=row.kind,  # type: ignore[arg-type]
                day=row.day,
                count=row.erased,
                first_at=row.first_at,
                last_at=row.last_at,
            )
            for row in shown
        ],
        next_cursor=paging.encode(last.first_at, last.id) if last else None,
    )


@get(
    "/{user_id:uuid}/retention",
    operation_id="get_account_retention",
    summary="Get how long an account's data are kept",
    responses=problems(*_ADMIN),
)
async def get_account_retention(
    user_id: FromPath[UUID], accounts: NamedDependency[Accounts], policies: NamedDependency[Policies]
) -> RetentionOut:
    """Return the policy that holds for the account."""
    if await accounts.by_id(user_id) is None:
        raise DomainError("not_found", "There is no account with this id.")
    return await _shown(policies, user_id)


@put(
    "/{user_id:uuid}/retention",
    operation_id="set_account_retention",
    summary="Set how long an account's data are kept",
    responses=problems(*_ADMIN, "malformed", "validation_failed", *BODY_CODES),
)
async def set_account_retention(
    request: Caller,
    user_id: FromPath[UUID],
    data: JSONBody[RetentionIn],
    policies: NamedDependency[Policies],
) -> RetentionOut:
    """Replace the account's policy; its owner may change it afterwards. See `PUT /users/me/retention`."""
    await policies.put(user_id, _policy(data), by=request.user.account_id)
    _log.info("retention_set", by=str(request.user.account_id), of=str(user_id), **structs.asdict(data))
    return await _shown(policies, user_id)


@delete(
    "/{user_id:uuid}/retention",
    operation_id="reset_account_retention",
    summary="Keep an account's data as long as the service does",
    status_code=200,
    responses=problems(*_ADMIN),
)
async def reset_account_retention(
    request: Caller, user_id: FromPath[UUID], policies: NamedDependency[Policies]
) -> RetentionOut:
    """Remove the account's policy: the installation's holds again."""
    await policies.reset(user_id, by=request.user.account_id)
    _log.info("retention_reset", by=str(request.user.account_id), of=str(user_id))
    return await _shown(policies, user_id)


def _policy(data: RetentionIn) -> Policy:
    return Policy(**{name.removesuffix("_hours"): hours for name, hours in structs.asdict(data).items()})


def _hours(policy: Policy) -> RetentionPolicyOut:
    return RetentionPolicyOut(**{f"{kind}_hours": hours for kind, hours in asdict(policy).items()})


async def _shown(policies: Policies, account_id: UUID) -> RetentionOut:
    stated = await policies.of(account_id)
    return RetentionOut(
        policy=_hours(stated.policy),
        is_default=stated.updated_at is None,
        updated_at=stated.updated_at,
        default=_hours(policies.default),
    )


ROUTER = Router(
    "/users/me",
    route_handlers=[get_retention, set_retention, reset_retention, list_erasures],
    security=BY_PERSON,
    tags=["retention"],
)
ADMIN_ROUTER = Router(
    "/admin/users",
    route_handlers=[get_account_retention, set_account_retention, reset_account_retention],
    security=BY_PERSON,
    tags=["retention"],
)
