"""What waits is counted by priority and account, and the workers are those that Kafka knows."""

from __future__ import annotations

from dataclasses import replace

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from bus.kafka import broker
from gateway.scenes.queue_overview import QueueOverview
from tests.gateway.rows import put_scene

pytestmark = pytest.mark.stack
QUEUE = "/api/v1/admin/queue"


@pytest.fixture
async def admin(api):
    person = await api.person("root@example.com")
    await api.sql("UPDATE users SET role = 'admin' WHERE email = 'root@example.com'")
    return person


async def test_jobs_are_counted_by_priority_and_account(api, admin, assert_problem) -> None:
    ada, eve = await api.person("ada@example.com"), await api.person("eve@example.com")
    for person, priority, status in (
        (ada, "interactive", "pending"), (ada, "bulk", "pending"), (ada, "bulk", "processing"),
        (eve, "bulk", "pending"), (eve, "bulk", "completed"),
    ):  # fmt: skip
        scene = await put_scene(api, await api.account_id(person))
        await api.sql(
            "UPDATE scene_generations SET priority = $2, status = $3 WHERE id = $1", scene, priority, status
        )
    await api.sql(
        "UPDATE scene_generations SET updated_at = now(),"
        ' metadata = \'{"model": {"name": "card", "device": "cpu"}}\''
        " WHERE status = 'completed'"
    )
    await api.sql("INSERT INTO outbox (records, held_for) VALUES ('', $1)", await api.account_id(ada))
    answer = await api.client.get(QUEUE, headers=admin)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    waiting = {each["priority"]: (each["waiting"], each["processing"]) for each in body["waiting"]}
    assert waiting == {"interactive": (1, 0), "bulk": (2, 1), "exports": (0, 0)}
    accounts = [(each["email"], each["interactive"], each["bulk"], each["held"]) for each in body["accounts"]]
    assert accounts == [("ada@example.com", 1, 2, 1), ("eve@example.com", 0, 1, 0)]
    assert [(each["name"], each["device"], each["scenes"]) for each in body["models"]] == [("card", "cpu", 1)]
    assert body["workers"] is None  # Kafka is away, and the counts are there all the same
    assert_problem(await api.client.get(QUEUE, headers=ada), 403, "role_insufficient")


async def test_workers_are_the_members_of_their_group(api, kafka_settings, unique) -> None:
    group, topic = unique("inference"), unique("commands")
    admin = AIOKafkaAdminClient(**kafka_settings.client_options())
    await admin.start()
    await admin.create_topics([NewTopic(topic, 1, 1)])
    member = broker.consumer(kafka_settings, client_id="gpu-1", group_id=group)
    member.subscribe([topic])
    await member.start()  # it returns once it has joined
    try:
        overview = QueueOverview(api.services.pool, kafka_settings, group=group)
        assert (await overview.read()).workers == ["gpu-1"]
    finally:
        await member.stop()
    overview = QueueOverview(api.services.pool, kafka_settings, group=group)
    assert (await overview.read()).workers == []
    await admin.delete_topics([topic])
    await admin.close()


async def test_many_that_ask_at_once_read_once(api, monkeypatch) -> None:
    overview: QueueOverview = api.services.queue_overview
    read, calls = overview._read, []

    async def counted():
        calls.append(1)
        return await read()

    monkeypatch.setattr(overview, "_read", counted)
    one, other = await overview.read(), await overview.read()
    assert one is other
    assert len(calls) == 1
    assert replace(one) == other
