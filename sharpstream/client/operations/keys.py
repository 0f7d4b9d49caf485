"""API keys: credentials for programs.

Made from the OpenAPI document by deploy/python_client.py; changes here are lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sharpstream.client.models import ApiKey, NewApiKey
from sharpstream.client.request import API, Call


def api_keys(*, cursor: str | None = None, limit: int = 1000) -> Call[list[ApiKey]]:
    """Return the account's keys, newest first, without the keys themselves.

    Where there are more, the header `Link` has the address of the next page.
    """
    return Call(
        method="GET",
        path=f"{API}/api-keys",
        answer=list[ApiKey],
        query={"cursor": cursor, "limit": limit},
    )


def create_api_key(
    name: str, *, expires_at: datetime | str | None = None, scopes: Sequence[str] | None = None
) -> Call[NewApiKey]:
    """Make a key for programs. It is shown only in this response; only its hash is kept."""
    return Call(
        method="POST",
        path=f"{API}/api-keys",
        answer=NewApiKey,
        body={"name": name, "expires_at": expires_at, "scopes": scopes},
        repeatable=False,
    )


def revoke_api_key(key_id: str, *, end_shares: bool = False) -> Call[None]:
    """Revoke a key with immediate effect. Revoking it again changes nothing more.

    ``end_shares``: end the shares that the key made, too.
    """
    return Call(
        method="DELETE",
        path=f"{API}/api-keys/{key_id}",
        answer=None,
        query={"end_shares": end_shares},
        repeatable=False,
    )
