"""Waits until the system has come to rest, and gathers what the judge needs, each thing from its source.

Kafka, Postgres and S3 are read directly, past the wires; the invariants as an operator reads them.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

import aiohttp
import asyncpg
from aiokafka import TopicPartition

from bus import broker, envelope, topics
from bus.blobs import BlobStore
from bus.settings import KafkaSettings, S3Settings
from gateway.orphans import Orphans
from tests.chaos.check import Evidence, Told
from tests.chaos.load import Load, People
from tests.chaos.receiver import Receiver
from tests.chaos.stand import Stand

REST_S: Final = 540.0
"""The third wait of a job that failed for a passing reason is 300 s, a delivery's second as well."""
REDRIVES: Final = 3
_UNDER_WAY: Final = "SELECT count(*) FROM {} WHERE status IN ('pending', 'processing')"
_WAITING: Final = {
    "generations under way": _UNDER_WAY.format("scene_generations"),
    "exports under way": _UNDER_WAY.format("export_jobs"),
    "outbox": "SELECT count(*) FROM outbox",
    "webhooks under way": "SELECT count(*) FROM webhook_deliveries WHERE state = 'pending'",
    "blobs to be removed": "SELECT count(*) FROM blob_removals",
    "parked events": "SELECT count(*) FROM parked_events",
}
_FAILED_WEBHOOKS: Final = "SELECT count(*) FROM webhook_deliveries WHERE state IN ('failed', 'cancelled')"
_NAMED: Final = """
SELECT regexp_replace(url, '^s3://[^/]*/', '') FROM (
    SELECT original_image_url AS url FROM scene_generations WHERE deleted_at IS NULL
    UNION ALL SELECT generated_3d_gaussian_url FROM scene_generations WHERE deleted_at IS NULL
    UNION ALL SELECT export_file_url FROM export_jobs
    UNION ALL SELECT key FROM uploads) found WHERE url IS NOT NULL"""


class Rest:
    """The system as it is once nothing is done to it any more."""

    def __init__(self, stand: Stand, people: People, receiver: Receiver) -> None:
        self._stand, self._people, self._receiver = stand, people, receiver

    async def reach(self, told: Callable[[str], None]) -> dict[str, int]:
        """Return what still waits once nothing moves any more, or after `REST_S`: {} of all zeros is rest."""
        deadline, last = time.monotonic() + REST_S, ""
        while True:
            waiting = await self.waiting()
            if not any(waiting.values()) or time.monotonic() > deadline:
                return waiting
            if (now := str({k: v for k, v in waiting.items() if v})) != last:
                told(f"waiting for {now}")
                last = now
            await asyncio.sleep(0.5)  # the state is other processes'

    async def waiting(self) -> dict[str, int]:
        """Return what is under way, of each kind."""
        connection = await self._database()
        try:
            found = {what: int(await connection.fetchval(query)) for what, query in _WAITING.items()}
            for projector in ("ledger", "webhooks", "export.jobs"):
                found[f"events before {projector}"] = await self._lag(connection, projector)
            return found
        finally:
            await connection.close()

    async def _lag(self, connection: asyncpg.Connection, projector: str) -> int:
        rows = await connection.fetch(
            "SELECT partition, next_offset FROM projector_offsets WHERE projector = $1 AND topic = $2",
            projector,
            topics.EVENTS.name,
        )
        reached = {row["partition"]: row["next_offset"] for row in rows}
        if not reached:
            return 0
        last = await self._last_offsets()
        return sum(max(0, end - reached.get(partition, 0)) for partition, end in last.items())

    async def _last_offsets(self) -> dict[int, int]:
        """The offset behind the last record of each partition: markers of transactions do not count."""
        return {
            partition: max((record.offset + 1 for record in records), default=0)
            for partition, records in (await self.records()).items()
        }

    async def redrive(self) -> int:
        """Try a few dead letters again, as an admin; return how many."""
        async with aiohttp.ClientSession(self._stand.url) as http:
            signed_in = await self._signed_in(http)
            path = "/api/v1/admin/dead-letters"
            async with http.get(path, headers=signed_in) as answer:
                letters = (await answer.json())["items"][:REDRIVES]
            for letter in letters:
                async with http.post(f"{path}/{letter['id']}/redrive", headers=signed_in) as answer:
                    assert answer.status == 202, await answer.text()
            return len(letters)

    async def _signed_in(self, http: aiohttp.ClientSession) -> dict[str, str]:
        who = {key: self._stand.credentials[key] for key in ("email", "password")}
        async with http.post("/api/v1/users/login", json=who) as answer:
            assert answer.status == 200, await answer.text()
            return {"Authorization": f"Bearer {(await answer.json())['access_token']}"}

    async def evidence(self, load: Load, waiting: dict[str, int]) -> Evidence:
        """Gather everything."""
        found = Evidence(
            accepted=set(load.accepted),
            accepted_exports=set(load.exports),
            with_webhook=set(load.with_webhook),
            endpoint_account=self._people.endpoint_account,
            deliveries=list(self._receiver.taken),
            waiting=dict(waiting),
            log=await self._all_of(topics.EVENTS),
            view_log=await self._all_of(topics.BACKGROUND_ENDINGS),
            objects=await self.objects(),
            invariants=sorted({*await self._broken_invariants(), *await self._broken_rules()}),
            differences=await self._differences(),
        )
        connection = await self._database()
        try:
            await self._read_rows(connection, found)
        finally:
            await connection.close()
        return found

    async def _read_rows(self, connection: asyncpg.Connection, found: Evidence) -> None:
        for table, rows in (
            ("scene_generations", found.scenes),
            ("export_jobs WHERE purpose IS NULL", found.exports),
            ("export_jobs WHERE purpose IS NOT NULL", found.views),
        ):
            for row in await connection.fetch(f"SELECT id::text, status FROM {table}"):
                rows[row[0]] = row[1]
        found.usage = [r[0] for r in await connection.fetch("SELECT event_id::text FROM usage_logs")]
        found.event_log = [r[0] for r in await connection.fetch("SELECT event_id::text FROM event_log")]
        found.named = {r[0] for r in await connection.fetch(_NAMED)}
        found.waiting["webhooks given up"] = int(await connection.fetchval(_FAILED_WEBHOOKS))

    async def _all_of(self, topic: topics.Topic) -> list[Told]:
        return [_told(topic, r) for records in (await self.records(topic)).values() for r in records]

    async def records(self, topic: topics.Topic = topics.EVENTS) -> dict[int, list[Any]]:
        """Every committed record of the topic, by partition, as often as it is there."""
        kafka = KafkaSettings(**self._stand.credentials["kafka"])
        parts = [TopicPartition(topic.name, p) for p in range(topic.partitions)]
        consumer = broker.consumer(kafka, client_id="chaos", group_id=None)
        await consumer.start()
        try:
            consumer.assign(parts)
            # With read_committed the end is the last stable offset: an open transaction hides what follows.
            ends = await consumer.end_offsets(parts)
            await consumer.seek_to_beginning(*parts)
            found: dict[int, list[Any]] = {part.partition: [] for part in parts}
            while any([await consumer.position(part) < ends[part] for part in parts]):
                for part, records in (await consumer.getmany(*parts, timeout_ms=200)).items():
                    found[part.partition] += records
            return found
        finally:
            await consumer.stop()

    async def objects(self) -> set[str]:
        """Every key in the blob store."""
        async with BlobStore(S3Settings(**self._stand.credentials["s3"])) as store:
            return set(await store.keys(""))

    async def _broken_invariants(self) -> list[str]:
        async with aiohttp.ClientSession(self._stand.url) as http:
            signed_in = await self._signed_in(http)
            async with http.get("/api/v1/health/invariants", headers=signed_in) as answer:
                assert answer.status == 200, await answer.text()
                return [rule["rule"] for rule in (await answer.json())["rules"] if not rule["holds"]]

    async def _broken_rules(self) -> list[str]:
        """The same, of this moment: the gateway's answer may be a minute old."""
        said = json.loads((await self.run("ledger", "invariants")).splitlines()[-1])
        return [broken["rule"] for broken in said["broken"]]

    async def sweep(self) -> int:
        """Look for orphans as gateways do, but without a day's grace: nothing is on its way any more."""
        s3 = S3Settings(**self._stand.credentials["s3"])
        url = self._stand.credentials["database_url"]
        async with asyncpg.create_pool(url, min_size=1, max_size=2) as pool, BlobStore(s3) as store:
            return len(await Orphans(pool, store, s3.bucket, grace=timedelta(0)).look())

    async def _differences(self) -> int:
        """Run the ledger's own proof, the way an operator does."""
        said = await self.run("ledger", "rebuild", "--compare")
        return sum(json.loads(said.splitlines()[-1])["counts"].values())

    async def run(self, *command: str) -> str:
        """Run one of the system's commands with direct addresses; return what it printed."""
        given = self._stand.credentials
        env = os.environ | {"DATABASE_URL": given["database_url"]}
        env |= {f"KAFKA_{key.upper()}": value for key, value in given["kafka"].items()}
        env |= {f"S3_{key.upper()}": value for key, value in given["s3"].items()}
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", *command, env=env, stdout=asyncio.subprocess.PIPE
        )
        said, _ = await child.communicate()
        assert child.returncode in {0, 1}, said.decode()
        return said.decode()

    async def _database(self) -> asyncpg.Connection:
        return await asyncpg.connect(self._stand.credentials["database_url"])


def _told(topic: topics.Topic, record: Any) -> Told:
    decoded = envelope.decode(topic, record.value, record.headers)
    return Told(str(decoded.id), decoded.type, str(decoded.subject), str(decoded.message.account_id))
