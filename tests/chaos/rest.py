"""Waits until the system is idle, and gathers the evidence for `check.judge`, each part from its source.

Kafka, Postgres and S3 are read directly, not through the wires; the invariants as an operator reads them.
"""

from __future__ import annotations

import asyncio
import hashlib
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

from bus.blobs import BlobMissingError, BlobStore
from bus.contract import envelope, topics
from bus.contract.messages import ExportCompleted, GenerationCompleted
from bus.kafka import broker
from bus.runtime.settings import KafkaSettings, S3Settings
from gateway.operations.orphan_objects import Orphans
from tests.chaos.evidence import Evidence, LoggedEvent, Result, Sent
from tests.chaos.harness import Harness
from tests.chaos.load import Load, People
from tests.chaos.partner import Partner
from tests.chaos.receiver import Receiver

REST_S: Final = 540.0
"""The third retry delay of a job that failed for a transient reason is 300 s, as is a delivery's second."""
REDRIVES: Final = 3
MAX_BYTES: Final = 2**28
"""Of a result; here results have a thousandth of that."""
_IN_FLIGHT: Final = "SELECT count(*) FROM {} WHERE status IN ('pending', 'processing')"
_WAITING: Final = {
    "generations under way": _IN_FLIGHT.format("scene_generations"),
    "exports under way": _IN_FLIGHT.format("export_jobs"),
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
    UNION ALL SELECT photo_url FROM scene_generations WHERE deleted_at IS NULL
    UNION ALL SELECT thumbnail_url FROM scene_generations WHERE deleted_at IS NULL
    UNION ALL SELECT unnest(ARRAY[r.photo_url, r.thumbnail_url]) FROM scene_renditions r
        JOIN scene_generations s ON s.id = r.scene_generation_id WHERE s.deleted_at IS NULL
    UNION ALL SELECT export_file_url FROM export_jobs
    UNION ALL SELECT key FROM uploads) found WHERE url IS NOT NULL"""

EVENTS: Final = topics.EVENTS.name
# Of all photos here only the unreadable ones are PNG.
_UNREADABLE: Final = (
    "SELECT id::text FROM scene_generations WHERE metadata -> 'image' ->> 'media_type' = 'image/png'"
)


class Rest:
    """The system after load and faults have ended."""

    def __init__(
        self, harness: Harness, people: People, receiver: Receiver, partner: Partner, hashes: dict[str, str]
    ) -> None:
        self._harness, self._people, self._receiver, self._partner = harness, people, receiver, partner
        self._hashes = hashes
        """Key -> sha256 of the objects that an earlier round read, since an object never changes."""

    async def reach(self, report: Callable[[str], None]) -> dict[str, int]:
        """Return what still waits once the system is idle, or after `REST_S`. All zeros mean idle."""
        deadline, last = time.monotonic() + REST_S, ""
        while True:
            waiting = await self.waiting()
            if not any(waiting.values()) or time.monotonic() > deadline:
                return waiting
            if (now := str({k: v for k, v in waiting.items() if v})) != last:
                report(f"waiting for {now}")
                last = now
            await asyncio.sleep(0.5)  # the state is other processes'

    async def waiting(self) -> dict[str, int]:
        """Return what is in flight, by kind."""
        connection = await self._database()
        try:
            found = {what: int(await connection.fetchval(query)) for what, query in _WAITING.items()}
            events, commands = await self._ends(EVENTS), await self._ends(self._partner.program.commands)
            for projector in ("ledger", "webhooks", "export.jobs"):
                found[f"events before {projector}"] = await self._lag(connection, projector, events)
            found["commands before partners"] = await self._lag(connection, "partners", commands)
            found["events before the partner"] = await self._egress_lag(events)
            return found
        finally:
            await connection.close()

    async def _lag(
        self, connection: asyncpg.Connection, projector: str, ends: dict[TopicPartition, int]
    ) -> int:
        rows = await connection.fetch(
            "SELECT topic, partition, next_offset FROM projector_offsets WHERE projector = $1", projector
        )
        reached = {TopicPartition(row["topic"], row["partition"]): row["next_offset"] for row in rows}
        return sum(max(0, end - reached.get(part, 0)) for part, end in ends.items())

    async def _egress_lag(self, ends: dict[TopicPartition, int]) -> int:
        consumer = broker.consumer(self._kafka, client_id="chaos", group_id="sharpstream.partners.events")
        consumer.assign(list(ends))  # not a member: it only reads the members' positions
        await consumer.start()
        try:
            reached = {part: await consumer.committed(part) or 0 for part in ends}
            return sum(max(0, end - reached[part]) for part, end in ends.items())
        finally:
            await consumer.stop()

    async def _ends(self, topic: str) -> dict[TopicPartition, int]:
        """Return the offset after the last record of each partition, without transaction markers."""
        return {
            part: max((record.offset + 1 for record in records), default=0)
            for part, records in (await self.records(topic)).items()
        }

    async def redrive(self) -> int:
        """Redrive a few dead letters, as an admin; return how many."""
        async with aiohttp.ClientSession(self._harness.url) as http:
            signed_in = await self._signed_in(http)
            path = "/api/v1/admin/dead-letters"
            async with http.get(path, headers=signed_in) as answer:
                letters = (await answer.json())["items"][:REDRIVES]
            for letter in letters:
                async with http.post(f"{path}/{letter['id']}/redrive", headers=signed_in) as answer:
                    assert answer.status == 202, await answer.text()
            return len(letters)

    async def _signed_in(self, http: aiohttp.ClientSession) -> dict[str, str]:
        who = {key: self._harness.credentials[key] for key in ("email", "password")}
        async with http.post("/api/v1/users/login", json=who) as answer:
            assert answer.status == 200, await answer.text()
            return {"Authorization": f"Bearer {(await answer.json())['access_token']}"}

    async def evidence(self, load: Load, waiting: dict[str, int]) -> Evidence:
        """Gather all evidence."""
        log, views = await self._all_of(EVENTS), await self._all_of(topics.BACKGROUND_ENDINGS.name)
        found = Evidence(
            accepted=set(load.accepted),
            accepted_exports=set(load.exports),
            opened=set(load.opened),
            with_webhook=set(load.with_webhook),
            endpoint_account=self._people.endpoint_account,
            deliveries=list(self._receiver.taken),
            waiting=dict(waiting),
            log=[_logged_event(topics.EVENTS, record) for record in log],
            view_log=[_logged_event(topics.BACKGROUND_ENDINGS, record) for record in views],
            results=await self._results(topics.EVENTS, log)
            + await self._results(topics.BACKGROUND_ENDINGS, views),
            partner=await self._partner.evidence(await self._commands()),
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
        found.dead = {r[0] for r in await connection.fetch("SELECT subject::text FROM dead_letters")}
        found.unreadable = {r[0] for r in await connection.fetch(_UNREADABLE)}
        found.named = {r[0] for r in await connection.fetch(_NAMED)}
        found.waiting["webhooks given up"] = int(await connection.fetchval(_FAILED_WEBHOOKS))

    async def _all_of(self, topic: str) -> list[Any]:
        return [record for records in (await self.records(topic)).values() for record in records]

    @property
    def _kafka(self) -> KafkaSettings:
        return KafkaSettings(**self._harness.credentials["kafka"])

    async def records(self, topic: str) -> dict[TopicPartition, list[Any]]:
        """Return every committed record of a topic by partition, duplicates included."""
        consumer = broker.consumer(self._kafka, client_id="chaos", group_id=None)
        await consumer.start()
        try:
            await consumer._client._wait_on_metadata(topic)
            parts = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic)]
            consumer.assign(parts)
            # With read_committed the end is the last stable offset: an open transaction hides what follows.
            ends = await consumer.end_offsets(parts)
            await consumer.seek_to_beginning(*parts)
            found: dict[TopicPartition, list[Any]] = {part: [] for part in parts}
            while any([await consumer.position(part) < ends[part] for part in parts]):
                for part, records in (await consumer.getmany(*parts, timeout_ms=200)).items():
                    found[part] += records
            return found
        finally:
            await consumer.stop()

    async def _commands(self) -> list[Sent]:
        found = await self.records(self._partner.program.commands)
        return [
            Sent(dict(record.headers)["ce_id"].decode(), (part.partition, record.offset))
            for part, records in found.items()
            for record in records
        ]

    async def _results(self, topic: topics.Topic, log: list[Any]) -> list[Result]:
        """Read the stored result of every completed job."""
        found = []
        async with BlobStore(S3Settings(**self._harness.credentials["s3"])) as store:
            for record in log:
                message = envelope.decode(topic, record.value, record.headers).message
                if isinstance(message, GenerationCompleted | ExportCompleted):
                    key, expected = message.result.key, message.result.sha256
                    if key not in self._hashes and (data := await _whole(store, key)) is not None:
                        self._hashes[key] = hashlib.sha256(data).hexdigest()
                    found.append(Result(key, expected, self._hashes.get(key)))
        return found

    async def objects(self) -> set[str]:
        """Return every key in the blob store."""
        async with BlobStore(S3Settings(**self._harness.credentials["s3"])) as store:
            return set(await store.keys(""))

    async def _broken_invariants(self) -> list[str]:
        async with aiohttp.ClientSession(self._harness.url) as http:
            signed_in = await self._signed_in(http)
            async with http.get("/api/v1/health/invariants", headers=signed_in) as answer:
                assert answer.status == 200, await answer.text()
                return [rule["rule"] for rule in (await answer.json())["rules"] if not rule["holds"]]

    async def _broken_rules(self) -> list[str]:
        """Return the currently broken invariants, since the gateway's answer may be a minute old."""
        said = json.loads((await self.run("ledger", "invariants")).splitlines()[-1])
        return [broken["rule"] for broken in said["broken"]]

    async def sweep(self) -> int:
        """Have orphans removed as gateways do, but without a day's grace, since nothing is in flight."""
        s3 = S3Settings(**self._harness.credentials["s3"])
        url = self._harness.credentials["database_url"]
        async with asyncpg.create_pool(url, min_size=1, max_size=2) as pool, BlobStore(s3) as store:
            return len(await Orphans(pool, store, s3.bucket, grace=timedelta(0)).find())

    async def _differences(self) -> int:
        """Compare the rows with a rebuild, as an operator does; return the number of differences."""
        said = await self.run("ledger", "rebuild", "--compare")
        return sum(json.loads(said.splitlines()[-1])["counts"].values())

    async def run(self, *command: str) -> str:
        """Run one of the system's commands with direct addresses; return its output."""
        given = self._harness.credentials
        env = os.environ | {"DATABASE_URL": given["database_url"]}
        env |= {f"KAFKA_{key.upper()}": str(value) for key, value in given["kafka"].items()}
        env |= {f"S3_{key.upper()}": value for key, value in given["s3"].items()}
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", *command, env=env, stdout=asyncio.subprocess.PIPE
        )
        said, _ = await child.communicate()
        assert child.returncode in {0, 1}, said.decode()
        return said.decode()

    async def _database(self) -> asyncpg.Connection:
        return await asyncpg.connect(self._harness.credentials["database_url"])


def _logged_event(topic: topics.Topic, record: Any) -> LoggedEvent:
    decoded = envelope.decode(topic, record.value, record.headers)
    account = str(decoded.message.account_id)
    return LoggedEvent(str(decoded.id), decoded.type, str(decoded.subject), account, record.value)


async def _whole(store: BlobStore, key: str) -> bytes | None:
    try:
        return (await store.read(key, most=MAX_BYTES))[0]
    except BlobMissingError:
        return None
