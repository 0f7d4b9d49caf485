"""Response bodies of usage and of the invariants."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from msgspec import Meta, Struct

from gateway.http.fields import Id, Moment

Kind = Annotated[str, Meta(examples=["scene_generate", "scene_export", "api_key_created"])]


class UsageTotal(Struct, frozen=True, kw_only=True):
    """How often something happened on a day (UTC).

    Grouped by key, ``api_key_id`` is null for what a signed-in person did; otherwise it is always null.
    """

    day: date
    event_type: Kind
    count: int
    api_key_id: Id | None


class UsageOut(Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """Totals by day and kind, from ``from`` (inclusive) to ``to`` (exclusive)."""

    from_: Moment
    to: Moment
    totals: list[UsageTotal]


class UsageEvent(Struct, frozen=True, kw_only=True):
    """One counted event; ``event_id`` is its id in GET /events."""

    id: Id
    event_id: Id
    event_type: Kind
    api_key_id: Id | None
    created_at: Moment
    details: dict[str, Any]


class UsageEventsOut(Struct, frozen=True, kw_only=True):
    """One page, newest first; ``next_cursor`` is null on the last page."""

    items: list[UsageEvent]
    next_cursor: str | None


class AdminUsageTotal(Struct, frozen=True, kw_only=True):
    """How often something happened on a day (UTC); ids are null unless grouped by them."""

    day: date
    event_type: Kind
    count: int
    account_id: Id | None
    api_key_id: Id | None


class AdminUsageOut(Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """Totals of one account or of all, from ``from`` (inclusive) to ``to`` (exclusive)."""

    from_: Moment
    to: Moment
    totals: list[AdminUsageTotal]


class InvariantOut(Struct, frozen=True, kw_only=True):
    """One invariant: the ``count`` of exceptions, the first of their ids, and what to do about them."""

    rule: Annotated[str, Meta(examples=["one_ending_a_generation"])]
    holds: bool
    count: int
    ids: list[str]
    remedy: str | None


class InvariantsOut(Struct, frozen=True, kw_only=True):
    """All rules as of ``checked_at``, which is up to a minute ago."""

    holds: bool
    checked_at: Moment
    rules: list[InvariantOut]
