"""Request and response bodies of what people do by mail."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from gateway.http.fields import Email, Password

Token = Annotated[str, Meta(max_length=64)]


class SignInOptionsOut(Struct, frozen=True, kw_only=True):
    """Who may make an account: anyone, with an invitation, or no one; ``mail``: whether mails are sent."""

    registration: Annotated[str, Meta(pattern="^(open|invite|closed)$", examples=["open"])]
    mail: bool


class ResetAskIn(Struct, frozen=True, kw_only=True):
    """The address of the account whose password was forgotten."""

    email: Email


class ResetAskedOut(Struct, frozen=True, kw_only=True):
    """The same answer for every address."""

    message: str


class EmailChangeIn(Struct, frozen=True, kw_only=True):
    """The new address, and the current password."""

    email: Email
    current_password: Password


class EmailChangeOut(Struct, frozen=True, kw_only=True):
    """The new address; ``confirm_by_mail``: it takes effect by the link that was sent to it."""

    email: Email
    confirm_by_mail: bool


class EmailConfirmIn(Struct, frozen=True, kw_only=True):
    """The token of the mailed link."""

    token: Token


class EmailChangedOut(Struct, frozen=True, kw_only=True):
    """The address that the account has now."""

    email: Email
