"""What the store and Kafka still hold of accounts and jobs that the database does not know.

After a restore that is what came after the backup. It is named for the operator, and the sweep of orphans
leaves the objects of these jobs alone (`restores.newer`).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import asyncpg
from aiokafka import TopicPartition

from bus.blob_copies import BlobCopies
from bus.contract import envelope, topics
from bus.contract.blob_ref import owner_of
from bus.kafka import broker
from bus.runtime.settings import KafkaSettings
from ledger.rebuild import records

SHOWN: Final = 1000
"""Ids in each list for people; the counts cover all."""
_JOBS: Final = ("generation.", "export.")
_UNKNOWN: Final = """
SELECT n.id FROM unnest($1::uuid[]) AS n (id)
WHERE NOT EXISTS (SELECT FROM scene_generations s WHERE s.id = n.id)
  AND NOT EXISTS (SELECT FROM export_jobs e WHERE e.id = n.id)
  AND NOT EXISTS (SELECT FROM uploads u WHERE u.id = n.id)"""
_UNKNOWN_ACCOUNTS: Final = """
SELECT n.id FROM unnest($1::uuid[]) AS n (id) WHERE NOT EXISTS (SELECT FROM users u WHERE u.id = n.id)"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Newer:
    """What only the store or Kafka knows. Accounts are seen in Kafka's log alone."""

    accounts: set[UUID]
    jobs: set[UUID]

    def shown(self) -> dict[str, Any]:
        """Return the counts and the first ids, for people."""
        return {
            "account_count": len(self.accounts),
            "accounts": sorted(map(str, self.accounts))[:SHOWN],
            "job_count": len(self.jobs),
            "jobs": sorted(map(str, self.jobs))[:SHOWN],
        }


async def find(connection: asyncpg.Connection, store: BlobCopies, kafka: KafkaSettings | None) -> Newer:
    """Read the names of all objects and, where ``kafka`` is given, the whole log of events."""
    found = Newer(accounts=set(), jobs=await _in_store(connection, store))
    if kafka is not None:
        await _add_from_log(connection, kafka, found)
    return found


async def _in_store(connection: asyncpg.Connection, store: BlobCopies) -> set[UUID]:
    found: set[UUID] = set()
    async for page in store.listing():
        ids = {owner for each in page if (owner := owner_of(each.key))}
        found |= await _unknown(connection, _UNKNOWN, ids)
    return found


async def _add_from_log(connection: asyncpg.Connection, kafka: KafkaSettings, found: Newer) -> None:
    topic = topics.EVENTS
    parts = [TopicPartition(topic.name, number) for number in range(topic.partitions)]
    consumer = broker.consumer(kafka, client_id="sharpstream-newer", group_id=None)
    consumer.assign(parts)
    await consumer.start()
    try:
        ends = await consumer.end_offsets(parts)
    finally:
        await consumer.stop()
    async for batch in records(kafka, ends):
        subjects = {
            owner
            for record in batch
            if (envelope.header(record.headers, "ce_type") or "").startswith(_JOBS)
            and (owner := _uuid(envelope.header(record.headers, "ce_subject") or ""))
        }
        found.jobs.update(await _unknown(connection, _UNKNOWN, subjects))
        owners = {owner for record in batch if (owner := _uuid((record.key or b"").decode(errors="replace")))}
        found.accounts.update(await _unknown(connection, _UNKNOWN_ACCOUNTS, owners))


async def _unknown(connection: asyncpg.Connection, query: str, ids: Collection[UUID]) -> set[UUID]:
    rows: list[Any] = await connection.fetch(query, list(ids)) if ids else []
    return {row["id"] for row in rows}


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
