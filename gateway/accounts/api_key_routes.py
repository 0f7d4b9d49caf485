"""API keys: create, list, revoke."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from litestar import Router, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from gateway.accounts.api_keys import ApiKeyRow, Keys
from gateway.accounts.auth import Caller
from gateway.accounts.key_hashing import ApiKeys, prefix_of
from gateway.accounts.roles import SCOPES
from gateway.accounts.schemas import ApiKeyCreatedOut, ApiKeyIn, ApiKeyOut
from gateway.errors import DomainError
from gateway.http.context import trace_of
from gateway.http.openapi_helpers import BY_PERSON, SIGN_IN_CODES, problems


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
        "validation_failed",
    ),
)
async def create_key(
    request: Caller, data: JSONBody[ApiKeyIn], keys: NamedDependency[Keys], api_keys: NamedDependency[ApiKeys]
) -> ApiKeyCreatedOut:
    """Make a key for programs. It is shown only in this response; only its hash is kept."""
    if data.expires_at is not None and data.expires_at <= datetime.now(UTC):
        raise DomainError(
            "expiry_invalid", "expires_at lies in the past; give a later time, or null for never."
        )
    key = api_keys.make()
    row = await keys.create(
        request.user.account_id,
        name=data.name.strip(),
        api_key_hash=api_keys.hash(key),
        prefix=prefix_of(key),
        expires_at=data.expires_at,
        scopes=data.scopes,
        trace=trace_of(request),
    )
    return ApiKeyCreatedOut(id=row.id, key=key, name=row.name, expires_at=row.expires_at, scopes=_scopes(row))


@get(
    "/",
    operation_id="list_api_keys",
    summary="List API keys",
    responses=problems(*SIGN_IN_CODES, "sign_in_required"),
)
async def list_keys(request: Caller, keys: NamedDependency[Keys]) -> list[ApiKeyOut]:
    """Return the account's keys, newest first, without the keys themselves."""
    return [
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
        for row in await keys.list(request.user.account_id)
    ]


@delete(
    "/{key_id:uuid}",
    operation_id="revoke_api_key",
    summary="Revoke an API key",
    responses=problems(*SIGN_IN_CODES, "sign_in_required", "not_found"),
)
async def revoke_key(request: Caller, key_id: FromPath[UUID], keys: NamedDependency[Keys]) -> None:
    """Revoke a key with immediate effect. Revoking it again changes nothing."""
    if not await keys.revoke(request.user.account_id, key_id, trace=trace_of(request)):
        raise DomainError("not_found", "You have no API key with this id.")


def _scopes(row: ApiKeyRow) -> list[str]:
    return sorted(SCOPES if row.scopes is None else row.scopes)


ROUTER = Router(
    "/api-keys",
    route_handlers=[create_key, list_keys, revoke_key],
    security=BY_PERSON,
    tags=["api keys"],
)
