"""Usage and invariants."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from msgspec import Struct, field


class UsageTotal(Struct, frozen=True, kw_only=True):
    """The number of events of a type on a day (UTC)."""

    day: date
    event_type: str
    count: int
    api_key_id: str | None = None


class Usage(Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """Totals by day and kind, from ``from_`` (inclusive) to ``to`` (exclusive)."""

    from_: datetime
    to: datetime
    totals: list[UsageTotal]


class AccountTotal(UsageTotal, frozen=True, kw_only=True):
    """The number of events of a type in one account or in all."""

    account_id: str | None = None


class EverybodysUsage(Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """Totals as `Usage`, of one account or of all."""

    from_: datetime
    to: datetime
    totals: list[AccountTotal]


class UsageRow(Struct, frozen=True, kw_only=True):
    """One counted event; ``event_id`` is its id."""

    id: str
    event_id: str
    event_type: str
    api_key_id: str | None = None
    created_at: datetime | None = None
    details: dict[str, Any] = field(default_factory=dict)


class UsagePage(Struct, frozen=True, kw_only=True):
    """Newest first; ``next_cursor`` None is the end."""

    items: list[UsageRow]
    next_cursor: str | None = None


class Invariant(Struct, frozen=True, kw_only=True):
    """One invariant: the ``count`` of its violations, the first of their ids, and what to do."""

    rule: str
    holds: bool
    count: int
    ids: list[str] = field(default_factory=list)
    remedy: str | None = None


class Invariants(Struct, frozen=True, kw_only=True):
    """All invariants as of ``checked_at``."""

    holds: bool
    checked_at: datetime
    rules: list[Invariant]
