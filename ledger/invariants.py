"""The invariants over all tables, as queries that return the exceptions; needs Postgres only.

`ledger.rebuild` is the stronger proof, but reads the whole log; these queries run in seconds.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

import asyncpg
import msgspec

SHOWN: Final = 100
"""Exceptions shown for each rule; the count covers all of them."""
_KINDS: Final = {
    "endings": "('generation.completed.v1', 'generation.failed.v1', 'generation.cancelled.v1')",
    "export_endings": "('export.completed.v1', 'export.failed.v1')",
    "counted": "('generation.completed.v1', 'export.completed.v1', 'api_key.created.v1')",
}

# Each query returns the ids of the exceptions; `_KINDS` fills the braces.
RULES: Final = {
    "one_ending_a_generation": """
        SELECT subject::text AS id FROM event_log WHERE type IN {endings}
        GROUP BY subject HAVING count(*) > 1""",
    "one_ending_an_export": """
        SELECT subject::text AS id FROM event_log WHERE type IN {export_endings}
        GROUP BY subject HAVING count(*) > 1""",
    "usage_for_every_counted_event": """
        SELECT e.event_id::text AS id FROM event_log e LEFT JOIN usage_logs u USING (event_id)
        WHERE e.type IN {counted} AND u.id IS NULL""",
    "no_usage_without_event": """
        SELECT u.id::text AS id FROM usage_logs u LEFT JOIN event_log e USING (event_id)
        WHERE e.event_id IS NULL OR e.type NOT IN {counted}""",
    "usage_once_an_event": """
        SELECT event_id::text AS id FROM usage_logs GROUP BY event_id HAVING count(*) > 1""",
    "usage_names_its_event": """
        SELECT u.id::text AS id FROM usage_logs u JOIN event_log e USING (event_id)
        WHERE u.user_id <> e.account_id OR u.created_at <> e.time OR u.event_type <> CASE e.type
            WHEN 'generation.completed.v1' THEN 'scene_generate'
            WHEN 'export.completed.v1' THEN 'scene_export' ELSE 'api_key_created' END""",
    "status_follows_the_ending": """
        SELECT s.id::text AS id FROM scene_generations s
        LEFT JOIN event_log e ON e.subject = s.id AND e.type IN {endings}
        WHERE CASE WHEN e.type IS NULL THEN s.status NOT IN ('pending', 'processing')
                   ELSE e.type <> 'generation.' || s.status || '.v1' END""",
    "deleted_as_the_log_says": """
        SELECT s.id::text AS id FROM scene_generations s
        JOIN event_log e ON e.subject = s.id AND e.type = 'generation.deleted.v1'
        WHERE s.deleted_at IS DISTINCT FROM e.time""",
    "every_deletion_is_told": """
        SELECT s.id::text AS id FROM scene_generations s
        LEFT JOIN event_log e ON e.subject = s.id AND e.type = 'generation.deleted.v1'
        WHERE s.deleted_at < now() - interval '1 hour' AND e.event_id IS NULL""",
    "only_what_ended_is_deleted": """
        SELECT s.id::text AS id FROM scene_generations s
        WHERE s.deleted_at IS NOT NULL AND s.status IN ('pending', 'processing')""",
    "what_is_to_go_goes": """
        SELECT key AS id FROM blob_removals WHERE created_at < now() - interval '1 day'""",
    # A command is kept for a day after its expiry; then the ledger has two hours to find that it is gone.
    "no_generation_outlives_its_command": """
        SELECT id::text AS id FROM scene_generations WHERE status IN ('pending', 'processing')
        AND coalesce(expires_at, created_at + interval '6 days') < now() - interval '26 hours'""",
    "no_export_outlives_its_command": """
        SELECT id::text AS id FROM export_jobs WHERE status IN ('pending', 'processing')
        AND coalesce(expires_at, created_at + CASE WHEN purpose IS NULL THEN interval '6 days'
                                              ELSE interval '29 days' END) < now() - interval '26 hours'""",
    "no_partner_command_outlives_its_topic": """
        SELECT p.id::text AS id FROM partner_commands p
        LEFT JOIN scene_generations s ON s.id = p.generation_id
        WHERE p.generation_id IS NOT NULL AND coalesce(s.status, 'pending') IN ('pending', 'processing')
        AND coalesce(s.expires_at, p.created_at + interval '6 days') < now() - interval '26 hours'""",
    "every_ended_generation_has_a_row": """
        SELECT e.subject::text AS id FROM event_log e JOIN users u ON u.id = e.account_id
        LEFT JOIN scene_generations s ON s.id = e.subject WHERE e.type IN {endings} AND s.id IS NULL""",
}
"""Rule name -> the query for its exceptions."""

_COUNTED: Final = "SELECT id, count(*) OVER () AS total FROM ({rule}) rule ORDER BY id LIMIT {shown}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Broken:
    """One rule with exceptions: their count and their first ids."""

    rule: str
    count: int
    ids: list[str]


async def check(connection: asyncpg.Connection) -> list[Broken]:
    """Return the rules that do not hold, all from one snapshot; an empty list is good."""
    broken = []
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        for rule, query in RULES.items():
            rows = await connection.fetch(_COUNTED.format(rule=query.format(**_KINDS), shown=SHOWN))
            if rows:
                ids = [row["id"] for row in rows]
                broken.append(Broken(rule=rule, count=rows[0]["total"], ids=ids))
    return broken


def to_json(broken: list[Broken]) -> str:
    """Return one JSON object: the rules that were checked and those that are broken."""
    summary: dict[str, Any] = {"holds": not broken, "rules": list(RULES), "broken": [*map(asdict, broken)]}
    return msgspec.json.encode(summary).decode()
