"""Accounts, sign-ins, API keys; other people's accounts for admins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sharpstream.client.models import (
    AccountPage,
    AccountWithQuotas,
    ApiKey,
    Erased,
    NewApiKey,
    Person,
    Registered,
    SignIn,
)
from sharpstream.client.request import API, Call


def register(email: str, password: str, *, first_name: str = "", last_name: str = "") -> Call[Registered]:
    """Make an account."""
    body = {"email": email, "password": password, "first_name": first_name, "last_name": last_name}
    return _post("users/register", Registered, body, public=True)


def login(email: str, password: str) -> Call[SignIn]:
    """Sign in; a client takes the answer as ``sign_in``, by `Tokens.of` and `Session`."""
    return _post("users/login", SignIn, {"email": email, "password": password}, public=True)


def refresh(refresh_token: str) -> Call[SignIn]:
    """Exchange a refresh token for new tokens; it is valid once. A signed-in client does this by itself.

    The service accepts a token that was used less than 10 s ago once more, so that the request can be
    repeated when its answer was lost.
    """
    path, body = f"{API}/users/refresh", {"refresh_token": refresh_token}
    return Call(method="POST", path=path, answer=SignIn, body=body, public=True)


def logout(refresh_token: str) -> Call[None]:
    """End the sign-in that the token belongs to."""
    return _post("users/logout", None, {"refresh_token": refresh_token}, public=True)


def me() -> Call[Person]:
    """Return the signed-in person."""
    return Call(method="GET", path=f"{API}/users/me", answer=Person)


def change_me(
    *,
    first_name: str | None = None,
    last_name: str | None = None,
    password: str | None = None,
    current_password: str | None = None,
) -> Call[Person]:
    """Change the given fields; a new password needs the current one and ends every sign-in."""
    body = {
        "first_name": first_name,
        "last_name": last_name,
        "password": password,
        "current_password": current_password,
    }
    return Call(method="PATCH", path=f"{API}/users/me", answer=Person, body=body, repeatable=False)


def my_data() -> Call[dict[str, Any]]:
    """Return all that the service keeps of the account."""
    return Call(method="GET", path=f"{API}/users/me/data", answer=dict[str, Any])


def erase_me(password: str) -> Call[Erased]:
    """Erase the account permanently."""
    body = {"password": password}
    return Call(method="DELETE", path=f"{API}/users/me", answer=Erased, body=body, repeatable=False)


def create_api_key(
    name: str, *, scopes: Sequence[str] | None = None, expires_at: datetime | None = None
) -> Call[NewApiKey]:
    """Make an API key; its text is shown only once. ``scopes`` None: all scopes."""
    body = {"name": name, "scopes": None if scopes is None else list(scopes), "expires_at": expires_at}
    return _post("api-keys", NewApiKey, body)


def api_keys() -> Call[list[ApiKey]]:
    """Return the account's keys."""
    return Call(method="GET", path=f"{API}/api-keys", answer=list[ApiKey])


def revoke_api_key(key_id: str) -> Call[None]:
    """Revoke a key at once, everywhere."""
    return Call(method="DELETE", path=f"{API}/api-keys/{key_id}", answer=None, repeatable=False)


def accounts(*, q: str | None = None, cursor: str | None = None, limit: int = 20) -> Call[AccountPage]:
    """For admins: return a page of accounts; ``q`` is part of an address or a name."""
    query = {"q": q, "cursor": cursor, "limit": limit}
    return Call(method="GET", path=f"{API}/admin/users", answer=AccountPage, query=query)


def account(account_id: str) -> Call[AccountWithQuotas]:
    """For admins: return an account with its quotas."""
    return Call(method="GET", path=f"{API}/admin/users/{account_id}", answer=AccountWithQuotas)


def change_account(
    account_id: str,
    *,
    role: str | None = None,
    is_active: bool | None = None,
    quotas: Mapping[str, int | None] | None = None,
) -> Call[AccountWithQuotas]:
    """For admins: change role, activity or quotas; a quota of None is the role's default."""
    body = {"role": role, "is_active": is_active, "quotas": None if quotas is None else dict(quotas)}
    path = f"{API}/admin/users/{account_id}"
    return Call(method="PATCH", path=path, answer=AccountWithQuotas, body=body)


def _post(path: str, answer: Any, body: Mapping[str, Any], *, public: bool = False) -> Call[Any]:
    return Call(
        method="POST", path=f"{API}/{path}", answer=answer, body=body, repeatable=False, public=public
    )
