"""Accounts, sign-ins, API keys; other people's accounts for admins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sharpstream.client.models import (
    AccountPage,
    AccountWithQuotas,
    ApiKey,
    ChangedPerson,
    Erased,
    InviteList,
    NewApiKey,
    OneTimeLink,
    Person,
    Registered,
    SessionList,
    SignIn,
)
from sharpstream.client.request import API, Call


def register(
    email: str, password: str, *, first_name: str = "", last_name: str = "", invite: str | None = None
) -> Call[Registered]:
    """Make an account; ``invite`` is the token of an invitation, where the service asks for one."""
    body = {"email": email, "password": password, "first_name": first_name, "last_name": last_name}
    body |= {} if invite is None else {"invite": invite}
    return _post("users/register", Registered, body, public=True)


def login(email: str, password: str) -> Call[SignIn]:
    """Sign in; a client takes the answer as ``sign_in``, by `Tokens.of` and `Session`."""
    return _post("users/login", SignIn, {"email": email, "password": password}, public=True)


def refresh(refresh_token: str) -> Call[SignIn]:
    """Exchange a refresh token for new tokens; it is valid once. A signed-in client does this by itself.

    For 30 s the service gives the same new token again until that one was used, so that the request can be
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
) -> Call[ChangedPerson]:
    """Change the given fields; a new password needs the current one and ends every sign-in.

    The answer's ``sign_in`` is the caller's new one: keep it by `Tokens.of`.
    """
    body = {
        "first_name": first_name,
        "last_name": last_name,
        "password": password,
        "current_password": current_password,
    }
    return Call(method="PATCH", path=f"{API}/users/me", answer=ChangedPerson, body=body, repeatable=False)


def reset_password(token: str, password: str) -> Call[SignIn]:
    """Set a new password by the token of an admin's link; it ends every other sign-in."""
    return _post("users/password-reset", SignIn, {"token": token, "password": password}, public=True)


def sessions() -> Call[SessionList]:
    """Return the account's open sign-ins."""
    return Call(method="GET", path=f"{API}/users/me/sessions", answer=SessionList)


def end_session(session_id: str) -> Call[None]:
    """End one sign-in of the account."""
    path = f"{API}/users/me/sessions/{session_id}"
    return Call(method="DELETE", path=path, answer=None, repeatable=False)


def end_sessions() -> Call[None]:
    """End every sign-in of the account but the caller's."""
    return Call(method="DELETE", path=f"{API}/users/me/sessions", answer=None, repeatable=False)


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


def api_keys(*, cursor: str | None = None, limit: int = 1000) -> Call[list[ApiKey]]:
    """Return the account's keys; ``cursor`` is that of the answer's header ``Link``."""
    query = {"cursor": cursor, "limit": limit}
    return Call(method="GET", path=f"{API}/api-keys", answer=list[ApiKey], query=query)


def revoke_api_key(key_id: str, *, end_shares: bool = False) -> Call[None]:
    """Revoke a key at once, everywhere; with ``end_shares`` also the shares that it made."""
    query = {"end_shares": "true"} if end_shares else {}
    path = f"{API}/api-keys/{key_id}"
    return Call(method="DELETE", path=path, answer=None, query=query, repeatable=False)


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


def create_password_reset(account_id: str, *, expires_in_hours: int = 72) -> Call[OneTimeLink]:
    """For admins: make a link by which the account's owner sets a new password, once."""
    path = f"admin/users/{account_id}/password-reset"
    return _post(path, OneTimeLink, {"expires_in_hours": expires_in_hours})


def create_invite(*, expires_in_hours: int = 72) -> Call[OneTimeLink]:
    """For admins: make an invitation, by which one account can be made."""
    return _post("admin/invites", OneTimeLink, {"expires_in_hours": expires_in_hours})


def invites() -> Call[InviteList]:
    """For admins: return the open invitations."""
    return Call(method="GET", path=f"{API}/admin/invites", answer=InviteList)


def revoke_invite(invite_id: str) -> Call[None]:
    """For admins: revoke an invitation."""
    path = f"{API}/admin/invites/{invite_id}"
    return Call(method="DELETE", path=path, answer=None, repeatable=False)


def _post(path: str, answer: Any, body: Mapping[str, Any], *, public: bool = False) -> Call[Any]:
    return Call(
        method="POST", path=f"{API}/{path}", answer=answer, body=body, repeatable=False, public=public
    )
