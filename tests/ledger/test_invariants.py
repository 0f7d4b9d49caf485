"""Each rule holds for intact data, and detects its own kind of damage."""

from __future__ import annotations

from uuid import uuid4

import asyncpg
import pytest

from bus.bridges.projector import Projector
from ledger import invariants
from ledger.invariant_runbook import REMEDIES
from tests.ledger.story import Story

DAMAGE = {
    "usage_for_every_counted_event": "DELETE FROM usage_logs WHERE event_type = 'scene_generate'",
    "no_usage_without_event": """
        INSERT INTO usage_logs SELECT gen_random_uuid(), gen_random_uuid(), user_id, NULL, event_type,
        details, created_at FROM usage_logs""",
    "usage_once_an_event": """
        INSERT INTO usage_logs SELECT gen_random_uuid(), event_id, user_id, NULL, event_type, details,
        created_at FROM usage_logs""",
    "usage_names_its_event": "UPDATE usage_logs SET user_id = gen_random_uuid()",
    "status_follows_the_ending": "UPDATE scene_generations SET status = 'failed' WHERE status = 'completed'",
    "deleted_as_the_log_says": "UPDATE scene_generations SET deleted_at = NULL",
    "every_deletion_is_told": "DELETE FROM event_log WHERE type = 'generation.deleted.v1'",
    "only_what_ended_is_deleted": """
        UPDATE scene_generations SET status = 'pending' WHERE deleted_at IS NOT NULL""",
    "what_is_to_go_goes": """
        INSERT INTO blob_removals (key, created_at) VALUES ('results/x/1', now() - interval '25 hours')""",
    "no_generation_outlives_its_command": """
        UPDATE scene_generations SET status = 'processing', expires_at = NULL,
        created_at = now() - interval '7 days 3 hours' WHERE status = 'pending'""",
    "no_export_outlives_its_command": """
        INSERT INTO export_jobs (id, scene_generation_id, export_format, status, created_at, updated_at)
        SELECT gen_random_uuid(), id, 'SPZ', 'pending', now() - interval '7 days 3 hours', now()
        FROM scene_generations LIMIT 1""",
    "no_partner_command_outlives_its_topic": """
        WITH partner AS (
            INSERT INTO partners (id, account_id, slug, state, settled, due_at, created_at, updated_at)
            SELECT gen_random_uuid(), id, 'p', 'active', true, now(), now(), now() FROM users LIMIT 1
            RETURNING id)
        INSERT INTO partner_commands (id, partner_id, fingerprint, generation_id, created_at)
        SELECT gen_random_uuid(), id, '', gen_random_uuid(), now() - interval '8 days' FROM partner""",
    "every_ended_generation_has_a_row": "DELETE FROM scene_generations WHERE status = 'cancelled'",
}


@pytest.fixture
async def recorded(ledger: Projector, story: Story, connection: asyncpg.Connection) -> Story:
    done, failed, cancelled, gone, export = (uuid4() for _ in range(5))
    await ledger.project(
        [
            *(story.requested(generation) for generation in (done, failed, cancelled, gone, uuid4())),
            story.completed(done),
            story.failed(failed),
            story.cancelled(cancelled),
            story.completed(gone),
            story.deleted(gone),
            story.export_requested(export, done),
            story.export_completed(export, done),
            story.key_created(uuid4()),
        ]
    )
    # The story's times are old; this scene expired a day ago, and the ledger has two hours left to end it.
    await connection.execute(
        "UPDATE scene_generations SET expires_at = now() - interval '1 day' WHERE status = 'pending'"
    )
    return story


async def test_all_invariants_hold(recorded: Story, connection: asyncpg.Connection) -> None:
    assert await invariants.check(connection) == []
    assert '"holds":true' in invariants.to_json([])


@pytest.mark.parametrize("rule", DAMAGE)
async def test_each_rule_detects_its_damage(
    recorded: Story, connection: asyncpg.Connection, rule: str
) -> None:
    await connection.execute(DAMAGE[rule])
    broken = await invariants.check(connection)
    assert rule in {item.rule for item in broken}
    assert all(item.count == len(item.ids) > 0 for item in broken)
    in_ranges = await invariants.check(connection, size=2)
    assert [(b.rule, b.count, sorted(b.ids)) for b in in_ranges] == [
        (b.rule, b.count, sorted(b.ids)) for b in broken
    ]


async def test_a_second_ending_is_detected(
    recorded: Story, ledger: Projector, connection: asyncpg.Connection
) -> None:
    generation, export = uuid4(), uuid4()
    await ledger.project(
        [
            recorded.requested(generation),
            recorded.failed(generation),
            recorded.cancelled(generation),
            recorded.export_completed(export, generation),
            recorded.export_failed(export, generation),
        ]
    )
    found = {item.rule: item.ids for item in await invariants.check(connection)}
    assert found["one_ending_a_generation"] == [str(generation)]
    assert found["one_ending_an_export"] == [str(export)]


def test_every_rule_is_broken_by_some_test() -> None:
    reported = {"one_ending_a_generation", "one_ending_an_export"}
    assert DAMAGE.keys() | reported == invariants.RULES.keys()


def test_every_rule_has_a_remedy() -> None:
    assert REMEDIES.keys() == invariants.RULES.keys()
