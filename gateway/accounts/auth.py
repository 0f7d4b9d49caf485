"""Who is asking: guards that run before a body is read, and leave a `Principal` on the request."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Any, TypeAlias
from uuid import UUID

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.datastructures import State
from litestar.handlers import BaseRouteHandler

from gateway.accounts.key_hashing import well_formed
from gateway.errors import DomainError
from gateway.http.context import trace_of
from gateway.services import Services, of_state


@dataclass(frozen=True, kw_only=True, slots=True)
class Principal:
    """An authenticated caller; ``api_key_id`` and ``scopes`` are None for a signed-in person."""

    account_id: UUID
    role: str
    api_key_id: UUID | None = None
    scopes: frozenset[str] | None = None


Caller: TypeAlias = Request[Principal, None, State]
"""The request of a guarded handler."""
Connection: TypeAlias = ASGIConnection[Any, Any, Any, Any]


async def account(connection: Connection, _: BaseRouteHandler) -> None:
    """Guard: a signed-in person or an API key."""
    services = of_state(connection.app.state)
    bearer, key = connection.headers.get("authorization"), connection.headers.get("x-api-key")
    if bearer is not None:
        principal = await _by_token(services, bearer)
    elif key is not None:
        principal = await _by_key(services, key)
    else:
        raise DomainError(
            "unauthenticated", "Send 'Authorization: Bearer <access token>' or 'X-API-Key: <key>'."
        )
    connection.scope["user"] = principal
    trace_of(connection).account_id = principal.account_id


async def person(connection: Connection, handler: BaseRouteHandler) -> None:
    """Guard: a signed-in person; an API key must not make or revoke keys."""
    if "authorization" not in connection.headers and "x-api-key" in connection.headers:
        raise DomainError(
            "sign_in_required", "An API key cannot do this; send 'Authorization: Bearer <access token>'."
        )
    await account(connection, handler)


async def _by_token(services: Services, header: str) -> Principal:
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer":
        raise DomainError("token_invalid", "Only the scheme 'Bearer' is supported in Authorization.")
    claims = services.tokens.read(token.strip())
    role = await services.accounts.standing(claims.account_id)  # now, not when the token was made
    if role is None:
        raise DomainError("account_inactive", "The account is closed.")
    return Principal(account_id=claims.account_id, role=role)


async def _by_key(services: Services, key: str) -> Principal:
    hashed = services.api_keys.hash(key)
    holder = await services.keys.holder(hashed) if well_formed(key) else None
    if holder is None or not hmac.compare_digest(hashed, holder.api_key_hash):
        raise DomainError("api_key_invalid", "The API key is not known; check that it was copied whole.")
    if holder.revoked:
        raise DomainError("api_key_revoked", "The API key was revoked; make a new one.")
    if holder.expired:
        raise DomainError("api_key_expired", "The API key has expired; make a new one.")
    if not holder.is_active:
        raise DomainError("account_inactive", "The account is closed.")
    services.keys.note_use(holder.key_id)
    return Principal(
        account_id=holder.account_id,
        role=holder.role,
        api_key_id=holder.key_id,
        scopes=None if holder.scopes is None else frozenset(holder.scopes),
    )
