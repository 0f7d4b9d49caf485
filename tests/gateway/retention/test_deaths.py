"""The job dies at any statement: what it began is done wholly or not at all, and the next turn goes on."""

from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from bus.contract.retention import KINDS, Policy
from gateway.retention.job import Retention
from gateway.retention.repository import Policies
from tests.gateway.retention.kept import add_account, fill, left, published, recorded, removals

OLD, YOUNG = timedelta(hours=2), timedelta(minutes=59)
PARTS = ("originals", "results", "webhooks")
"""Those of several statements."""


class Killed(BaseException):
    """The process is gone."""


class Dying:
    """A pool whose connections are cut before the step ``at``: a statement, a commit, or what follows one."""

    def __init__(self, pool, at: int) -> None:
        self._pool, self.at, self.steps = pool, at, 0

    def step(self, connection=None) -> None:
        self.steps += 1
        if self.steps == self.at:
            if connection is not None:
                connection.terminate()
            raise Killed

    async def fetch(self, *arguments):
        self.step()
        return await self._pool.fetch(*arguments)

    @asynccontextmanager
    async def acquire(self):
        async with self._pool.acquire() as connection:
            yield Mortal(connection, self)


class Mortal:
    """A connection of a `Dying` pool."""

    def __init__(self, connection, pool: Dying) -> None:
        self._connection, self._pool = connection, pool

    def __getattr__(self, name: str):
        call = getattr(self._connection, name)

        async def stepping(*arguments):
            self._pool.step(self._connection)
            return await call(*arguments)

        return stepping

    @asynccontextmanager
    async def transaction(self):
        transaction = self._connection.transaction()
        await transaction.start()
        try:
            yield
            self._pool.step(self._connection)
        except Exception:
            await transaction.rollback()
            raise
        await transaction.commit()
        self._pool.step()


async def turn(api, at: int = 0) -> int:
    """Run a turn that dies at a step; return how many there were."""
    pool = Dying(api.services.pool, at)
    policies = Policies(pool, Policy())
    try:
        await Retention(pool, policies, api.services.removals).work()
    except Killed:
        return pool.steps
    assert not at
    return pool.steps


@pytest.mark.parametrize("kinds", [("scenes",), PARTS], ids=["scenes", "parts"])
async def test_a_death_at_any_step_loses_and_doubles_nothing(api, removals_wait, kinds, monkeypatch) -> None:
    monkeypatch.setattr("gateway.retention.job.KINDS", kinds)
    young = await fill(api, await add_account(api), YOUNG)
    await api.services.policies.put(young.account, Policy(**dict.fromkeys(kinds, 1)))
    expected = None
    at, steps = 0, 1
    while at < steps:
        account = await add_account(api)
        await api.services.policies.put(account, Policy(**dict.fromkeys(kinds, 1)))
        kept = await fill(api, account, OLD)
        await api.sql("DELETE FROM blob_removals")
        if at:
            await turn(api, at)
            await whole(api, kept, kinds)
        taken = await turn(api)
        steps = steps if at else taken
        everything = (
            await left(api, kept),
            await recorded(api, account),
            await published(api, kept.scene),
            sorted(named(await removals(api), kept)),
        )
        expected = expected or everything
        assert everything == expected, at
        at += 1
    assert steps > 8 * len(kinds)
    assert expected[1] == dict.fromkeys(kinds, 1)
    assert expected[2] == (["generation.deleted.v1"] if "scenes" in kinds else [])
    assert await left(api, young) == set(KINDS)


async def whole(api, kept, kinds) -> None:
    """Check that each kind is there with everything of it, or gone with everything of it."""
    there, gone = await left(api, kept), await recorded(api, kept.account)
    assert {kind for kind in kinds if kind not in there} == set(gone)
    keys = named(await removals(api), kept)
    of = {
        "scenes": {"originals/SCENE/", "results/SCENE/", "exports/EXPORT/", "exports/VIEWER/"},
        "originals": {"originals/SCENE/", "results/SCENE/photo.webp", "results/SCENE/small.jpg"},
        "results": {"results/SCENE/"},
        "exports": {"exports/EXPORT/"},
        "views": {"exports/VIEWER/"},
    }
    assert set(keys) == set().union(*(of.get(kind, set()) for kind in gone))
    assert len(keys) == len(set(keys))
    assert len(await published(api, kept.scene)) == ("scenes" in gone)


def named(keys: list[str], kept) -> list[str]:
    ids = {str(kept.scene): "SCENE", str(kept.export): "EXPORT", str(kept.viewer): "VIEWER"}
    for each, name in ids.items():
        keys = [key.replace(each, name) for key in keys]
    return keys


@pytest.mark.kill
@pytest.mark.parametrize("word", ["SET original_erased_at", "INSERT INTO erasures"])
async def test_a_killed_process_leaves_its_batch_to_the_next(
    api, fresh_database, removals_wait, word
) -> None:
    account = await add_account(api)
    await api.services.policies.put(account, Policy(originals=1))
    kept = await fill(api, account, OLD)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.gateway.retention.worker", fresh_database, word,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(60):
            assert await process.stdout.readline() == b"reached\n"
    finally:
        process.kill()
        await process.wait()
    assert await left(api, kept) == set(KINDS)
    assert await recorded(api, account) == {}
    async with asyncio.timeout(30):  # until Postgres has noticed that the connection is gone
        while "originals" in await left(api, kept):
            await api.services.retention.work()
    assert await recorded(api, account) == {"originals": 1}
    assert len(await removals(api)) == 3
