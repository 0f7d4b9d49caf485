"""Backfill: reads the events topic again and orders an export for old scenes that lack it.

It keeps no state: export ids are deterministic, so a run that was killed is repeated and orders only what is
missing. It limits pending exports, so that the outbox and the topic stay short and it can be stopped at any
time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import asyncpg
import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from bus.bridges.projector import RawRecord, raw_record
from bus.contract import topics
from bus.contract.messages import GenerationCompleted
from bus.contract.topics import Topic
from bus.kafka import broker
from bus.runtime.settings import KafkaSettings
from export_consumer.handlers import SOURCE
from ledger.db import scene_views
from ledger.db.admin_acts import Act, record
from ledger.db.scene_views import CompletedScene, View
from ledger.events import Event, decode

BATCH: Final = 500
"""Scenes per transaction."""
CLOCKS: Final = timedelta(hours=1)
"""How much earlier reading begins, because of clock skew between an event's time and its record's."""
_POLL_INTERVAL_S: Final = 0.5
_KNOWN: Final = """
SELECT s.id FROM scene_generations s JOIN users u ON u.id = s.user_id
WHERE s.id = ANY($1::uuid[]) AND s.deleted_at IS NULL AND u.erased_at IS NULL"""
_AHEAD: Final = """
SELECT count(*) FROM export_jobs WHERE purpose IS NOT NULL AND status IN ('pending', 'processing')"""


@dataclass(kw_only=True)
class Progress:
    """The progress of a run. ``gone``: scenes that were deleted, or whose account was erased."""

    scenes: int = 0
    ordered: int = 0
    already: int = 0
    gone: int = 0
    dry_run: bool = False

    def to_json(self) -> str:
        """Return one JSON object."""
        return msgspec.json.encode(asdict(self)).decode()


@dataclass(frozen=True, kw_only=True)
class BackfillRequest:
    """The view to make, for scenes completed from ``since`` to before ``until``."""

    view: View
    since: datetime
    until: datetime
    ahead: int
    dry_run: bool


async def run(
    pool: asyncpg.Pool,
    kafka: KafkaSettings,
    request: BackfillRequest,
    *,
    on_progress: Callable[[Progress], Any],
    topic: Topic | None = None,
) -> Progress:
    """Order the requested view of every scene that lacks it; call ``on_progress`` after each step."""
    progress = Progress(dry_run=request.dry_run)
    async for scenes in _completed(kafka, topic or topics.EVENTS, request):
        for begin in range(0, len(scenes), BATCH):
            await _room(pool, request)
            await _some(pool, scenes[begin : begin + BATCH], request, progress)
            on_progress(progress)
    return progress


async def _some(
    pool: asyncpg.Pool, scenes: Sequence[CompletedScene], request: BackfillRequest, progress: Progress
) -> None:
    ids = [scene.generation_id for scene in scenes]
    async with pool.acquire() as connection, connection.transaction():
        if not request.dry_run:
            await scene_views.hold(connection, ids)
        known = {row["id"] for row in await connection.fetch(_KNOWN, ids)}
        there = await scene_views.count_ordered(connection, [request.view.id_for(each) for each in known])
        living = [scene for scene in scenes if scene.generation_id in known]
        if request.dry_run:
            ordered = len(known) - there
        else:
            ordered = await scene_views.order(connection, living, [request.view], source=SOURCE)
            if ordered:
                details = {"purpose": request.view.purpose, "ordered": ordered}
                await record(connection, Act(action="backfill", details=details))
    progress.scenes += len(scenes)
    progress.gone += len(scenes) - len(living)
    progress.already += there
    progress.ordered += ordered


async def _room(pool: asyncpg.Pool, request: BackfillRequest) -> None:
    """Wait until fewer than ``ahead`` of the system's own exports are in flight."""
    while not request.dry_run and await pool.fetchval(_AHEAD) >= request.ahead:  # noqa: ASYNC110  (other processes make it)
        await asyncio.sleep(_POLL_INTERVAL_S)


async def _completed(
    kafka: KafkaSettings, topic: Topic, request: BackfillRequest
) -> AsyncIterator[list[CompletedScene]]:
    """Yield the scenes completed in the requested time, up to the topic's current end."""
    async for records in _read(kafka, topic, request.since - CLOCKS):
        events, _ = decode(topic, records)
        found = [_finished(event) for event in events if _wanted(event, request)]
        if found:
            yield found


def _wanted(event: Event, request: BackfillRequest) -> bool:
    return isinstance(event.message, GenerationCompleted) and request.since <= event.time < request.until


def _finished(event: Event) -> CompletedScene:
    message: GenerationCompleted = event.message
    return CompletedScene(message.generation_id, message.account_id, message.result, event.correlation_id)


async def _read(kafka: KafkaSettings, topic: Topic, since: datetime) -> AsyncIterator[list[RawRecord]]:
    """Yield the committed records from ``since`` on, in order within a partition."""
    consumer: AIOKafkaConsumer = broker.consumer(kafka, client_id="sharpstream-backfill", group_id=None)
    await consumer.start()
    try:
        parts = [TopicPartition(topic.name, number) for number in range(topic.partitions)]
        consumer.assign(parts)
        ends = await consumer.end_offsets(parts)
        begins = await consumer.offsets_for_times({part: int(since.timestamp() * 1000) for part in parts})
        for part in parts:
            consumer.seek(part, begins[part].offset if begins[part] else ends[part])
        while open_ := [part for part in parts if await consumer.position(part) < ends[part]]:
            consumer.pause(*(set(parts) - set(open_)))
            got = await consumer.getmany(timeout_ms=500, max_records=5000)
            yield [
                raw_record(record)
                for part, records in got.items()
                for record in records
                if record.offset < ends[part]
            ]
    finally:
        await consumer.stop()
