"""What is older than its policy is erased, whole and once; nothing younger, and nothing of others."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import uuid4

import msgspec
import pytest

from bus.contract.retention import KINDS, Policy
from gateway.retention import erase
from gateway.retention.job import Retention
from gateway.retention.repository import Policies
from tests.gateway.retention.kept import (
    CLIENT,
    EXPORT,
    add_account,
    fill,
    left,
    published,
    recorded,
    removals,
)

OLD, YOUNG = timedelta(hours=2), timedelta(minutes=59)
PARTS = tuple(kind for kind in KINDS if kind != "scenes")
EVERYTHING = set(KINDS)


@pytest.fixture
async def account(api):
    return await add_account(api)


async def put(api, account, **hours) -> None:
    await api.services.policies.put(account, Policy(**hours))


async def work(api) -> None:
    await api.services.retention.work()


@pytest.mark.parametrize("kind", KINDS)
async def test_each_kind_is_erased_alone_once_its_time_is_over(api, account, kind, removals_wait) -> None:
    old, young = await fill(api, account, OLD), await fill(api, account, YOUNG)
    other = await fill(api, await add_account(api), OLD)
    await put(api, account, **{kind: 1})
    for _ in range(2):  # the second time there is nothing left to erase
        await work(api)
        assert await left(api, young) == await left(api, other) == EVERYTHING
        also = {"names", "client_metadata"} if kind == "scenes" else set()
        assert await left(api, old) == EVERYTHING - {kind} - also
        assert await recorded(api, account) == {kind: 1}
        assert await recorded(api, other.account) == {}
    ended = ["generation.deleted.v1"] if kind == "scenes" else []
    assert await published(api, old.scene) == ended
    keys = {
        "scenes": {f"originals/{old.scene}/", f"results/{old.scene}/", f"exports/{old.export}/",
                   f"exports/{old.viewer}/"},
        "originals": {f"originals/{old.scene}/", old.keys["renditions"], old.keys["thumbnails"]},
        "results": {old.keys["results"]},
        "exports": {f"exports/{old.export}/"},
        "views": {f"exports/{old.viewer}/"},
    }  # fmt: skip
    assert set(await removals(api)) == keys.get(kind, set())


async def test_the_gateways_own_pictures_go_with_the_original(api, account, removals_wait) -> None:
    kept = await fill(api, account, OLD)
    keys = [f"results/{kept.scene}/own-{name}.jpg" for name in ("photo", "small")]
    urls = [f"s3://{api.services.blobs.bucket}/{key}" for key in keys]
    await api.sql(
        "INSERT INTO scene_renditions (scene_generation_id, photo_url, thumbnail_url, created_at)"
        " VALUES ($1, $2, $3, now())", kept.scene, *urls,
    )  # fmt: skip
    await put(api, account, originals=1)
    await work(api)
    assert set(keys) < set(await removals(api))
    assert await api.sql("SELECT FROM scene_renditions") == []


async def test_the_objects_go_and_what_is_kept_stays(api, account) -> None:
    kept = await fill(api, account, OLD, stored=True)
    young = await fill(api, account, YOUNG, stored=True)
    blobs = api.services.blobs
    lost = f"results/{kept.scene}/lost-attempt.ply"
    await blobs.put(lost, b"something", "application/octet-stream")
    await put(api, account, originals=1, exports=1)
    await work(api)
    await drain(api)
    there = [name for name, key in kept.keys.items() if await blobs.keys(key)]
    assert there == ["results", "views"]
    await put(api, account, originals=1, results=1, views=1)
    await work(api)
    await drain(api)
    for key in (*kept.keys.values(), lost):
        assert await blobs.keys(key) == [], key
    for key in young.keys.values():
        assert await blobs.keys(key) == [key]
    assert [name for name in young.keys if not await blobs.keys(young.keys[name])] == []


async def drain(api) -> None:
    async with asyncio.timeout(60):
        while await api.services.removals.work() or await removals(api):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_a_name_is_taken_out_of_the_clients_metadata_and_the_rest_stays_as_sent(api, account) -> None:
    kept = await fill(api, account, OLD)
    unnamed = await fill(api, account, OLD)
    await api.sql(
        "UPDATE scene_generations SET client_metadata = '{\"a\": 1.10}', metadata = metadata - 'name'"
        " WHERE id = $1",
        unnamed.scene,
    )
    await put(api, account, names=1)
    await work(api)
    rows = await api.sql("SELECT id, client_metadata, metadata ? 'name' AS named FROM scene_generations")
    found = {row["id"]: (row["client_metadata"], row["named"]) for row in rows}
    assert found == {kept.scene: ('{"room":1e308}', False), unnamed.scene: ('{"a": 1.10}', False)}
    assert await recorded(api, account) == {"names": 1}  # only one had a name


def test_metadata_that_cannot_be_read_go_whole() -> None:
    assert erase._without_name(None) is None
    assert erase._without_name("not JSON") is None
    assert msgspec.json.decode(erase._without_name(CLIENT)) == {"room": float("1e308")}
    assert erase._without_name('{"n\\u0061me": "x"}') == "{}"


async def test_the_installations_default_holds_where_an_account_has_no_policy(api, account) -> None:
    other, kept_forever = [await add_account(api) for _ in range(2)]
    await put(api, other, results=1)
    await put(api, kept_forever)
    filled = [await fill(api, each, OLD) for each in (account, other, kept_forever)]
    policies = Policies(api.services.pool, Policy(originals=1))
    await Retention(api.services.pool, policies, api.services.removals).work()
    gone = [EVERYTHING - await left(api, each) for each in filled]
    assert gone == [{"originals"}, {"results"}, set()]


async def test_many_batches_are_erased_in_one_turn(api, account, monkeypatch) -> None:
    monkeypatch.setattr(erase, "BATCH", 2)
    monkeypatch.setattr(erase, "MANY", 2)
    filled = [await fill(api, account, OLD) for _ in range(5)]
    await put(api, account, **dict.fromkeys(PARTS, 1))
    await work(api)
    for each in filled:
        assert await left(api, each) == {"scenes"}
    assert await recorded(api, account) == dict.fromkeys(PARTS, 5)


async def test_two_gateways_at_once_erase_each_thing_once(api, account, monkeypatch) -> None:
    monkeypatch.setattr(erase, "BATCH", 3)
    filled = [await fill(api, account, OLD) for _ in range(12)]
    await put(api, account, scenes=1)
    await asyncio.gather(*(work(api) for _ in range(2)))
    await work(api)  # what one had skipped because the other held it, and had then given up
    assert await recorded(api, account) == {"scenes": 12}
    for each in filled:
        assert await published(api, each.scene) == ["generation.deleted.v1"]


async def test_a_scene_in_flight_is_kept_whatever_its_age(api, account) -> None:
    kept = await fill(api, account, OLD)
    await api.sql("UPDATE scene_generations SET status = 'processing' WHERE id = $1", kept.scene)
    await put(api, account, scenes=1, originals=1, results=1, names=1, client_metadata=1)
    await work(api)
    assert await left(api, kept) == EVERYTHING


async def test_a_result_stays_while_an_export_of_it_is_in_flight(api, account) -> None:
    kept = await fill(api, account, OLD)
    pending = uuid4()
    await api.sql(EXPORT, pending, kept.scene, "ply", None, "pending", None, OLD)
    await put(api, account, results=1)
    await work(api)
    assert await left(api, kept) == EVERYTHING
    await api.sql("UPDATE export_jobs SET status = 'failed' WHERE id = $1", pending)
    await work(api)
    assert await left(api, kept) == EVERYTHING - {"results"}


async def test_a_message_that_is_still_being_delivered_or_was_sent_again_stays(api, account) -> None:
    pending, again = await fill(api, account, OLD), await fill(api, account, OLD)
    of = "UPDATE webhook_deliveries SET {} WHERE event_id = $1"
    await api.sql(of.format("state = 'pending'"), pending.message)
    await api.sql(of.format("attempted_at = now()"), again.message)
    await put(api, account, webhooks=1)
    await work(api)
    assert len(await api.sql("SELECT FROM webhook_messages")) == 2
    await api.sql("UPDATE webhook_deliveries SET state = 'failed', attempted_at = now() - interval '2 hours'")
    await work(api)
    assert await api.sql("SELECT FROM webhook_messages UNION ALL SELECT FROM webhook_deliveries") == []
    assert await recorded(api, account) == {"webhooks": 2}


async def test_a_key_whose_request_is_at_work_is_kept(api, account) -> None:
    kept = await fill(api, account, OLD)
    await api.sql(
        "UPDATE idempotency_keys SET generation_id = NULL, lease_until = now() + interval '1 minute'"
    )
    await put(api, account, idempotency=1)
    await work(api)
    assert len(await api.sql("SELECT FROM idempotency_keys")) == 1
    await api.sql("UPDATE idempotency_keys SET lease_until = now() - interval '1 second'")
    await work(api)
    assert await left(api, kept) == EVERYTHING - {"idempotency"}


async def test_after_a_policy_was_changed_nothing_is_erased_by_the_former_one(api, account) -> None:
    """The change waits for the batch that runs; the batch that waits for the change sees it."""
    kept = await fill(api, account, OLD)
    await put(api, account, originals=1)
    pool = api.services.pool
    async with pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute("SELECT FROM users WHERE id = $1 FOR UPDATE", account)
        working = asyncio.create_task(work(api))
        await blocked(api, "FOR KEY SHARE")
        await connection.execute("UPDATE retention_policies SET originals = NULL WHERE user_id = $1", account)
        await transaction.commit()
        await working
    assert await left(api, kept) == EVERYTHING
    async with pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute("SELECT FROM users WHERE id = $1 FOR KEY SHARE", account)  # a batch
        changing = asyncio.create_task(put(api, account))
        await blocked(api, "FOR UPDATE")
        assert not changing.done()
        await transaction.commit()
        await changing


async def blocked(api, statement: str) -> None:
    async with asyncio.timeout(30):
        waiting = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE $1"
        while not await api.sql(waiting, f"%{statement}%"):  # noqa: ASYNC110  (a lock has no event)
            await asyncio.sleep(0.01)


async def test_one_gateway_of_many_has_the_turn(api, account) -> None:
    kept = await fill(api, account, OLD)
    await api.services.retention.sweep()
    await put(api, account, names=1)
    await api.services.retention.sweep()  # not its turn yet
    assert await left(api, kept) == EVERYTHING
    await api.sql("UPDATE chores SET next_at = now() WHERE name = 'retention'")
    await api.services.retention.sweep()
    assert await left(api, kept) == EVERYTHING - {"names"}


async def test_an_account_that_fails_stops_no_other(api, account, monkeypatch) -> None:
    filled = [await fill(api, each, OLD) for each in (account, await add_account(api))]
    for each in filled:
        await put(api, each.account, views=1)
    broken = min(each.account for each in filled)
    true = erase.ERASERS["views"]

    async def failing(connection, account_id, hours):
        if account_id == broken:
            raise ValueError("of no account can this be said")
        return await true(connection, account_id, hours)

    monkeypatch.setitem(erase.ERASERS, "views", failing)
    await work(api)
    assert [await recorded(api, each.account) for each in sorted(filled, key=lambda k: k.account)] == [
        {},
        {"views": 1},
    ]
