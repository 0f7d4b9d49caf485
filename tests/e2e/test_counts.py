"""What one quick job costs, counted: records in Kafka, rows in Postgres, objects in S3. It must not grow.

Counts are exact where times are not. A change that lowers one lowers the number here.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any
from uuid import uuid4

import aioboto3
import asyncpg
from aiokafka import TopicPartition

from bus.contract import topics
from bus.kafka import broker
from tests.e2e import photos
from tests.e2e.running import Running

JOBS = 8
STATISTICS_S = 11
"""An idle session of Postgres writes what it has counted within 10 s."""
RECORDS = {
    # The command and the transaction's marker. Jobs that wait for each other share no transaction.
    topics.COMMANDS_INTERACTIVE.name: 2,
    # Requested and completed, each with a marker.
    topics.EVENTS.name: 4,
}
"""Offsets of each topic that one job takes; every other topic of ours takes none, but for slow jobs."""
ROWS = {
    ("scene_generations", "ins"): 1,
    ("scene_generations", "upd"): 1,  # completed; a quick job is never shown as processing
    ("outbox", "ins"): 1,
    ("outbox", "upd"): 1,  # numbered
    ("outbox", "del"): 1,
    ("event_log", "ins"): 2,
    ("usage_logs", "ins"): 1,
}
"""Rows that one job inserts, updates and deletes, by table; `OTHERS` depend on the time that passes."""
OTHERS = {
    "api_keys",  # when keys were last used is written once a minute
    "chores",
    "idempotency_keys",
    "projector_offsets",
    "rate_limits",
    "refresh_tokens",
    "relay_lease",
}
OBJECTS = {"originals": 1, "results": 3}
"""The photo; the splat, the photo's rendition and its thumbnail."""


async def ends(running: Running) -> Counter[str]:
    """Return the end of each of our topics, summed over its partitions."""
    consumer = broker.consumer(running.kafka(), client_id="tests", group_id=None)
    await consumer.start()
    try:
        parts = [TopicPartition(t.name, n) for t in topics.ALL for n in range(t.partitions)]
        found: Counter[str] = Counter()
        for part, end in (await consumer.end_offsets(parts)).items():
            found[part.topic] += end
        return found
    finally:
        await consumer.stop()


async def rows(running: Running) -> Counter[tuple[str, str]]:
    """Return how many rows were written so far, by table and kind."""
    connection = await asyncpg.connect(running.credentials["database_url"])
    try:
        read = "SELECT relname, n_tup_ins AS ins, n_tup_upd AS upd, n_tup_del AS del FROM pg_stat_user_tables"
        return Counter({
            (row["relname"], kind): row[kind]
            for row in await connection.fetch(read)
            for kind in ("ins", "upd", "del")
            if row["relname"] not in OTHERS
        })  # fmt: skip
    finally:
        await connection.close()


async def objects(running: Running) -> Counter[str]:
    """Return the number of objects by the first part of their keys."""
    given = running.credentials["s3"]
    session = aioboto3.Session(
        aws_access_key_id=given["access_key_id"],
        aws_secret_access_key=given["secret_access_key"],
        region_name=given.get("region", "us-east-1"),
    )
    found: Counter[str] = Counter()
    async with session.client("s3", endpoint_url=given["endpoint_url"]) as client:
        async for page in client.get_paginator("list_objects_v2").paginate(Bucket=given["bucket"]):
            found.update(each["Key"].split("/")[0] for each in page.get("Contents", ()))
    return found


async def counts(running: Running) -> tuple[Counter[Any], ...]:
    """Return all of them, once every session of Postgres has written its statistics."""
    await asyncio.sleep(STATISTICS_S)
    return await ends(running), await rows(running), await objects(running)


def own_account(running: Running) -> str:
    """Return the API key of a new account, which has no endpoint and no partner."""
    who = {"email": f"{uuid4().hex}@example.com", "password": "correct horse battery"}
    with running.client() as client:
        del client.headers["X-API-Key"]
        assert client.post("/users/register", json=who).status_code == 201
        token = client.post("/users/login", json=who).json()["access_token"]
        signed_in = {"Authorization": f"Bearer {token}"}
        return client.post("/api-keys", json={"name": "counts"}, headers=signed_in).json()["key"]


async def test_a_quick_job_costs_what_it_did(running: Running, tmp_path: Path) -> None:
    photo = photos.landscape(tmp_path)

    key = own_account(running)

    def made() -> list[str]:
        found = []
        with running.client() as client:
            for _ in range(JOBS):
                files = {"image": (photo.name, photo.read_bytes())}
                headers = {"Prefer": "wait=30", "X-API-Key": key}
                sent = client.post("/scenes/generate", files=files, headers=headers)
                assert sent.status_code == 200, sent.text
                assert sent.json()["status"] == "completed"
                found.append(sent.json()["generation_id"])
        return found

    await asyncio.to_thread(made)  # warm: nothing is made for the first time below
    before = await counts(running)
    jobs = await asyncio.to_thread(made)
    after = await counts(running)
    records, written, stored = (now - then for now, then in zip(after, before, strict=True))
    # On a busy machine a job may last so long that its progress is published, and shown in its row.
    slow = len({m.subject for m in await running.messages(topics.PROGRESS)} & set(jobs))
    assert bool(records.pop(topics.PROGRESS.name, 0)) == bool(slow)
    updated = ("scene_generations", "upd")
    assert JOBS <= written[updated] <= JOBS + slow
    written[updated] = JOBS * ROWS[updated]
    assert records == {name: JOBS * count for name, count in RECORDS.items()}
    assert written == {name: JOBS * count for name, count in ROWS.items()}
    assert stored == {name: JOBS * count for name, count in OBJECTS.items()}
