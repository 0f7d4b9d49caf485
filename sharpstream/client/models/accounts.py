"""What the service answers. Accounts and sign-ins; other people's accounts for admins.

Made from the OpenAPI document by deploy/python_client.py; changes here are lost.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec import Struct, field


class Registered(Struct, frozen=True, kw_only=True):
    """The new account."""

    id: str
    email: str
    first_name: str = ""


class SignIn(Struct, frozen=True, kw_only=True):
    """A short-lived access token (``expires_in`` in seconds), and the refresh token that renews it once."""

    access_token: str
    refresh_token: str
    token_type: str = ""
    expires_in: int = 0


class Person(Struct, frozen=True, kw_only=True):
    """The signed-in person."""

    id: str
    email: str
    first_name: str = ""
    last_name: str = ""
    role: str = ""


class Erased(Struct, frozen=True, kw_only=True):
    """The confirmation of an erasure."""

    message: str = ""


class ChangedPerson(Person, frozen=True, kw_only=True):
    """The changed account; ``sign_in`` replaces yours after a new password, else it is null."""

    sign_in: SignIn | None = None


class Data(Struct, frozen=True, kw_only=True):
    """All data kept about an account, as rows; secrets are kept as hashes and not included."""

    profile: dict[str, Any] = field(default_factory=dict)
    api_keys: list[dict[str, Any]] = field(default_factory=list)
    sessions: list[dict[str, Any]] = field(default_factory=list)
    mails: list[dict[str, Any]] = field(default_factory=list)
    scenes: list[dict[str, Any]] = field(default_factory=list)
    exports: list[dict[str, Any]] = field(default_factory=list)
    shares: list[dict[str, Any]] = field(default_factory=list)
    albums: list[dict[str, Any]] = field(default_factory=list)
    webhooks: list[dict[str, Any]] = field(default_factory=list)
    retention: list[dict[str, Any]] = field(default_factory=list)
    erasures: list[dict[str, Any]] = field(default_factory=list)
    usage: list[dict[str, Any]] = field(default_factory=list)


class OpenSession(Struct, frozen=True, kw_only=True):
    """A sign-in; ``current`` marks the one that asks."""

    id: str
    created_at: datetime | None = None
    renewed_at: datetime
    expires_at: datetime
    client: str | None = None
    current: bool = False


class SessionList(Struct, frozen=True, kw_only=True):
    """The open sign-ins, the one renewed last first."""

    items: list[OpenSession] = field(default_factory=list)


class SignInOptions(Struct, frozen=True, kw_only=True):
    """Who may make an account: anyone, with an invitation, or no one; ``mail``: whether mails are sent."""

    registration: str = ""
    mail: bool = False


class ResetAsked(Struct, frozen=True, kw_only=True):
    """The same answer for every address."""

    message: str = ""


class EmailChange(Struct, frozen=True, kw_only=True):
    """The new address; ``confirm_by_mail``: it takes effect by the link that was sent to it."""

    email: str
    confirm_by_mail: bool = False


class EmailChanged(Struct, frozen=True, kw_only=True):
    """The address that the account has now."""

    email: str


class Account(Struct, frozen=True, kw_only=True):
    """An account as an admin sees it."""

    id: str
    email: str
    first_name: str = ""
    last_name: str = ""
    role: str = ""
    is_active: bool = False
    created_at: datetime | None = None


class AccountPage(Struct, frozen=True, kw_only=True):
    """One page, newest first; pass ``next_cursor`` as ``cursor`` for the next page, null is the end."""

    items: list[Account] = field(default_factory=list)
    next_cursor: str | None = None


class Quotas(Struct, frozen=True, kw_only=True):
    """The account's quotas: generations in flight, requests per minute, open streams per gateway."""

    max_in_flight: int = 0
    requests_per_minute: int = 0
    max_streams: int = 0


class OwnQuotas(Struct, frozen=True, kw_only=True):
    """The quotas that an admin has set for the account; null stands for its role's."""

    max_in_flight: int | None = None
    requests_per_minute: int | None = None
    max_streams: int | None = None


class AccountWithQuotas(Account, frozen=True, kw_only=True):
    """An account with its current quotas, and those of them that are its own."""

    quotas: Quotas
    own_quotas: OwnQuotas


class QuotaUse(Struct, frozen=True, kw_only=True):
    """One quota and what is used of it now.

    ``window_seconds`` is that of a rate, else null. ``resets_at``: when nothing of the rate is used any
    more; null where use ends as jobs end, scenes are deleted or streams are closed.
    """

    name: str = ""
    used: int = 0
    limit: int = 0
    window_seconds: int | None = None
    resets_at: datetime | None = None


class QuotaUseList(Struct, frozen=True, kw_only=True):
    """All quotas of an account."""

    items: list[QuotaUse] = field(default_factory=list)


class OneTimeLink(Struct, frozen=True, kw_only=True):
    """A link that works once. It is shown only in this response."""

    id: str
    token: str
    url: str
    expires_at: datetime


class Invite(Struct, frozen=True, kw_only=True):
    """An invitation without its token; ``mail``: what became of its mail, null where none was asked for."""

    id: str
    created_at: datetime | None = None
    expires_at: datetime
    mail: str | None = None


class InviteList(Struct, frozen=True, kw_only=True):
    """The open invitations, newest first."""

    items: list[Invite] = field(default_factory=list)
