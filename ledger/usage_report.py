"""Reads usage: totals over the usage rows, and the rows behind them. Writes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, Literal, TypeAlias
from uuid import UUID

import asyncpg
import msgspec

MAX_TOTALS: Final = 10_000
"""Totals in one response: a year of 9 kinds of 3 keys, about 1 MB of JSON."""
GroupBy: TypeAlias = Literal["key", "account"]
_GROUPS: Final = {"key": "api_key_id", "account": "user_id"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Of:
    """A filter of usage: from ``since`` on and before ``until`` (both aware); None is not filtered by."""

    since: datetime
    until: datetime
    account_id: UUID | None = None
    api_key_id: UUID | None = None

    def where(self) -> tuple[str, list[Any]]:
        """Return the condition and its arguments; never ``$1 IS NULL OR``, which no index can serve."""
        parts, arguments = ["created_at >= $1", "created_at < $2"], [self.since, self.until]
        wanted: list[tuple[str, Any]] = [("user_id", self.account_id), ("api_key_id", self.api_key_id)]
        given = [(column, value) for column, value in wanted if value is not None]
        parts += [f"{column} = ${number}" for number, (column, _) in enumerate(given, 3)]
        return " AND ".join(parts), arguments + [value for _, value in given]


@dataclass(frozen=True, kw_only=True, slots=True)
class UsageTotal:
    """How often one kind was counted on one day (UTC); key and account only where grouped by them."""

    day: date
    event_type: str
    count: int
    api_key_id: UUID | None = None
    account_id: UUID | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class UsageRow:
    """One row of ``usage_logs``; ``event_id`` is the counted event in the log."""

    id: UUID
    event_id: UUID
    event_type: str
    api_key_id: UUID | None
    created_at: datetime
    details: dict[str, Any]


async def totals(pool: asyncpg.Pool, of: Of, group_by: GroupBy | None = None) -> list[UsageTotal] | None:
    """Return the totals by day and kind, and by ``group_by``; None where those are over `MAX_TOTALS`."""
    where, arguments = of.where()
    columns = dict.fromkeys(_GROUPS.values(), "NULL::uuid")
    if group_by is not None:
        columns[_GROUPS[group_by]] = _GROUPS[group_by]
    rows = await pool.fetch(
        "SELECT (created_at AT TIME ZONE 'UTC')::date AS day, event_type,"  # noqa: S608  (constants above)
        f" {columns['api_key_id']} AS api_key_id, {columns['user_id']} AS account_id, count(*) AS count"
        f" FROM usage_logs WHERE {where} GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4 LIMIT {MAX_TOTALS + 1}",
        *arguments,
    )
    return [UsageTotal(**row) for row in rows] if len(rows) <= MAX_TOTALS else None


async def rows(
    pool: asyncpg.Pool, of: Of, *, limit: int, before: tuple[datetime, UUID] | None = None
) -> Sequence[UsageRow]:
    """Return up to ``limit`` rows, newest first, older than ``before``."""
    where, arguments = of.where()
    if before is not None:
        where += f" AND (created_at, id) < (${len(arguments) + 1}, ${len(arguments) + 2}::uuid)"
        arguments += before
    found = await pool.fetch(
        "SELECT id, event_id, event_type, api_key_id, created_at, details::text AS details"  # noqa: S608
        f" FROM usage_logs WHERE {where} ORDER BY created_at DESC, id DESC LIMIT ${len(arguments) + 1}",
        *arguments,
        limit,
    )
    return [UsageRow(**(dict(row) | {"details": msgspec.json.decode(row["details"])})) for row in found]
