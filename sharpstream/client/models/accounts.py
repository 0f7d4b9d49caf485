"""Accounts, sign-ins and API keys."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct, field


class Registered(Struct, frozen=True, kw_only=True):
    """The account that was created."""

    id: str
    email: str
    first_name: str = ""


class SignIn(Struct, frozen=True, kw_only=True):
    """A short-lived access token (``expires_in`` in seconds) and the token that renews it once."""

    access_token: str
    refresh_token: str
    expires_in: int


class Person(Struct, frozen=True, kw_only=True):
    """The signed-in person."""

    id: str
    email: str
    role: str
    first_name: str = ""
    last_name: str = ""


class ChangedPerson(Person, frozen=True, kw_only=True):
    """The changed account; after a new password, ``sign_in`` replaces the caller's, which has ended."""

    sign_in: SignIn | None = None


class OneTimeLink(Struct, frozen=True, kw_only=True):
    """An invitation, or a link to set a password; token and URL are shown only once."""

    id: str
    token: str
    url: str
    expires_at: datetime


class Invite(Struct, frozen=True, kw_only=True):
    """An open invitation, without its token."""

    id: str
    created_at: datetime
    expires_at: datetime


class InviteList(Struct, frozen=True, kw_only=True):
    """The open invitations, newest first."""

    items: list[Invite]


class OpenSession(Struct, frozen=True, kw_only=True):
    """A sign-in of the account; ``current`` marks the caller's own."""

    id: str
    created_at: datetime
    renewed_at: datetime
    expires_at: datetime
    client: str | None = None
    current: bool = False


class SessionList(Struct, frozen=True, kw_only=True):
    """The open sign-ins, the one renewed last first."""

    items: list[OpenSession]


class Erased(Struct, frozen=True, kw_only=True):
    """The answer to an erasure."""

    message: str


class NewApiKey(Struct, frozen=True, kw_only=True):
    """A key just made; ``key`` itself is shown only once."""

    id: str
    key: str
    name: str
    expires_at: datetime | None = None
    scopes: list[str] = field(default_factory=list)


class ApiKey(Struct, frozen=True, kw_only=True):
    """A key as its owner sees it later."""

    id: str
    name: str
    status: str
    created_at: datetime | None = None
    expires_at: datetime | None = None
    prefix: str | None = None
    scopes: list[str] = field(default_factory=list)
    last_used_at: datetime | None = None


class Account(Struct, frozen=True, kw_only=True):
    """An account as an admin sees it."""

    id: str
    email: str
    role: str
    is_active: bool
    first_name: str = ""
    last_name: str = ""
    created_at: datetime | None = None


class Quotas(Struct, frozen=True, kw_only=True):
    """The limits of an account."""

    max_in_flight: int
    requests_per_minute: int
    max_streams: int


class AccountWithQuotas(Account, frozen=True, kw_only=True):
    """An account with its quotas as they apply now."""

    quotas: Quotas


class AccountPage(Struct, frozen=True, kw_only=True):
    """Newest first; ``next_cursor`` None is the end."""

    items: list[Account]
    next_cursor: str | None = None
