"""Authentication: guards that run before a body is read and attach a `Principal` to the request."""

from __future__ import annotations

import hmac
from typing import Any, Final, TypeAlias

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.datastructures import State
from litestar.handlers import BaseRouteHandler

from gateway.accounts.access_tokens import Tokens
from gateway.accounts.api_keys import Keys
from gateway.accounts.key_hashing import ApiKeys, well_formed
from gateway.accounts.principal import Principal
from gateway.accounts.repository import Accounts
from gateway.errors import DomainError
from gateway.http.context import trace_of

Caller: TypeAlias = Request[Principal, None, State]
"""The request of a guarded handler."""
AUTHENTICATOR: Final = "authenticator"
"""The key of the application's state."""
Connection: TypeAlias = ASGIConnection[Any, Any, Any, Any]


class Authenticator:
    """Authenticates a request by its access token or API key."""

    def __init__(self, accounts: Accounts, tokens: Tokens, keys: Keys, hashes: ApiKeys) -> None:
        self._accounts = accounts
        self._tokens = tokens
        self._keys = keys
        self._hashes = hashes

    async def by_token(self, header: str) -> Principal:
        """Return the signed-in caller. `DomainError`: token_invalid, token_expired, account_inactive."""
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer":
            raise DomainError("token_invalid", "Only the scheme 'Bearer' is supported in Authorization.")
        claims = self._tokens.read(token.strip())
        state = await self._accounts.token_state(claims)  # now, not when the token was issued
        if state is None:
            raise DomainError("account_inactive", "The account is closed.")
        if not state.signed_in:
            raise DomainError("token_invalid", "This sign-in has ended; sign in again.")
        return Principal(account_id=claims.account_id, role=state.role, session_id=claims.session_id)

    async def by_key(self, key: str) -> Principal:
        """Return the caller that holds the API key. Raises `DomainError` api_key_*, account_inactive."""
        hashes = self._hashes.hashes(key)
        holder = await self._keys.holder(hashes) if well_formed(key) else None
        if holder is None or not any(hmac.compare_digest(each, holder.api_key_hash) for each in hashes):
            raise DomainError("api_key_invalid", "The API key is not known; check that it was copied whole.")
        if holder.revoked:
            raise DomainError("api_key_revoked", "The API key was revoked; make a new one.")
        if holder.expired:
            raise DomainError("api_key_expired", "The API key has expired; make a new one.")
        if not holder.is_active:
            raise DomainError("account_inactive", "The account is closed.")
        known = holder.pepper == self._hashes.number
        self._keys.note_use(holder.key_id, None if known else self._hashes.hashed(key))
        return Principal(
            account_id=holder.account_id,
            role=holder.role,
            api_key_id=holder.key_id,
            scopes=None if holder.scopes is None else frozenset(holder.scopes),
        )


def credentials(connection: Connection) -> str:
    """Return what the caller says to be; empty for nothing."""
    return connection.headers.get("authorization") or connection.headers.get("x-api-key") or ""


async def account(connection: Connection, _: BaseRouteHandler) -> None:
    """Guard: a signed-in person or an API key."""
    authenticator: Authenticator = connection.app.state[AUTHENTICATOR]
    bearer, key = connection.headers.get("authorization"), connection.headers.get("x-api-key")
    if bearer is not None:
        principal = await authenticator.by_token(bearer)
    elif key is not None:
        principal = await authenticator.by_key(key)
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
