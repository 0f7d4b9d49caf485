"""Piccolo's queries run only in the database and the transaction that they are given."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID, uuid4

import asyncpg
import pytest
from piccolo.query.methods.delete import DeletionError
from piccolo.query.methods.update import UpdateError

from ledger.db.queries import NOW, columns_of, names_of, now_plus, older_than, run, run_one
from ledger.db.tables.accounts import User
from ledger.db.tables.scenes import SceneGeneration
from tests.ledger.story import NOON, add_user, insert


@dataclass(frozen=True)
class Person:
    role: str
    id: UUID


@pytest.fixture
async def pool(fresh_database: str) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(fresh_database, min_size=1, max_size=4) as pool:
        yield pool


async def test_simultaneous_queries_each_use_their_own_database(
    pool: asyncpg.Pool, database_url: str
) -> None:
    async with asyncpg.create_pool(database_url, min_size=1, max_size=4) as other:
        here, there = await add_user(pool), await add_user(other)

        async def find(where: asyncpg.Pool, account: UUID) -> bool:
            return await run(where, User.exists().where(User.id == account))

        found = await asyncio.gather(
            *(find(where, account) for _ in range(20) for where in (pool, other) for account in (here, there))
        )
    assert found == [True, False, False, True] * 20


async def test_a_query_takes_part_in_the_transaction_of_its_connection(pool: asyncpg.Pool) -> None:
    account = await add_user(pool)
    of_account = User.id == account
    async with pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await run(connection, User.delete().where(of_account))
        assert not await run(connection, User.exists().where(of_account))
        assert await run(pool, User.exists().where(of_account))
        await transaction.rollback()
    assert await run(pool, User.exists().where(of_account))


async def test_a_query_without_a_connection_raises(pool: asyncpg.Pool) -> None:
    await run(pool, User.count())
    with pytest.raises(RuntimeError, match=r"await run\(pool, query\)"):
        await User.count()


async def test_updates_and_deletes_without_a_condition_are_refused(pool: asyncpg.Pool) -> None:
    account = await add_user(pool)
    with pytest.raises(UpdateError):
        await run(pool, User.update({User.role: "admin"}))
    with pytest.raises(DeletionError):
        await run(pool, User.delete())
    assert await run_one(pool, User.select(User.role).where(User.id == account)) == {"role": "user"}


async def test_a_row_has_the_columns_of_its_dataclass_and_no_other(pool: asyncpg.Pool) -> None:
    account = await add_user(pool, role="enterprise")
    columns = columns_of(User, Person)
    assert names_of(Person) == "role, id"
    row = await run_one(pool, User.select(*columns).where(User.id == account))
    assert row is not None
    assert Person(**row) == Person(role="enterprise", id=account)
    assert await run_one(pool, User.select(*columns).where(User.id == uuid4())) is None


async def test_times_are_those_of_the_database(pool: asyncpg.Pool) -> None:
    account = await add_user(pool)
    changes = {User.created_at: NOW, User.updated_at: now_plus(90)}
    query = User.update(changes).where(User.id == account).returning(User.created_at, User.updated_at)
    async with pool.acquire() as connection, connection.transaction():
        row = await run_one(connection, query)
        now = await connection.fetchval("SELECT now()")
    assert row is not None
    assert row["created_at"] == now
    assert (row["updated_at"] - now).total_seconds() == 90


async def test_json_stays_text(pool: asyncpg.Pool) -> None:
    generation = await _scene(pool, await add_user(pool), metadata='{"name": "A"}')
    row = await run_one(
        pool, SceneGeneration.select(SceneGeneration.metadata).where(SceneGeneration.id == generation)
    )
    assert row == {"metadata": '{"name": "A"}'}


async def test_a_page_is_read_by_an_index_range_scan(pool: asyncpg.Pool) -> None:
    """Both columns bound the index scan; no rows are filtered out afterwards, and none are sorted."""
    scene = SceneGeneration
    query = (
        scene.select(scene.id)
        .where(scene.user_id == uuid4(), older_than(scene.created_at, scene.id, (NOON, uuid4())))
        .order_by(scene.created_at, scene.id, ascending=False)
        .limit(20)
    )
    statement, arguments = query.querystrings[0].compile_string()
    async with pool.acquire() as connection:
        await connection.execute("SET enable_seqscan = off")
        plan = "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN {statement}", *arguments))
    assert "Index Only Scan Backward using scene_generations_user_id" in plan
    assert "ROW(created_at, id) < ROW(" in plan
    assert "Filter" not in plan
    assert "Sort" not in plan


async def _scene(pool: asyncpg.Pool, account: UUID, **changes: str) -> UUID:
    row = {"id": uuid4(), "user_id": account, "original_image_url": "s3://b/k", "status": "pending"}
    row |= {"priority": "bulk", "metadata": "{}", "created_at": NOON, "updated_at": NOON} | changes
    await insert(pool, "scene_generations", row)
    return row["id"]
