"""The invariants over all tables, as queries that return the exceptions; needs Postgres only.

Each query works on a range of keys, so that none grows with the log: `check` goes through all ranges at once,
`ledger.invariant_ranges` range by range over hours and restarts. `ledger.rebuild` is the stronger proof.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

import asyncpg
import msgspec

SHOWN: Final = 100
"""Exceptions shown for each rule; the count covers all of them."""
_KINDS: Final = {
    "endings": "('generation.completed.v1', 'generation.failed.v1', 'generation.cancelled.v1')",
    "export_endings": "('export.completed.v1', 'export.failed.v1')",
    "counted": "('generation.completed.v1', 'export.completed.v1', 'api_key.created.v1')",
    # Up to here rows may have lost their event, because an operator shortened the log.
    "forgotten": "coalesce((SELECT max(coalesce(forgotten_until, updated_at)) FROM event_log_floors),"
    " '-infinity')",
}

_SUBJECT: Final = """
        (SELECT v::uuid FROM (SELECT coalesce(u.details->>'export_id', u.details->>'generation_id',
                                              u.details->>'api_key_id') AS v) named
         WHERE pg_input_is_valid(v, 'uuid'))"""
"""The subject of a usage row's event, by which the log is indexed; NULL in a row of another's making."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: ``query`` returns the ids of the exceptions among the rows whose key is in a range.

    The range is above ``$1`` and up to ``$2``, keys of ``column`` in ``table``, as text; `_KINDS` fills the
    braces. What the query decides about a key must not depend on rows outside the range, so every rule pairs
    rows by an index and never by a scan of the other table: the cost of a range is that of its rows.
    """

    table: str
    column: str
    kind: Literal["uuid", "timestamptz", "bigint"]
    query: str


_LOG: Final = ("event_log", "subject", "uuid")
_SCENES: Final = ("scene_generations", "id", "uuid")
# Rows of one event have one time, or `usage_names_its_event` shows the one that has another.
_USAGE: Final = ("usage_logs", "created_at", "timestamptz")

RULES: Final[dict[str, Rule]] = {
    "one_ending_a_generation": Rule(
        *_LOG,
        """
        SELECT e.subject::text AS id FROM event_log e WHERE {in_range} AND e.type IN {endings}
        GROUP BY e.subject HAVING count(*) > 1""",
    ),
    "one_ending_an_export": Rule(
        *_LOG,
        """
        SELECT e.subject::text AS id FROM event_log e WHERE {in_range} AND e.type IN {export_endings}
        GROUP BY e.subject HAVING count(*) > 1""",
    ),
    "usage_for_every_counted_event": Rule(
        *_LOG,
        """
        SELECT e.event_id::text AS id FROM event_log e
        LEFT JOIN usage_logs u ON u.created_at = e.time AND u.event_id = e.event_id
        WHERE {in_range} AND e.type IN {counted} AND u.id IS NULL""",
    ),
    "no_usage_without_event": Rule(
        *_USAGE,
        """
        SELECT u.id::text AS id FROM usage_logs u
        LEFT JOIN event_log e ON e.subject = {subject} AND e.event_id = u.event_id
        WHERE {in_range}
        AND (e.event_id IS NULL AND u.created_at > {forgotten} OR e.type NOT IN {counted})""",
    ),
    "usage_once_an_event": Rule(
        *_USAGE,
        """
        SELECT u.event_id::text AS id FROM usage_logs u WHERE {in_range}
        GROUP BY u.event_id HAVING count(*) > 1""",
    ),
    "usage_names_its_event": Rule(
        *_USAGE,
        """
        SELECT u.id::text AS id FROM usage_logs u
        JOIN event_log e ON e.subject = {subject} AND e.event_id = u.event_id
        WHERE {in_range} AND (u.user_id <> e.account_id OR u.created_at <> e.time
            OR u.event_type <> CASE e.type
                WHEN 'generation.completed.v1' THEN 'scene_generate'
                WHEN 'export.completed.v1' THEN 'scene_export' ELSE 'api_key_created' END)""",
    ),
    "status_follows_the_ending": Rule(
        *_SCENES,
        """
        SELECT s.id::text AS id FROM scene_generations s
        LEFT JOIN event_log e ON e.subject = s.id AND e.type IN {endings}
        WHERE {in_range}
        AND CASE WHEN e.type IS NULL
                 THEN s.status NOT IN ('pending', 'processing') AND s.updated_at > {forgotten}
                 ELSE e.type <> 'generation.' || s.status || '.v1' END""",
    ),
    "deleted_as_the_log_says": Rule(
        *_SCENES,
        """
        SELECT s.id::text AS id FROM scene_generations s
        JOIN event_log e ON e.subject = s.id AND e.type = 'generation.deleted.v1'
        WHERE {in_range} AND s.deleted_at IS DISTINCT FROM e.time""",
    ),
    "every_deletion_is_told": Rule(
        *_SCENES,
        """
        SELECT s.id::text AS id FROM scene_generations s
        LEFT JOIN event_log e ON e.subject = s.id AND e.type = 'generation.deleted.v1'
        WHERE {in_range} AND s.deleted_at < now() - interval '1 hour' AND e.event_id IS NULL
        AND s.deleted_at > {forgotten}""",
    ),
    "only_what_ended_is_deleted": Rule(
        *_SCENES,
        """
        SELECT s.id::text AS id FROM scene_generations s
        WHERE {in_range} AND s.deleted_at IS NOT NULL AND s.status IN ('pending', 'processing')""",
    ),
    "what_is_to_go_goes": Rule(
        "blob_removals",
        "id",
        "bigint",
        """
        SELECT r.key AS id FROM blob_removals r
        WHERE {in_range} AND r.created_at < now() - interval '1 day'""",
    ),
    # A command is kept for a day after its expiry; then the ledger has two hours to find that it is gone.
    "no_generation_outlives_its_command": Rule(
        *_SCENES,
        """
        SELECT s.id::text AS id FROM scene_generations s
        WHERE {in_range} AND s.status IN ('pending', 'processing')
        AND coalesce(s.expires_at, s.created_at + interval '6 days') < now() - interval '26 hours'""",
    ),
    "no_export_outlives_its_command": Rule(
        "export_jobs",
        "id",
        "uuid",
        """
        SELECT x.id::text AS id FROM export_jobs x WHERE {in_range} AND x.status IN ('pending', 'processing')
        AND coalesce(x.expires_at, x.created_at + CASE WHEN x.purpose IS NULL THEN interval '6 days'
                                                  ELSE interval '29 days' END)
            < now() - interval '26 hours'""",
    ),
    "no_partner_command_outlives_its_topic": Rule(
        "partner_commands",
        "id",
        "uuid",
        """
        SELECT p.id::text AS id FROM partner_commands p
        LEFT JOIN scene_generations s ON s.id = p.generation_id
        WHERE {in_range} AND p.generation_id IS NOT NULL
        AND coalesce(s.status, 'pending') IN ('pending', 'processing')
        AND coalesce(s.expires_at, p.created_at + interval '6 days') < now() - interval '26 hours'""",
    ),
    "every_ended_generation_has_a_row": Rule(
        *_LOG,
        """
        SELECT e.subject::text AS id FROM event_log e JOIN users u ON u.id = e.account_id
        LEFT JOIN scene_generations s ON s.id = e.subject
        WHERE {in_range} AND e.type IN {endings} AND s.id IS NULL""",
    ),
}
"""Rule name -> the rule."""

BEFORE: Final = {
    "uuid": "00000000-0000-0000-0000-000000000000",
    "timestamptz": "-infinity",
    "bigint": str(-(2**63)),
}
"""A key below every key of its kind."""
RANGE: Final = 50_000
"""Rows in a range: a second or two of work."""
_ALIAS: Final = {
    "event_log": "e",
    "usage_logs": "u",
    "scene_generations": "s",
    "blob_removals": "r",
    "export_jobs": "x",
    "partner_commands": "p",
}
_END: Final = """
SELECT {column}::text FROM (SELECT {column} FROM {table} WHERE {column} > $1::text::{kind}
                            ORDER BY {column} LIMIT $2) keys ORDER BY {column} DESC LIMIT 1"""
_IN_RANGE: Final = "{alias}.{column} > $1::text::{kind} AND {alias}.{column} <= $2::text::{kind}"
_COUNTED: Final = "SELECT id, count(*) OVER () AS total FROM ({rule}) rule ORDER BY id LIMIT {shown}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Broken:
    """One rule with exceptions: their count and their first ids."""

    rule: str
    count: int
    ids: list[str]


async def end_of_range(connection: asyncpg.Connection, rule: Rule, after: str, size: int) -> str | None:
    """Return the last key of the next ``size`` rows above the key ``after``, None where there are none."""
    found: str | None = await connection.fetchval(
        _END.format(table=rule.table, column=rule.column, kind=rule.kind), after, size
    )
    return found


async def exceptions(
    connection: asyncpg.Connection, rule: Rule, after: str, end: str
) -> tuple[int, list[str]]:
    """Return the number of the exceptions in a range, and the first ids."""
    in_range = _IN_RANGE.format(alias=_ALIAS[rule.table], column=rule.column, kind=rule.kind)
    query = rule.query.format(**_KINDS, in_range=in_range, subject=_SUBJECT)
    rows = await connection.fetch(_COUNTED.format(rule=query, shown=SHOWN), after, end)
    return (rows[0]["total"] if rows else 0), [row["id"] for row in rows]


async def check(connection: asyncpg.Connection, *, size: int = RANGE) -> list[Broken]:
    """Return the rules that do not hold, all from one snapshot; an empty list is good."""
    broken = []
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        for name, rule in RULES.items():
            count, ids, after = 0, list[str](), BEFORE[rule.kind]
            while end := await end_of_range(connection, rule, after, size):
                more, found = await exceptions(connection, rule, after, end)
                count, ids, after = count + more, (ids + found)[:SHOWN], end
            if count:
                broken.append(Broken(rule=name, count=count, ids=ids))
    return broken


def to_json(broken: list[Broken]) -> str:
    """Return one JSON object: the rules that were checked and those that are broken."""
    summary: dict[str, Any] = {"holds": not broken, "rules": list(RULES), "broken": [*map(asdict, broken)]}
    return msgspec.json.encode(summary).decode()
