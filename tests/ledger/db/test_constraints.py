"""The database refuses invalid rows, whichever role writes them."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from piccolo.table import Table

from ledger.db.tables import TABLES
from tests.ledger.story import NOON, add_user, insert

Row = dict[str, Any]


def api_key(user: Any, **changes: Any) -> Row:
    row = {"id": uuid4(), "user_id": user, "api_key_hash": uuid4().hex, "name": "n", "status": "active"}
    return row | {"created_at": NOON, "expires_at": None} | changes


def scene(user: Any, **changes: Any) -> Row:
    row = {"id": uuid4(), "user_id": user, "original_image_url": "s3://b/k", "status": "pending"}
    row |= {"priority": "bulk", "metadata": "{}", "created_at": NOON, "updated_at": NOON}
    return row | changes


def export(generation: Any, **changes: Any) -> Row:
    row = {"id": uuid4(), "scene_generation_id": generation, "export_format": "OBJ", "status": "pending"}
    return row | {"created_at": NOON, "updated_at": NOON} | changes


def usage(**changes: Any) -> Row:
    row = {"id": uuid4(), "event_id": uuid4(), "event_type": "scene_generate", "details": "{}"}
    return row | {"created_at": NOON} | changes


@pytest.mark.parametrize("role", ["user", "enterprise", "admin"])
async def test_roles(shared: asyncpg.Connection, role: str) -> None:
    await add_user(shared, role=role)
    with pytest.raises(asyncpg.CheckViolationError, match="users_role"):
        await add_user(shared, role=role.upper())


async def test_email_addresses_are_unique_regardless_of_case(shared: asyncpg.Connection) -> None:
    name = uuid4().hex
    await add_user(shared, email=f"{name}@example.org")
    with pytest.raises(asyncpg.UniqueViolationError, match="users_email"):
        await add_user(shared, email=f"{name.upper()}@Example.org")


@pytest.mark.parametrize(
    "column",
    [
        "id",
        "email",
        "password_hash",
        "first_name",
        "last_name",
        "role",
        "created_at",
        "updated_at",
        "is_active",
    ],
)
async def test_every_column_of_a_user_is_required(shared: asyncpg.Connection, column: str) -> None:
    with pytest.raises(asyncpg.NotNullViolationError, match=column):
        await add_user(shared, **{column: None})


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table._meta.tablename)
def test_piccolo_sets_no_defaults(table: type[Table]) -> None:
    with pytest.raises(ValueError, match="wasn't provided"):
        table()


async def test_api_keys(shared: asyncpg.Connection) -> None:
    user, hashed = await add_user(shared), uuid4().hex
    await insert(shared, "api_keys", api_key(user, api_key_hash=hashed))
    with pytest.raises(asyncpg.UniqueViolationError, match="api_key_hash"):
        await insert(shared, "api_keys", api_key(user, api_key_hash=hashed))
    with pytest.raises(asyncpg.CheckViolationError, match="api_keys_status"):
        await insert(shared, "api_keys", api_key(user, status="expired"))
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await insert(shared, "api_keys", api_key(uuid4()))
    await shared.execute("DELETE FROM users WHERE id = $1", user)
    assert await shared.fetchval("SELECT count(*) FROM api_keys WHERE user_id = $1", user) == 0


@pytest.mark.parametrize("status", ["pending", "processing", "completed", "failed", "cancelled"])
async def test_all_statuses_are_accepted(shared: asyncpg.Connection, status: str) -> None:
    row = scene(await add_user(shared), status=status)
    await insert(shared, "scene_generations", row)
    await insert(shared, "export_jobs", export(row["id"], status=status))


async def test_scene_generations(shared: asyncpg.Connection) -> None:
    user = await add_user(shared)
    refused = {"status": "done", "priority": "urgent", "metadata": "[]"}
    for column, value in refused.items():
        with pytest.raises(asyncpg.CheckViolationError, match=column):
            await insert(shared, "scene_generations", scene(user, **{column: value}))
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await insert(shared, "scene_generations", scene(uuid4()))
    await insert(shared, "scene_generations", scene(user))
    with pytest.raises(asyncpg.RestrictViolationError):  # a closed account keeps its history
        await shared.execute("DELETE FROM users WHERE id = $1", user)


async def test_export_jobs(shared: asyncpg.Connection) -> None:
    row = scene(await add_user(shared))
    await insert(shared, "scene_generations", row)
    with pytest.raises(asyncpg.CheckViolationError, match="export_jobs_status"):
        await insert(shared, "export_jobs", export(row["id"], status="done"))
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await insert(shared, "export_jobs", export(uuid4()))
    await insert(shared, "export_jobs", export(row["id"]))
    with pytest.raises(asyncpg.RestrictViolationError):
        await shared.execute("DELETE FROM scene_generations WHERE id = $1", row["id"])


async def test_usage_belongs_to_an_account_and_is_counted_once(shared: asyncpg.Connection) -> None:
    with pytest.raises(asyncpg.CheckViolationError, match="usage_logs_whose"):
        await insert(shared, "usage_logs", usage())
    row = uuid4()  # derived from the event's id and time
    await insert(shared, "usage_logs", usage(user_id=uuid4(), id=row))
    await insert(shared, "usage_logs", usage(api_key_id=uuid4()))
    with pytest.raises(asyncpg.UniqueViolationError, match="usage_logs_pkey"):
        await insert(shared, "usage_logs", usage(user_id=uuid4(), id=row))


@pytest.mark.parametrize(
    ("table", "column"),
    [
        (table, column)
        for table, columns in {
            "users": ["created_at", "updated_at"],
            "api_keys": ["user_id", "created_at"],
            "scene_generations": ["user_id", "created_at", "updated_at"],
            "export_jobs": ["scene_generation_id", "created_at", "updated_at"],
            "usage_logs": ["user_id", "api_key_id", "created_at"],
        }.items()
        for column in columns
    ],
)
async def test_a_btree_index_begins_with_the_column(
    shared: asyncpg.Connection, table: str, column: str
) -> None:
    found = await shared.fetchval(
        "SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
        " JOIN pg_am m ON m.oid = c.relam JOIN pg_attribute a ON a.attrelid = i.indrelid"
        " AND a.attnum = i.indkey[0] WHERE i.indrelid = $1::text::regclass AND a.attname = $2"
        " AND m.amname = 'btree'",
        table,
        column,
    )
    assert found >= 1


async def test_no_index_over_random_ids_grows_with_the_log(shared: asyncpg.Connection) -> None:
    """Each event would write to a random page, so p99 would grow with the log (benchmarks/ledger.py)."""
    rows = await shared.fetch(
        "SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
        " JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]"
        " WHERE i.indrelid = ANY('{event_log, usage_logs}'::regclass[]) AND a.attname = 'event_id'"
    )
    assert rows == []
