"""Old deliveries are deleted, pending and recent ones kept; an account's webhooks can be erased."""

from __future__ import annotations

from gateway.webhooks.housekeeping import clean
from gateway.webhooks.queue import Queue
from gateway.webhooks.repository import erase
from tests.gateway.webhooks.conftest import Desk, add_account, once

DAY_S = 86_400


async def test_old_ended_deliveries_are_deleted(desk, pool, monkeypatch):
    monkeypatch.setattr("gateway.webhooks.housekeeping.BATCH", 2)
    await desk.endpoint("/a")
    old = await desk.fan_in(*(desk.event() for _ in range(5)))
    await once(pool)
    [waiting] = await desk.fan_in(desk.event())
    for table in ("webhook_deliveries", "webhook_messages"):
        await pool.execute(f"UPDATE {table} SET created_at = now() - interval '31 days'")
    [young] = await desk.fan_in(desk.event())
    assert await clean(pool, 30 * DAY_S) == 2 * len(old)
    assert {str(row["event_id"]) for row in await desk.deliveries()} == {waiting, young}
    assert {str(row[0]) for row in await pool.fetch("SELECT event_id FROM webhook_messages")} == {
        waiting,
        young,
    }
    assert await clean(pool, 30 * DAY_S) == 0


async def test_due_deliveries_and_their_lag_are_counted(desk, pool):
    queue = Queue(pool, lease_s=60)
    assert await queue.due() == (0, 0)
    await desk.endpoint("/a")
    await desk.fan_in(desk.event(), desk.event())
    await pool.execute("UPDATE webhook_deliveries SET due_at = now() - interval '1 minute'")
    due, lag = await queue.due()
    assert (due, 60 <= lag < 120) == (2, True)


async def test_pending_deliveries_and_endpoints_are_surveyed(desk, pool):
    queue = Queue(pool, lease_s=60)
    assert await queue.oldest_pending_s() == 0
    for path in ("/a", "/b", "/c"):
        await desk.endpoint(path)
    await desk.fan_in(desk.event())
    await pool.execute("UPDATE webhook_deliveries SET created_at = now() - interval '1 hour'")
    await pool.execute("UPDATE webhook_deliveries SET due_at = now() + interval '1 hour'")
    assert 3600 <= await queue.oldest_pending_s() < 3700, "also while none is due"
    await pool.execute("UPDATE webhook_endpoints SET failing_since = now() WHERE url LIKE '%/b'")
    await pool.execute(
        "UPDATE webhook_endpoints SET state = 'disabled', disabled_at = now(), disabled_reason = 'gone',"
        " failing_since = now() WHERE url LIKE '%/c'"
    )
    assert await queue.endpoints() == {"active": 1, "failing": 1, "disabled": 1}


async def test_an_account_is_erased_and_no_other(desk, pool, receiver):
    other = Desk(pool, receiver, await add_account(pool))
    for each in (desk, other):
        await each.endpoint("/a")
        await each.fan_in(each.event())
        await each.keys.get(each.account)
    async with pool.acquire() as connection, connection.transaction():
        await erase(connection, desk.account)
    for table in ("webhook_deliveries", "webhook_endpoints", "webhook_account_secrets", "webhook_messages"):
        rows = await pool.fetch(f"SELECT DISTINCT account_id FROM {table}")
        assert [row[0] for row in rows] == [other.account], table
