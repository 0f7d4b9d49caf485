"""Objects are removed after the commit, even if the store is unavailable or the worker is killed."""

from __future__ import annotations

import asyncio
import sys

import asyncpg
import pytest

from bus.blobs import BlobStoreError
from bus.testing import MemoryBlobs
from gateway.operations.blob_deletion import BATCH, Removals
from ledger.db.removals import enqueue
from tests.gateway.conftest import until


class Store(MemoryBlobs):
    """Fails for the keys in `broken`, and blocks while `let` is cleared."""

    def __init__(self) -> None:
        super().__init__()
        self.broken: set[str] = set()
        self.let = asyncio.Event()
        self.let.set()
        self.entered = asyncio.Event()

    async def delete(self, key):
        self.entered.set()
        await self.let.wait()
        if key in self.broken:
            raise BlobStoreError("away", key=key)
        await super().delete(key)


@pytest.fixture
async def pool(fresh_database):
    async with asyncpg.create_pool(fresh_database, min_size=1, max_size=4) as pool:
        yield pool


@pytest.fixture
async def store():
    store = Store()
    for key in ("r/a/1", "r/a/2", "r/ab/1", "b"):
        await store.put(key, b"x", "text/plain")
    return store


async def request_removal(pool, *keys, commit=True):
    async with pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        try:
            await enqueue(connection, keys)
        except BaseException:
            await transaction.rollback()
            raise
        await (transaction.commit() if commit else transaction.rollback())


async def left(pool):
    return [tuple(row) for row in await pool.fetch("SELECT key, attempts FROM blob_removals ORDER BY key")]


async def test_objects_and_folders_are_deleted(pool, store):
    removals = Removals(pool, store)
    await request_removal(pool, "r/a/", "b", "b", "missing")
    assert await removals.work() == 3
    assert list(store.objects) == ["r/ab/1"]
    assert await left(pool) == []
    assert await removals.work() == 0


@pytest.mark.parametrize("key", ["", "/", "results/"])
async def test_a_removal_of_everything_is_refused(pool, key):
    with pytest.raises(asyncpg.CheckViolationError):
        await request_removal(pool, key)


async def test_a_rollback_withdraws_the_removal_request(pool, store):
    removals = Removals(pool, store)
    await request_removal(pool, "r/a/", commit=False)
    assert await removals.work() == 0
    assert len(store.objects) == 4


async def test_a_failed_removal_is_retried_with_backoff_and_blocks_no_other(pool, store):
    removals = Removals(pool, store)
    store.broken = {"r/a/2"}
    await request_removal(pool, "r/a/", "b")
    await removals.work()
    assert sorted(store.objects) == ["r/a/2", "r/ab/1"]
    waits = []
    for _ in range(9):
        row = await pool.fetchrow("SELECT key, error, due_at - now() AS wait FROM blob_removals")
        assert (row["key"], "away" in row["error"]) == ("r/a/", True)
        waits.append(row["wait"].total_seconds())
        assert await removals.work() == 0  # not before it is due
        await pool.execute("UPDATE blob_removals SET due_at = now()")
        await removals.work()
    minutes = [round(wait / 60, 1) for wait in waits]
    assert minutes == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    store.broken.clear()
    await pool.execute("UPDATE blob_removals SET due_at = now()")
    await removals.work()
    assert await left(pool) == []
    assert list(store.objects) == ["r/ab/1"]


async def test_a_removal_cancelled_in_the_middle_is_done_by_the_next_worker(pool, store):
    first = Removals(pool, store)
    await request_removal(pool, "r/a/")
    store.let.clear()
    working = asyncio.create_task(first.run())
    await store.entered.wait()
    working.cancel()
    await asyncio.wait([working])
    assert await left(pool) == [("r/a/", 1)]
    store.let.set()
    second = Removals(pool, store)
    assert await second.work() == 0  # a dead worker cannot be distinguished from a slow one
    await pool.execute("UPDATE blob_removals SET due_at = now()")
    assert await second.work() == 1
    assert sorted(store.objects) == ["b", "r/ab/1"]


async def test_removals_of_a_killed_worker_are_done_by_the_next(pool, store, fresh_database):
    await request_removal(pool, "r/a/1", "b")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.gateway.operations.blob_deletion_worker",
        fresh_database,
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        assert await process.stdout.readline() in {b"b\n", b"r/a/1\n"}
        process.kill()
        await process.wait()
    assert await left(pool) == [("b", 1), ("r/a/1", 1)]  # it claimed both and finished none
    await pool.execute("UPDATE blob_removals SET due_at = now()")
    assert await Removals(pool, store).work() == 2
    assert sorted(store.objects) == ["r/a/2", "r/ab/1"]
    assert await left(pool) == []


async def test_two_workers_never_share_a_request(pool, store):
    workers = [Removals(pool, store) for _ in range(2)]
    keys = [f"many/{number}" for number in range(BATCH)]
    for key in keys:
        await store.put(key, b"x", "text/plain")
    await request_removal(pool, *keys)
    store.let.clear()
    claims = [asyncio.create_task(worker.work()) for worker in workers]
    await store.entered.wait()
    store.let.set()
    assert sorted(await asyncio.gather(*claims)) == [0, BATCH]
    assert await left(pool) == []


async def test_the_worker_survives_a_database_error_and_continues_when_woken(pool, store, monkeypatch):
    monkeypatch.setattr("gateway.operations.blob_deletion.POLL_INTERVAL_S", 0.05)
    removals = Removals(pool, store)
    await pool.execute("ALTER TABLE blob_removals RENAME TO hidden")
    working = asyncio.create_task(removals.run())
    try:
        await asyncio.sleep(0)
        await pool.execute("ALTER TABLE hidden RENAME TO blob_removals")
        await request_removal(pool, "b")
        removals.wake()
        await until(lambda: "b" not in store.objects)
    finally:
        working.cancel()
        await asyncio.wait([working])
