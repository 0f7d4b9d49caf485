"""Migrations from an empty database to the newest schema, once; the table classes match the SQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from piccolo.columns import ForeignKey
from piccolo.table import Table

from ledger.db.migrate import Migration, check, declared, migrate
from ledger.db.tables import TABLES
from ledger.errors import SchemaError


@pytest.fixture
async def empty(empty_database: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(empty_database)
    yield connection
    await connection.close()


async def test_migrations_are_applied_once(empty: asyncpg.Connection) -> None:
    with pytest.raises(SchemaError, match="python -m ledger migrate"):
        await check(empty)
    assert await migrate(empty) == [migration.name for migration in declared()]
    assert await migrate(empty) == []
    await check(empty)


async def test_simultaneous_migrations_are_applied_once(empty_database: str) -> None:
    connections = [await asyncpg.connect(empty_database) for _ in range(2)]
    try:
        done = await asyncio.gather(*map(migrate, connections))
    finally:
        for connection in connections:
            await connection.close()
    assert sorted(map(len, done)) == [0, len(declared())]


async def test_a_failing_migration_leaves_nothing(
    empty: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    last = Migration("9999_broken", "CREATE TABLE half (id int); SELECT nonsense;")
    with monkeypatch.context() as patch:
        patch.setattr("ledger.db.migrate.declared", lambda: [*declared(), last])
        with pytest.raises(asyncpg.UndefinedColumnError):
            await migrate(empty)
    assert await empty.fetchval("SELECT to_regclass('half')") is None
    assert await migrate(empty) == []  # those before it stay: each of them is a schema that works
    await check(empty)


async def test_an_edited_migration_is_refused(
    empty: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await migrate(empty)
    first, *rest = declared()
    edited = [Migration(first.name, first.sql + "-- harmless?"), *rest]
    monkeypatch.setattr("ledger.db.migrate.declared", lambda: edited)
    with pytest.raises(SchemaError, match=first.name):
        await migrate(empty)


async def test_the_previous_release_starts_on_a_newer_schema(
    empty: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = [*declared(), Migration("9999_newer", "CREATE TABLE newer (id int)")]
    with monkeypatch.context() as patch:
        patch.setattr("ledger.db.migrate.declared", lambda: newer)
        await migrate(empty)
    assert await migrate(empty) == []
    await check(empty)


_COLUMNS = """
SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, NOT a.attnotnull AS null,
       EXISTS (SELECT FROM pg_index i WHERE i.indrelid = a.attrelid AND i.indisunique AND i.indpred IS NULL
               AND i.indnatts = 1 AND i.indkey[0] = a.attnum) AS alone_unique,
       EXISTS (SELECT FROM pg_index i WHERE i.indrelid = a.attrelid AND i.indisprimary
               AND a.attnum = ANY(i.indkey)) AS in_key,
       (SELECT confrelid::regclass::text || ' ' || confdeltype::text FROM pg_constraint f
        WHERE f.conrelid = a.attrelid AND f.contype = 'f' AND f.conkey = ARRAY[a.attnum]) AS refers,
       a.atthasdef OR a.attidentity <> '' AS filled
FROM pg_attribute a WHERE a.attrelid = $1::text::regclass AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum"""
_TYPES = {"timestamptz": "timestamp with time zone"}


def declared_columns(table: type[Table]) -> list[tuple[object, ...]]:
    columns: list[tuple[object, ...]] = []
    for column in table._meta.columns:
        refers = None
        if isinstance(column, ForeignKey):
            meta = column._foreign_key_meta
            code = {"CASCADE": "c", "RESTRICT": "r"}[meta.on_delete.value]
            refers = f"{meta.resolved_references._meta.tablename} {code}"
        kind = column.column_type.lower()
        columns.append((column._meta.db_column_name, _TYPES.get(kind, kind), column._meta.null, refers))
    return columns


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table._meta.tablename)
async def test_no_drift_between_classes_and_schema(shared: asyncpg.Connection, table: type[Table]) -> None:
    rows = await shared.fetch(_COLUMNS, table._meta.tablename)
    assert [(r["name"], r["type"], r["null"], r["refers"]) for r in rows] == declared_columns(table)
    by_name = {row["name"]: row for row in rows}
    key = by_name[table._meta.primary_key._meta.db_column_name]
    assert key["in_key"] or key["alone_unique"]
    for column in table._meta.columns:
        row = by_name[column._meta.db_column_name]
        if column._meta.unique:
            assert row["alone_unique"], f"{row['name']} is not unique in the schema"
        if row["filled"] is False and not row["null"]:
            assert column.get_default_value() is None, f"Piccolo would fill {row['name']} in silence"


async def test_every_table_of_the_schema_has_a_class(shared: asyncpg.Connection) -> None:
    rows = await shared.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    assert {row[0] for row in rows} - {"migrations"} == {table._meta.tablename for table in TABLES}
