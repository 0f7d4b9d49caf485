"""Response bodies of the list of administrators' acts."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from gateway.http.fields import Id, Moment


class AdminActOut(Struct, frozen=True, kw_only=True):
    """An act. ``actor`` is the admin's account, null for a command of the operator; nothing else is kept."""

    id: Id
    at: Moment
    actor: Id | None
    action: Annotated[str, Meta(examples=["change_user"])]
    target: Id | None
    details: dict[str, Any]


class AdminActPage(Struct, frozen=True, kw_only=True):
    """One page, newest first; pass ``next_cursor`` as ``cursor`` for the next page, null is the end."""

    items: list[AdminActOut]
    next_cursor: str | None
