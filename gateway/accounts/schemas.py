"""Request and response bodies of accounts and API keys."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal
from uuid import UUID

from msgspec import Meta, Struct

from gateway.accounts.refresh_tokens import SessionRow
from gateway.http.fields import Email, Id, Moment, Name, Password


class RegisterIn(Struct, frozen=True, kw_only=True):
    """A new account. The password has 10 characters or more and at most 72 bytes."""

    email: Email
    password: Password
    first_name: Name = ""
    last_name: Name = ""
    invite: Annotated[str, Meta(max_length=64)] | None = None
    """The token of an invitation, where the service asks for one."""


class RegisterOut(Struct, frozen=True, kw_only=True):
    """The new account."""

    id: Id
    email: Email
    first_name: Name


class LoginIn(Struct, frozen=True, kw_only=True):
    """The credentials of a sign-in."""

    email: Email
    password: Password


class LoginOut(Struct, frozen=True, kw_only=True):
    """A short-lived access token (``expires_in`` in seconds), and the refresh token that renews it once."""

    access_token: str
    refresh_token: str
    token_type: str
    expires_in: Annotated[int, Meta(examples=[900])]


class RefreshIn(Struct, frozen=True, kw_only=True):
    """The newest refresh token."""

    refresh_token: Annotated[str, Meta(max_length=256)]


class PasswordResetIn(Struct, frozen=True, kw_only=True):
    """The token of a link, from an admin or from a mail, and the new password."""

    token: Annotated[str, Meta(max_length=64)]
    password: Password


class MeIn(Struct, frozen=True, kw_only=True):
    """The fields to change; a new password needs the current one."""

    first_name: Name | None = None
    last_name: Name | None = None
    password: Password | None = None
    current_password: Password | None = None


class EraseIn(Struct, frozen=True, kw_only=True):
    """The current password, because erasing cannot be undone."""

    password: Password


class ErasedOut(Struct, frozen=True, kw_only=True):
    """The confirmation of an erasure."""

    message: str


class DataOut(Struct, frozen=True, kw_only=True):
    """All data kept about an account, as rows; secrets are kept as hashes and not included."""

    profile: dict[str, Any]
    api_keys: list[dict[str, Any]]
    sessions: list[dict[str, Any]]
    mails: list[dict[str, Any]]
    scenes: list[dict[str, Any]]
    exports: list[dict[str, Any]]
    shares: list[dict[str, Any]]
    albums: list[dict[str, Any]]
    webhooks: list[dict[str, Any]]
    retention: list[dict[str, Any]]
    erasures: list[dict[str, Any]]
    usage: list[dict[str, Any]]


class UserOut(Struct, frozen=True, kw_only=True):
    """An account as an admin sees it."""

    id: Id
    email: Email
    first_name: Name
    last_name: Name
    role: Annotated[str, Meta(examples=["user"])]
    is_active: bool
    created_at: Moment


class QuotaOut(Struct, frozen=True, kw_only=True):
    """The account's quotas: generations in flight, requests per minute, open streams per gateway."""

    max_in_flight: int
    requests_per_minute: int
    max_streams: int


class OwnQuotasOut(Struct, frozen=True, kw_only=True):
    """The quotas that an admin has set for the account; null stands for its role's."""

    max_in_flight: int | None
    requests_per_minute: int | None
    max_streams: int | None


class UserDetailOut(UserOut, frozen=True, kw_only=True):
    """An account with its current quotas, and those of them that are its own."""

    quotas: QuotaOut
    own_quotas: OwnQuotasOut


class UserPage(Struct, frozen=True, kw_only=True):
    """One page, newest first; pass ``next_cursor`` as ``cursor`` for the next page, null is the end."""

    items: list[UserOut]
    next_cursor: str | None


Figure = Annotated[int, Meta(ge=1, le=1_000_000)]


class QuotaIn(Struct, frozen=True, kw_only=True):
    """Quotas of this account; null stands for its role's."""

    max_in_flight: Figure | None = None
    requests_per_minute: Figure | None = None
    max_streams: Figure | None = None


class UserIn(Struct, frozen=True, kw_only=True):
    """The fields to change."""

    role: Literal["user", "enterprise", "admin"] | None = None
    is_active: bool | None = None
    quotas: QuotaIn | None = None


class MeOut(Struct, frozen=True, kw_only=True):
    """The signed-in person."""

    id: Id
    email: Email
    first_name: Name
    last_name: Name
    role: Annotated[str, Meta(examples=["user"])]


class ChangedMeOut(MeOut, frozen=True, kw_only=True):
    """The changed account; ``sign_in`` replaces yours after a new password, else it is null."""

    sign_in: LoginOut | None


class SessionOut(Struct, frozen=True, kw_only=True):
    """A sign-in; ``current`` marks the one that asks."""

    id: Id
    created_at: Moment
    renewed_at: Moment
    expires_at: Annotated[Moment, Meta(description="Unless it is renewed before")]
    client: Annotated[
        str | None, Meta(description="The program's name for itself (`User-Agent`)", examples=["Firefox/150"])
    ]
    current: bool


class SessionList(Struct, frozen=True, kw_only=True):
    """The open sign-ins, the one renewed last first."""

    items: list[SessionOut]


def session_list(rows: Iterable[SessionRow], asking: UUID | None) -> SessionList:
    """Return the sign-ins of the rows; ``asking``: the sign-in that asks, none for an API key."""
    return SessionList(
        items=[
            SessionOut(
                id=row.id,
                created_at=row.created_at,
                renewed_at=row.renewed_at,
                expires_at=row.expires_at,
                client=row.client,
                current=row.id == asking,
            )
            for row in rows
        ]
    )


class LinkIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long the link is valid: three days by default, thirty at most."""

    expires_in_hours: Annotated[int, Meta(ge=1, le=720, examples=[72])] = 72


class InviteIn(LinkIn, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An invitation; with ``email`` it is sent there too, where the service sends mail."""

    email: Email | None = None


class LinkCreatedOut(Struct, frozen=True, kw_only=True):
    """A link that works once. It is shown only in this response."""

    id: Id
    token: str
    url: str
    expires_at: Moment


MailState = Annotated[
    str, Meta(pattern="^(waiting|sent|failed)$", description="`failed`: given up; hand the link over")
]


class InviteOut(Struct, frozen=True, kw_only=True):
    """An invitation without its token; ``mail``: what became of its mail, null where none was asked for."""

    id: Id
    created_at: Moment
    expires_at: Moment
    mail: MailState | None


class InviteList(Struct, frozen=True, kw_only=True):
    """The open invitations, newest first."""

    items: list[InviteOut]


Scope = Literal[
    "scenes:read", "scenes:write", "shares:write", "usage:read", "webhooks:read", "webhooks:write"
]


class ApiKeyIn(Struct, frozen=True, kw_only=True):
    """A new key; ``expires_at`` null means never, ``scopes`` null means all of them."""

    name: Annotated[str, Meta(min_length=1, max_length=100, pattern=r"\S", examples=["render farm"])]
    expires_at: Moment | None = None
    scopes: Annotated[list[Scope], Meta(min_length=1)] | None = None


class ApiKeyCreatedOut(Struct, frozen=True, kw_only=True):
    """The new key. The ``key`` itself is shown only in this response."""

    id: Id
    key: Annotated[str, Meta(examples=["ss_k3v9x2ab_0l3Q0dZ3nB7y5Xv1kq8mRw2sTf4uHj6pCe9gLa0iDo4"])]
    name: str
    expires_at: Moment | None
    scopes: list[str]


class ApiKeyOut(Struct, frozen=True, kw_only=True):
    """A key without its secret."""

    id: Id
    name: str
    status: Annotated[str, Meta(examples=["active"])]
    created_at: Moment
    expires_at: Moment | None
    prefix: Annotated[str | None, Meta(description="How it begins", examples=["ss_k3v9x2ab"])]
    scopes: list[str]
    last_used_at: Annotated[Moment | None, Meta(description="Within two minutes")]
