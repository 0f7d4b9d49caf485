"""Requests and their signatures, the meaning of responses, and isolation of failing receivers."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest
from aiohttp import web
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from bus.bridges import outbox
from bus.contract.ids import new_id
from gateway.webhooks.attempt import Outcome
from gateway.webhooks.queue import Queue, Result
from gateway.webhooks.receiver_concurrency import ReceiverConcurrency
from tests.gateway.webhooks.conftest import LIMITS, once, sending
from tests.ledger.story import rows_read

ONE_DUE = (
    "UPDATE webhook_deliveries SET due_at = now() WHERE id = (SELECT id FROM webhook_deliveries LIMIT 1)"
)


async def test_requests_are_signed_as_the_library_verifies(desk, pool, receiver):
    await desk.endpoint("/a")
    [event_id] = await desk.fan_in(desk.event(correlation_id="c1", traceparent="00-x"))
    await once(pool)
    [got] = receiver.got["/a"]
    body = desk.verify("/a", got)
    assert (got.id, body["id"], body["type"]) == (event_id, event_id, "generation.deleted.v1")
    assert got.body.decode() == await pool.fetchval("SELECT body FROM webhook_messages")
    assert got.headers["Content-Type"] == "application/json"
    assert (got.headers["X-Correlation-ID"], got.headers["traceparent"]) == ("c1", "00-x")
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_" + "A" * 32).verify(got.body, got.headers)
    [row] = await desk.deliveries()
    assert (row["state"], row["attempts"], row["response_status"]) == ("delivered", 1, 200)
    assert (row["response_body"], row["error"]) == ("thanks", None)


async def test_after_a_rotation_both_secrets_sign_for_a_day(desk, pool, receiver):
    endpoint = await desk.endpoint("/a")
    new = await desk.webhooks.rotate(desk.account, endpoint)
    await desk.fan_in(desk.event())
    await once(pool)
    [got] = receiver.got["/a"]
    desk.verify("/a", got)
    desk.verify("/a", got, new.secret)
    await pool.execute("UPDATE webhook_endpoints SET previous_until = now() - interval '1 second'")
    await desk.fan_in(desk.event())
    await once(pool)
    desk.verify("/a", receiver.got["/a"][1], new.secret)
    with pytest.raises(WebhookVerificationError):
        desk.verify("/a", receiver.got["/a"][1])


async def test_the_webhook_url_of_a_request_is_signed_with_the_account_secret(desk, pool, receiver):
    generation = new_id()
    await pool.execute(
        "INSERT INTO scene_generations (id, user_id, original_image_url, status, priority, metadata,"
        " created_at, updated_at, webhook_url) VALUES ($1, $2, 's3://b/k', 'pending', 'bulk', '{}', now(),"
        " now(), $3)",
        generation,
        desk.account,
        f"{receiver.url}/mine",
    )
    [first] = await desk.fan_in(desk.ending(generation))
    await once(pool)
    secret = (await desk.keys.get(desk.account)).secret
    assert desk.verify("/mine", receiver.got["/mine"][0], secret)["id"] == first
    changed = await desk.keys.rotate(desk.account)
    [row] = await desk.deliveries()
    await desk.sending.again(desk.account, row["id"])
    await once(pool)
    for valid in (secret, changed.secret):
        assert desk.verify("/mine", receiver.got["/mine"][1], valid)["id"] == first


@pytest.mark.parametrize(
    ("answer", "wait", "expected"),
    [
        (web.Response(status=500), 5, "500"),
        (web.Response(status=404), 5, "404"),
        (web.Response(status=302, headers={"Location": "/elsewhere"}), 5, "redirects are not followed"),
        (web.Response(status=304), 5, "304"),
        (web.Response(status=429, headers={"Retry-After": "600"}), 600, "429"),
        (web.Response(status=503, headers={"Retry-After": "1"}), 5, "503"),
    ],
    ids=lambda value: str(getattr(value, "status", "")),
)
async def test_a_failed_delivery_is_retried_later(desk, pool, receiver, answer, wait, expected):
    await desk.endpoint("/a")
    receiver.answers["/a"] = [answer]
    await desk.fan_in(desk.event())
    await once(pool)
    [row] = await desk.deliveries()
    assert (row["state"], row["attempts"], row["response_status"]) == ("pending", 1, answer.status)
    assert expected in row["error"]
    assert timedelta(seconds=wait) <= row["due_at"] - row["attempted_at"] <= timedelta(seconds=1.2 * wait)
    await once(pool)
    assert len(receiver.got["/a"]) == 1  # not before it is due
    assert "/elsewhere" not in receiver.got
    await desk.fall_due()
    await once(pool)
    assert await desk.states() == {"delivered": 1}
    assert len(receiver.ids("/a")) == 1  # the same id each time


async def test_a_delivery_fails_after_its_last_attempt(desk, pool, receiver):
    await desk.endpoint("/a")
    receiver.answers["/a"] = [web.Response(status=500) for _ in range(20)]
    await desk.fan_in(desk.event())
    waits = []
    for _ in range(10):
        await once(pool)
        [row] = await desk.deliveries()
        waits.append((row["due_at"] - row["attempted_at"]).total_seconds())
        await desk.fall_due()
    await once(pool)
    assert (row["state"], row["attempts"], len(receiver.got["/a"])) == ("failed", 10, 10)
    wanted = [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]
    assert all(low <= wait <= 1.2 * low for low, wait in zip(wanted, waits, strict=False))


async def test_only_the_first_kilobyte_of_a_response_is_kept(desk, pool, receiver):
    await desk.endpoint("/a")
    receiver.answers["/a"] = [web.Response(status=500, body=b"\x00\xff" + b"x" * 100_000)]
    await desk.fan_in(desk.event(), desk.event())
    await once(pool)
    rows = await desk.deliveries()
    bodies = {row["response_status"]: row["response_body"] for row in rows}
    assert bodies == {500: "\ufffd\ufffd" + "x" * 1022, 200: "thanks"}


async def test_status_410_disables_the_endpoint_and_publishes_the_event(desk, pool, receiver):
    endpoint = await desk.endpoint("/a")
    waiting = await desk.endpoint("/b")
    receiver.answers["/a"] = [web.Response(status=410)]
    await desk.fan_in(desk.event())
    await once(pool)
    row = await desk.webhooks.get(desk.account, endpoint)
    assert (row.state, row.disabled_reason) == ("disabled", "gone")
    [delivery] = await desk.deliveries(endpoint_id=endpoint)
    assert (delivery["state"], delivery["attempts"]) == ("failed", 1)
    [record] = outbox.load(await pool.fetchval("SELECT records FROM outbox"))
    event = msgspec.json.decode(record.value)
    assert event["type"] == "webhook.disabled.v1"
    assert (event["webhook_id"], event["reason"]) == (str(endpoint), "gone")
    assert record.key.decode() == str(desk.account)
    assert (await desk.webhooks.get(desk.account, waiting)).state == "active"


async def test_continuous_failures_disable_the_endpoint(desk, pool, receiver):
    endpoint = await desk.endpoint("/a")
    receiver.answers["/a"] = [web.Response(status=500) for _ in range(3)]
    await desk.fan_in(desk.event(), desk.event())
    await once(pool)
    row = await desk.webhooks.get(desk.account, endpoint)
    assert (row.state, row.failing_since is not None) == ("active", True)
    await pool.execute("UPDATE webhook_endpoints SET failing_since = now() - interval '59 minutes'")
    await pool.execute(ONE_DUE)
    await once(pool)
    assert (await desk.webhooks.get(desk.account, endpoint)).state == "active"
    receiver.answers["/a"] = [web.Response(status=500)]
    await pool.execute("UPDATE webhook_endpoints SET failing_since = now() - interval '61 minutes'")
    await pool.execute(ONE_DUE)
    await once(pool)
    row = await desk.webhooks.get(desk.account, endpoint)
    assert (row.state, row.disabled_reason) == ("disabled", "failing")
    assert await desk.states() == {"cancelled": 2}
    assert await pool.fetchval("SELECT count(*) FROM outbox") == 1


async def test_a_success_resets_the_time_of_failing(desk, pool, receiver):
    endpoint = await desk.endpoint("/a")
    receiver.answers["/a"] = [web.Response(status=500)]
    await desk.fan_in(desk.event())
    await once(pool)
    await desk.fall_due()
    await once(pool)
    assert (await desk.webhooks.get(desk.account, endpoint)).failing_since is None


async def test_a_black_hole_slows_no_other_receiver(desk, pool, receiver):
    """The others get everything while it holds its requests, and it holds no more than its share."""
    receiver.held["/hole"] = asyncio.Event()
    hole = await desk.endpoint("/hole")
    paths = [f"/{number}" for number in range(5)]
    for path in paths:
        await desk.endpoint(path)
    limits = replace(LIMITS, total=16, timeout_s=60, lease_s=120)
    async with sending(pool, limits) as sender:
        for _ in range(20):
            await desk.fan_in(*(desk.event() for _ in range(10)))
            sender.wake()
        await receiver.until(lambda: all(len(receiver.ids(path)) == 200 for path in paths))
        # 200 deliveries are due for it and none is answered: with a larger share it would delay the others.
        assert 1 <= len(receiver.got["/hole"]) <= ReceiverConcurrency(total=16, per_receiver=8).beginning
        assert len(await desk.deliveries(endpoint_id=hole, state="pending")) == 200
        receiver.held["/hole"].set()
        await receiver.until(lambda: len(receiver.ids("/hole")) == 200)
        await desk.wait_for_states(lambda states: states == {"delivered": 1200})


async def test_a_timeout_is_a_failed_attempt(desk, pool, receiver):
    receiver.held["/hole"] = asyncio.Event()
    await desk.endpoint("/hole")
    limits = replace(LIMITS, timeout_s=0.2)
    await desk.fan_in(*(desk.event() for _ in range(6)))
    async with sending(pool, limits):
        await desk.wait_for_states(lambda _: len(receiver.got["/hole"]) == 6)
    rows = await desk.deliveries()
    assert {(row["state"], row["response_status"]) for row in rows} == {("pending", None)}
    assert all("0.2 s" in row["error"] for row in rows)


def test_the_concurrency_shares_of_receivers():
    concurrency, healthy, failing = ReceiverConcurrency(total=10, per_receiver=8), new_id(), new_id()
    assert concurrency.beginning == 4
    for _ in range(4):
        concurrency.begin(failing)
    assert (concurrency.free, concurrency.rooms()) == (6, {failing: 0})
    concurrency.end(failing, answered=False)
    assert concurrency.rooms() == {failing: 0}  # a share of one, and three are still in flight
    for _ in range(3):
        concurrency.end(failing, answered=False)
    concurrency.begin(healthy)
    concurrency.end(healthy, answered=True)
    assert (concurrency.free, concurrency.rooms()) == (10, {failing: 1, healthy: 8})
    concurrency.begin(failing)
    concurrency.end(failing, answered=True)
    assert concurrency.rooms()[failing] == 2


async def test_senders_never_claim_the_same_delivery(desk, pool):
    await desk.endpoint("/a")
    await desk.endpoint("/b")
    await desk.fan_in(*(desk.event() for _ in range(20)))
    queues = [Queue(pool, lease_s=60) for _ in range(4)]
    claims = await asyncio.gather(
        *(queue.claim(ReceiverConcurrency(total=100, per_receiver=4)) for queue in queues)
    )
    held = [job.id for claim in claims for job in claim]
    assert len(held) == len(set(held)) > 4


async def test_the_late_result_of_a_lapsed_claim_is_ignored(desk, pool):
    await desk.endpoint("/a")
    await desk.fan_in(desk.event())
    queue = Queue(pool, lease_s=60)
    [frozen] = await queue.claim(ReceiverConcurrency(total=10, per_receiver=4))
    assert await queue.claim(ReceiverConcurrency(total=10, per_receiver=4)) == []
    await desk.fall_due()  # the lease has expired
    [second] = await queue.claim(ReceiverConcurrency(total=10, per_receiver=4))
    assert second.id == frozen.id
    late = Result(job=frozen, outcome=Outcome(name="refused", status=500), state="failed")
    assert await queue.record_results([late]) == 0
    good = Result(job=second, outcome=Outcome(name="delivered", status=200), state="delivered")
    assert await queue.record_results([good]) == 1
    assert await desk.states() == {"delivered": 1}


async def test_a_job_handed_back_is_due_at_once(desk, pool):
    await desk.endpoint("/a")
    await desk.fan_in(desk.event())
    queue = Queue(pool, lease_s=60)
    jobs = await queue.claim(ReceiverConcurrency(total=10, per_receiver=4))
    await queue.give_back(jobs)
    assert [job.id for job in await queue.claim(ReceiverConcurrency(total=10, per_receiver=4))] == [
        jobs[0].id
    ]


MORE = """
INSERT INTO webhook_deliveries (id, endpoint_id, account_id, lane, event_id, origin, state)
SELECT gen_random_uuid(), endpoint_id, account_id, lane, event_id, 'replay', $1
FROM webhook_deliveries CROSS JOIN generate_series(1, 5000)"""


async def test_recording_a_result_reads_only_its_own_row(desk, pool):
    """Postgres' statistics say that none is pending, as when a receiver fails after a long quiet time."""
    await pool.execute("ALTER TABLE webhook_deliveries SET (autovacuum_enabled = off)")
    await desk.endpoint("/a")
    await desk.fan_in(desk.event())
    queue = Queue(pool, lease_s=60)
    [job] = await queue.claim(ReceiverConcurrency(total=1, per_receiver=1))
    await pool.execute(MORE, "delivered")
    await pool.execute("UPDATE webhook_deliveries SET state = 'delivered'")
    await pool.execute("VACUUM ANALYZE webhook_deliveries")
    await pool.execute("UPDATE webhook_deliveries SET state = 'pending'")
    before = await rows_read(pool, "webhook_deliveries")
    done = Result(job=job, outcome=Outcome(name="delivered", status=200), state="delivered")
    assert await queue.record_results([done]) == 1
    assert await rows_read(pool, "webhook_deliveries") - before < 100


async def test_stopping_waits_for_deliveries_in_flight(desk, pool, receiver):
    receiver.held["/a"] = asyncio.Event()
    await desk.endpoint("/a")
    await desk.fan_in(desk.event())
    async with sending(pool) as sender:
        await receiver.until(lambda: len(receiver.got["/a"]) == 1)
        sender.stop()
        receiver.held["/a"].set()
    assert await desk.states() == {"delivered": 1}


async def test_an_unreadable_secret_is_logged_and_stops_no_other_delivery(desk, pool, receiver):
    endpoint = await desk.endpoint("/a")
    await desk.endpoint("/b")
    await pool.execute("UPDATE webhook_endpoints SET secret = 'nonsense of a key' WHERE id = $1", endpoint)
    await desk.fan_in(desk.event())
    await once(pool)
    [row] = await desk.deliveries(endpoint_id=endpoint)
    assert (row["state"], row["error"]) == ("pending", "The secret cannot be read; rotate it.")
    assert (len(receiver.got["/a"]), len(receiver.got["/b"])) == (0, 1)
