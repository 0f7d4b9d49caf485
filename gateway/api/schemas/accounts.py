"""Accounts and API keys."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from gateway.api.schemas.fields import Email, Id, Moment, Name, Password


class RegisterIn(Struct, frozen=True, kw_only=True):
    """A new account. The password has 10 characters or more and at most 72 bytes."""

    email: Email
    password: Password
    first_name: Name = ""
    last_name: Name = ""


class RegisterOut(Struct, frozen=True, kw_only=True):
    """The account made."""

    id: Id
    email: Email
    first_name: Name


class LoginIn(Struct, frozen=True, kw_only=True):
    """Who signs in."""

    email: Email
    password: Password


class LoginOut(Struct, frozen=True, kw_only=True):
    """A short-lived access token; ``expires_in`` in seconds."""

    access_token: str
    token_type: str
    expires_in: Annotated[int, Meta(examples=[900])]


class MeOut(Struct, frozen=True, kw_only=True):
    """The signed-in person."""

    id: Id
    email: Email
    first_name: Name
    last_name: Name
    role: Annotated[str, Meta(examples=["user"])]


class ApiKeyIn(Struct, frozen=True, kw_only=True):
    """A new key; ``expires_at`` null means never."""

    name: Annotated[str, Meta(min_length=1, max_length=100, examples=["render farm"])]
    expires_at: Moment | None = None


class ApiKeyCreatedOut(Struct, frozen=True, kw_only=True):
    """The key itself is shown this once and cannot be had again."""

    id: Id
    key: Annotated[str, Meta(examples=["ss_k3v9x2ab_0l3Q0dZ3nB7y5Xv1kq8mRw2sTf4uHj6pCe9gLa0iDo4"])]
    name: str
    expires_at: Moment | None


class ApiKeyOut(Struct, frozen=True, kw_only=True):
    """A key as its owner sees it later."""

    id: Id
    name: str
    status: Annotated[str, Meta(examples=["active"])]
    created_at: Moment
    expires_at: Moment | None
