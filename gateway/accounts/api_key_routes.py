"""API keys: create, list, revoke."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final
from uuid import UUID

from litestar import Response, Router, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from gateway import text
from gateway.accounts.api_keys import ApiKeyRow, Keys
from gateway.accounts.auth import Caller
from gateway.accounts.key_hashing import ApiKeys, prefix_of
from gateway.accounts.rate_limits import Policy, RateLimits
from gateway.accounts.roles import SCOPES
from gateway.accounts.schemas import ApiKeyCreatedOut, ApiKeyIn, ApiKeyOut
from gateway.errors import DomainError
from gateway.http import paging
from gateway.http.context import trace_of
from gateway.http.openapi_helpers import BODY_CODES, BY_PERSON, SIGN_IN_CODES, header, problems

NEW_KEYS: Final = Policy(name="api-keys", quota=60, per_s=3600)
"""Of one account: each new key is an event that is kept for ever."""


@post(
    "/",
    operation_id="create_api_key",
    summary="Make an API key",
    responses=problems(
        *SIGN_IN_CODES,
        "account_inactive",
        "sign_in_required",
        "malformed",
        "expiry_invalid",
        "api_keys_exhausted",
        "validation_failed",
        *BODY_CODES,
    ),
)
async def create_key(
    request: Caller,
    *,
    data: JSONBody[ApiKeyIn],
    keys: NamedDependency[Keys],
    api_keys: NamedDependency[ApiKeys],
    limits: NamedDependency[RateLimits],
) -> ApiKeyCreatedOut:
    """Make a key for programs. It is shown only in this response; only its hash is kept."""
    await limits.require(NEW_KEYS, str(request.user.account_id), "The account has made many API keys")
    if data.expires_at is not None and data.expires_at <= datetime.now(UTC):
        raise DomainError(
            "expiry_invalid", "expires_at lies in the past; give a later time, or null for never."
        )
    key = api_keys.make()
    row = await keys.create(
        request.user.account_id,
        name=text.clean(data.name),
        hashed=api_keys.hashed(key),
        prefix=prefix_of(key),
        expires_at=data.expires_at,
        scopes=data.scopes,
        trace=trace_of(request),
        session_id=request.user.session_id,
    )
    return ApiKeyCreatedOut(id=row.id, key=key, name=row.name, expires_at=row.expires_at, scopes=_scopes(row))


@get(
    "/",
    operation_id="list_api_keys",
    summary="List API keys",
    response_headers=[header("Link", "The next page, where there is one")],
    responses=problems(*SIGN_IN_CODES, "sign_in_required", "cursor_invalid", "validation_failed"),
)
async def list_keys(
    request: Caller,
    keys: NamedDependency[Keys],
    cursor: Annotated[str | None, QueryParameter(max_length=128)] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=1000)] = 1000,
) -> Response[list[ApiKeyOut]]:
    """Return the account's keys, newest first, without the keys themselves.

    Where there are more, the header `Link` has the address of the next page.
    """
    before = paging.decode(cursor) if cursor else None
    rows = await keys.list(request.user.account_id, before=before, limit=limit + 1)
    headers = {}
    if len(rows) > limit:
        following = paging.encode(rows[limit - 1].created_at, rows[limit - 1].id)
        headers["Link"] = f'</api/v1/api-keys?limit={limit}&cursor={following}>; rel="next"'
    items = [
        ApiKeyOut(
            id=row.id,
            name=row.name,
            status=row.status,
            created_at=row.created_at,
            expires_at=row.expires_at,
            prefix=row.prefix,
            scopes=_scopes(row),
            last_used_at=row.last_used_at,
        )
        for row in rows[:limit]
    ]
    return Response(items, headers=headers)


@delete(
    "/{key_id:uuid}",
    operation_id="revoke_api_key",
    summary="Revoke an API key",
    responses=problems(*SIGN_IN_CODES, "sign_in_required", "not_found", "validation_failed"),
)
async def revoke_key(
    request: Caller,
    key_id: FromPath[UUID],
    keys: NamedDependency[Keys],
    end_shares: Annotated[bool, QueryParameter(description="End the shares that the key made, too")] = False,
) -> None:
    """Revoke a key with immediate effect. Revoking it again changes nothing more."""
    trace = trace_of(request)
    if not await keys.revoke(request.user.account_id, key_id, trace=trace, end_shares=end_shares):
        raise DomainError("not_found", "You have no API key with this id.")


def _scopes(row: ApiKeyRow) -> list[str]:
    return sorted(SCOPES if row.scopes is None else row.scopes)


ROUTER = Router(
    "/api-keys",
    route_handlers=[create_key, list_keys, revoke_key],
    security=BY_PERSON,
    tags=["api keys"],
)
