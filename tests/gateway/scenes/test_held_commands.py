"""An account's bulk commands beyond its share wait in the outbox, so that nobody stands behind all of them.

| member | |
|---|---|
| a flood, asked as bulk or made bulk | the share is queued, the rest held, all are announced at once |
| one ends, many end in one statement, an interactive one ends | one released for a bulk one, oldest first |
| an end that is not yet committed while another is accepted | the acceptance waits: none is forgotten |
| to the last one | nothing is held once nothing is queued |
| the role that ends jobs | needs no right to the outbox |
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from uuid import UUID

import asyncpg
import pytest

from bus.bridges import outbox
from bus.bridges.relay_lease import Lease
from bus.contract import topics
from bus.contract.messages import Priority
from gateway.scenes.queue_position import Backlog
from ledger.db import grants
from tests.gateway.pictures import encoded

pytestmark = pytest.mark.stack

PHOTO = encoded("JPEG")
SHARE = 3
BLOCKED = "SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
END = "UPDATE scene_generations SET status = 'completed' WHERE id = ANY($1::uuid[])"


@pytest.fixture
def api(api):
    quotas = api.services.account_quotas
    quotas._of_user = replace(quotas._of_user, bulk_at_once=SHARE)
    return api


async def sent(api, headers, count: int, priority: str = "bulk") -> list[UUID]:
    answers = [await api.generate(headers, PHOTO, priority=priority) for _ in range(count)]
    assert {answer.status_code for answer in answers} == {202}
    return [UUID(answer.json()["generation_id"]) for answer in answers]


async def published(api, topic: str, *, held: bool) -> list[UUID]:
    """Return the jobs whose record of the topic is held or not, in the order of the outbox."""
    rows = await api.sql("SELECT records FROM outbox WHERE (held_for IS NOT NULL) = $1 ORDER BY id", held)
    found = [each for row in rows for each in outbox.load(row["records"]) if each.topic == topic]
    return [UUID(json.loads(each.value)["generation_id"]) for each in found]


async def commands(api, *, held: bool) -> list[UUID]:
    return await published(api, topics.COMMANDS_BULK.name, held=held)


async def test_a_flood_is_held_beyond_its_share_and_announced_at_once(api, key) -> None:
    jobs = await sent(api, key, 8)
    assert await commands(api, held=False) == jobs[:SHARE]
    assert await commands(api, held=True) == jobs[SHARE:]
    assert await published(api, topics.EVENTS.name, held=False) == jobs
    assert await published(api, topics.EVENTS.name, held=True) == []
    owners = await api.sql("SELECT DISTINCT held_for FROM outbox WHERE held_for IS NOT NULL")
    users = await api.sql("SELECT DISTINCT user_id FROM scene_generations")
    assert [row["held_for"] for row in owners] == [row["user_id"] for row in users]


async def test_what_was_made_bulk_is_held_too_and_others_are_not(api, key) -> None:
    jobs = await sent(api, key, 2 + SHARE + 2, "interactive")
    assert await published(api, topics.COMMANDS_INTERACTIVE.name, held=False) == jobs[:2]
    assert await commands(api, held=False) == jobs[2 : 2 + SHARE]
    assert await commands(api, held=True) == jobs[2 + SHARE :]
    _, other = await api.key(await api.person())
    (own,) = await sent(api, other, 1)
    assert (await commands(api, held=False))[-1] == own


async def test_each_that_ends_releases_the_oldest(api, key) -> None:
    interactive = await sent(api, key, 1, "interactive")
    jobs = await sent(api, key, 8)
    await api.sql(END, interactive)
    assert len(await commands(api, held=True)) == 5
    await api.sql(END, jobs[:1])
    assert await commands(api, held=True) == jobs[4:]
    await api.sql(END, jobs[:1])  # it has ended already
    assert await commands(api, held=True) == jobs[4:]
    await api.sql(END, jobs[1:3])
    assert await commands(api, held=True) == jobs[6:]
    assert set(await commands(api, held=False)) == set(jobs[:6])


async def test_none_is_left_when_all_have_ended(api, key) -> None:
    jobs = set(await sent(api, key, 10))
    ended: set[UUID] = set()
    while queued := set(await commands(api, held=False)) - ended:
        assert len(queued) <= SHARE
        await api.sql(END, list(queued))
        ended |= queued
    assert ended == jobs


@pytest.mark.parametrize("accepted_first", [True, False])
async def test_an_end_and_an_acceptance_at_once_wait_for_each_other(
    api, key, settings, accepted_first
) -> None:
    jobs = await sent(api, key, SHARE)
    one = await asyncpg.connect(settings.database.url.get_secret_value())
    try:
        async with one.transaction():
            if accepted_first:
                account = await one.fetchval("SELECT user_id FROM api_keys")
                await one.fetchval("SELECT accepted_priority($1, 'bulk', 100, 2, $2)", account, SHARE)
                waiting = asyncio.create_task(api.sql(END, jobs))
            else:
                await one.execute(END, jobs)
                waiting = asyncio.create_task(sent(api, key, 1))
            while not await api.sql(BLOCKED):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            assert not waiting.done()
        await waiting
    finally:
        await one.close()
    assert await commands(api, held=True) == []


async def test_the_relay_passes_over_what_is_held(api, key, settings) -> None:
    jobs = await sent(api, key, 5)
    async with Lease(
        settings.database.url.get_secret_value(), name="test", holder="test", lease_s=5
    ) as lease:
        await lease.acquire()
        for queued in (jobs[:SHARE], jobs[: SHARE + 1]):
            await lease.advance(0, 500)
            rows = [outbox.load(raw) for _, raw in await lease.numbered(0, 500, 10**7)]
            bulk = [each for row in rows for each in row if each.topic == topics.COMMANDS_BULK.name]
            assert [UUID(json.loads(each.value)["generation_id"]) for each in bulk] == queued
            await api.sql(END, jobs[:1])
        await api.sql("UPDATE outbox SET created_at = now() - interval '1 hour' WHERE held_for IS NOT NULL")
        assert await lease.oldest_s() < 600


async def test_the_role_that_ends_jobs_needs_no_right_to_the_outbox(api, key, settings) -> None:
    jobs = await sent(api, key, SHARE + 1)
    url = settings.database.url.get_secret_value()
    owner = await asyncpg.connect(url)
    try:
        [user] = await grants.grant(owner, {"webhooks": "a password"})
        await owner.execute(f'GRANT UPDATE (status) ON scene_generations TO "{user}"')
        await owner.execute(f'REVOKE ALL ON outbox FROM "{user}"')
        await owner.execute(f'SET SESSION AUTHORIZATION "{user}"')
        await owner.execute(END, jobs[:1])
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await owner.execute("UPDATE outbox SET held_for = NULL")
    finally:
        await owner.close()
    assert await commands(api, held=True) == []


async def test_a_held_job_stands_behind_all_that_are_older(api, key, settings) -> None:
    jobs = await sent(api, key, 5)
    backlog = Backlog(settings.kafka, api.services.pool, group="test")
    backlog.records_ahead = lambda *_: 0  # as a queue in Kafka that is worked off
    rows = {
        row["id"]: row["created_at"] for row in await api.sql("SELECT id, created_at FROM scene_generations")
    }
    positions = [(await backlog.estimate(job, Priority.BULK, rows[job])).position for job in jobs]
    assert positions == [1, 1, 1, 4, 5]
