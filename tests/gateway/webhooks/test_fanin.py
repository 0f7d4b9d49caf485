"""From records to deliveries: which endpoint gets which event, once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from bus.bridges import quiet
from bus.bridges.projector import Projector
from bus.contract.envelope import header
from bus.contract.ids import new_id
from bus.contract.messages import ApiKeyRevoked
from gateway.streaming.cursor import Cursor
from gateway.streaming.event import from_record
from gateway.webhooks.fanin import FanIn, WakingProjector
from tests.gateway.webhooks.conftest import add_account


async def test_deliveries_match_account_and_types_and_have_the_body_of_the_stream(desk, pool):
    everything = await desk.endpoint("/all")
    some = await desk.endpoint("/some", events=("api_key.revoked.v1", "export.completed.v1"))
    other = await desk.webhooks.create(
        await add_account(pool), url="http://127.0.0.1/", events=["*"], description=""
    )
    deleted = desk.event(correlation_id="c1", traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01")
    revoked = desk.event(ApiKeyRevoked(api_key_id=new_id(), account_id=desk.account))
    first, second = await desk.fan_in(deleted, revoked)
    fanned = {(row["endpoint_id"], str(row["event_id"])) for row in await desk.deliveries()}
    assert fanned == {(everything, first), (everything, second), (some, second)}
    assert not await desk.deliveries(endpoint_id=other[0].id)
    messages = {str(row["event_id"]): row for row in await pool.fetch("SELECT * FROM webhook_messages")}
    for record in (deleted, revoked):
        cursor = Cursor(1, record.partition, record.offset)
        seen = from_record(cursor, key=record.key, value=record.value, headers=record.headers)
        row = messages[header(record.headers, "ce_id")]
        assert row["body"].encode() == seen.body_json
        assert msgspec.json.decode(row["body"])["cursor"] == str(cursor)
    assert messages[first]["correlation_id"] == "c1"
    assert messages[first]["traceparent"].endswith("-01")


async def test_events_without_subscribers_are_not_kept(desk, pool):
    await desk.endpoint(events=("export.completed.v1",))
    await desk.fan_in(desk.event())
    assert await pool.fetchval("SELECT count(*) FROM webhook_messages") == 0


async def test_repeated_records_make_no_second_delivery(desk, pool):
    await desk.endpoint()
    records = [desk.event() for _ in range(3)]
    projector = Projector(pool, name="webhooks", epoch=1, apply=FanIn(epoch=1).apply)
    assert await projector.project(records) == 3
    assert await projector.project(records) == 0
    await desk.fan_in(*records)  # even where the offset was lost
    await desk.fan_in(*records, *records)
    assert len(await desk.deliveries()) == 3


async def test_undecodable_records_are_skipped(desk):
    await desk.endpoint()
    good = desk.event()
    bad = replace(good, offset=99, value=b"{")
    nul = replace(good, offset=100, value=good.value[:-1] + b',"x":"\x00"}')
    await desk.fan_in(bad, good, nul)
    assert len(await desk.deliveries()) == 1


async def test_events_before_the_endpoint_are_not_delivered(desk):
    await desk.endpoint()
    await desk.fan_in(desk.event(time=datetime.now(UTC) - timedelta(hours=1)))
    assert not await desk.deliveries()


async def test_a_disabled_endpoint_receives_nothing(desk, pool):
    await desk.endpoint()
    await pool.execute(
        "UPDATE webhook_endpoints SET state = 'disabled', disabled_at = now(), disabled_reason = 'owner'"
    )
    await desk.fan_in(desk.event())
    assert not await desk.deliveries()


@pytest.mark.parametrize("owner", ["the account", "another"])
async def test_an_ending_is_delivered_to_the_webhook_url_of_its_request(desk, pool, owner):
    generation, url = new_id(), f"{desk.receiver.url}/mine"
    account = desk.account if owner == "the account" else await add_account(pool)
    await pool.execute(
        "INSERT INTO scene_generations (id, user_id, original_image_url, status, priority, metadata,"
        " created_at, updated_at, webhook_url) VALUES ($1, $2, 's3://b/k', 'pending', 'bulk', '{}', now(),"
        " now(), $3)",
        generation,
        account,
        url,
    )
    await desk.fan_in(desk.event(), desk.ending(generation), desk.ending(new_id()))
    rows = await desk.deliveries()
    wanted = [(url, None)] if owner == "the account" else []
    assert [(row["url"], row["endpoint_id"]) for row in rows] == wanted


async def test_records_gather_for_longer_while_no_delivery_is_wanted(desk, pool, monkeypatch):
    monkeypatch.setattr(quiet, "ASK_S", 0.0)
    projector = WakingProjector(pool, epoch=1, wake=lambda: None)

    async def gathers() -> float:
        await projector.project([desk.event()])
        return projector.quiet.gather_s()

    idle, busy = 1.0, 0.05
    seen = [await gathers()]
    scene = new_id()
    await pool.execute(
        "INSERT INTO scene_generations (id, user_id, original_image_url, status, priority, metadata,"
        " created_at, updated_at, webhook_url)"
        " VALUES ($1, $2, 's3://b/k', 'processing', 'bulk', '{}', now(), now(), 'https://example.com/')",
        scene, desk.account,
    )  # fmt: skip
    seen.append(await gathers())
    await pool.execute("UPDATE scene_generations SET status = 'completed' WHERE id = $1", scene)
    seen.append(await gathers())
    await desk.endpoint()
    seen.append(await gathers())
    await pool.execute(
        "UPDATE webhook_endpoints SET state = 'disabled', disabled_at = now(), disabled_reason = 'owner'"
    )
    seen.append(await gathers())
    assert seen == [idle, busy, idle, busy, idle]
