"""Ends jobs whose command no worker can receive any more; otherwise only a command's owner ends its job.

A job is ended when all of these conditions hold:

1. It is in flight, and `LOST_AFTER` has passed since it expired.
2. The outbox holds nothing from before its expiry, so its command was published.
3. Its command is gone. Every input of the group (the command topics and their retry topics) begins after the
   job was requested, or the command was published in another topic epoch. And a scan of all inputs, from
   beginning to end, finds no record with the job's key. The times alone do not suffice: the first record of
   a partition is younger than the request that it carries. For an input without records the condition holds:
   its records were removed, or it never held the command.
4. Every input was taken over before that scan (`CommandLog.take_over`). A worker that still holds the
   command, perhaps one that was stopped for days, took it from below an input's beginning. The group's offset
   is at or above that beginning now, and where it was not, the worker's producer was fenced first. So its
   result cannot be committed: the fenced producer fails, and one that is opened anew reads the offset and
   drops the record. A retry copy that the worker published before lies in a retry topic, where the scan finds
   it.
5. The log of record, read to its end after the scan, has no ending of the job. An ending from before the
   takeover lies below that end, and none is written after it. Nothing of the account is parked.

These conditions stay true once they hold, so a pause of the process between two steps does no harm. Two
ledgers at once, or two turns, lock the job's row; ``lost_at`` is set once, with the outbox row. Decision 29
names the remaining case: a change of the topic epoch under a worker that survives it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NoReturn
from uuid import UUID

import asyncpg
import structlog
from aiokafka import TopicPartition

from bus.bridges import outbox
from bus.contract import envelope, topics
from bus.contract.limits import LOST_AFTER
from bus.contract.messages import (
    EXPORT_ENDINGS,
    GENERATION_ENDINGS,
    ExportFailed,
    GenerationFailed,
)
from bus.contract.topics import Topic
from bus.runtime.periodic import repeat
from bus.runtime.settings import KafkaSettings
from ledger import metrics
from ledger.command_log import CommandLog
from ledger.db import leader_turns
from ledger.settings import GroupSettings

log = structlog.stdlib.get_logger(__name__)

SOURCE: Final = "/sharpstream/ledger"
PAGE: Final = 10_000
"""Jobs looked for in Kafka at once."""
BATCH: Final = 500
"""Jobs ended by one transaction."""
FIRST: Final = (datetime.min.replace(tzinfo=UTC), UUID(int=0))
_ENDINGS: Final = {
    str(kind.__struct_config__.tag).encode() for kind in (*GENERATION_ENDINGS, *EXPORT_ENDINGS)
}

_JOBS: Final = """
SELECT j.id, j.requested_at, other.epoch IS NOT NULL AS other_epoch
FROM ({jobs}) AS j
LEFT JOIN LATERAL (SELECT e.epoch FROM event_log e
                   WHERE e.subject = j.id AND e.type = $1 AND e.epoch <> $2 LIMIT 1) AS other ON true
WHERE j.lost_at IS NULL AND j.expires_at < now() - $3::interval
  AND j.expires_at < coalesce((SELECT min(created_at) FROM outbox), 'infinity')
  AND NOT EXISTS (SELECT FROM parked_events p
                  WHERE p.key IN (convert_to(j.id::text, 'UTF8'), convert_to(j.account::text, 'UTF8')))
  AND (j.requested_at < coalesce($4::timestamptz, 'infinity') OR other.epoch IS NOT NULL)
  AND (j.requested_at, j.id) > ($5, $6)
ORDER BY j.requested_at, j.id LIMIT $7"""
_SCENES: Final = """
SELECT id, user_id AS account, created_at AS requested_at, lost_at,
       coalesce(expires_at, created_at + interval '6 days') AS expires_at
FROM scene_generations WHERE status IN ('pending', 'processing')"""
_EXPORTS: Final = """
SELECT x.id, s.user_id AS account, x.created_at AS requested_at, x.lost_at,
       coalesce(x.expires_at, x.created_at + interval '{lifetime}') AS expires_at
FROM export_jobs x JOIN scene_generations s ON s.id = x.scene_generation_id
WHERE x.status IN ('pending', 'processing') AND x.purpose IS {purpose}"""
_REACHED: Final = """
SELECT topic, partition, next_offset FROM projector_offsets
WHERE projector = $1 AND epoch = $2 AND topic = $3"""
_END_SCENES: Final = (
    "SELECT FROM scene_generations WHERE id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE",
    """UPDATE scene_generations SET lost_at = now()
    WHERE id = ANY($1::uuid[]) AND status IN ('pending', 'processing') AND lost_at IS NULL
    RETURNING id, user_id AS account, id AS scene, NULL AS format""",
)
_END_EXPORTS: Final = (
    "SELECT FROM export_jobs WHERE id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE",
    """UPDATE export_jobs x SET lost_at = now() FROM scene_generations s
    WHERE x.id = ANY($1::uuid[]) AND x.status IN ('pending', 'processing') AND x.lost_at IS NULL
    AND s.id = x.scene_generation_id
    RETURNING x.id, s.user_id AS account, s.id AS scene, x.export_format AS format""",
)


@dataclass(frozen=True, slots=True)
class Why:
    """Why jobs are ended: the error code, and the beginning of the sentence for people."""

    code: str
    sentence: str


EXPIRED: Final = Why("expired", "Nobody took it in time")


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """A kind of job: the consumer group and topics of its commands, and the topic of its endings.

    ``projector`` projects the endings from ``endings`` into the rows. ``requested`` is the type of the event
    published with the command; the event's row has the command's topic epoch.
    """

    name: str
    group: str
    commands: tuple[Topic, ...]
    endings: Topic
    projector: str
    requested: str
    jobs: str
    end: tuple[str, str]


def kinds(groups: GroupSettings) -> tuple[Kind, ...]:
    """Return every kind of job that has a command in Kafka."""
    return (
        Kind(
            name="generation",
            group=groups.inference_group,
            commands=(topics.COMMANDS_INTERACTIVE, topics.COMMANDS_BULK, *topics.GENERATION_RETRIES),
            endings=topics.EVENTS,
            projector="ledger",
            requested="generation.requested.v1",
            jobs=_SCENES,
            end=_END_SCENES,
        ),
        Kind(
            name="export",
            group=groups.export_group,
            commands=(topics.EXPORT_COMMANDS, *topics.EXPORT_RETRIES),
            endings=topics.EVENTS,
            projector="export.jobs",
            requested="export.requested.v1",
            jobs=_EXPORTS.format(lifetime="6 days", purpose="NULL"),
            end=_END_EXPORTS,
        ),
        Kind(
            name="background_export",
            group=groups.background_group,
            commands=(topics.BACKGROUND_COMMANDS, *topics.BACKGROUND_RETRIES),
            endings=topics.BACKGROUND_ENDINGS,
            projector="export.jobs",
            requested="export.requested.v1",
            jobs=_EXPORTS.format(lifetime="29 days", purpose="NOT NULL"),
            end=_END_EXPORTS,
        ),
    )


class LostJobs:
    """Ends lost jobs beside the projectors, in one ledger at a time. ``after``: see `LOST_AFTER`."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        kafka: KafkaSettings,
        looked_for: tuple[Kind, ...],
        *,
        after: timedelta = LOST_AFTER,
    ) -> None:
        self._pool, self._kafka, self._kinds, self._after = pool, kafka, looked_for, after

    async def run(self, *, every_s: float) -> NoReturn:
        """Run about every ``every_s`` seconds, until cancelled. A failure is retried at the next turn."""

        async def work() -> None:
            if await leader_turns.claim(self._pool, "lost_jobs", timedelta(seconds=every_s / 2)):
                await self.end_lost()

        await repeat("lost_jobs", work, every_s=every_s)

    async def end_lost(self) -> list[UUID]:
        """Publish the endings of the jobs that are lost, and return their ids."""
        ended: list[UUID] = []
        for kind in self._kinds:
            try:
                ended += await self._end_lost_of(kind)
            except Exception as error:  # noqa: BLE001  (one kind of job must not stop another)
                log.warning("lost_jobs_not_looked_for", kind=kind.name, error=repr(error))
        return ended

    async def _end_lost_of(self, kind: Kind) -> list[UUID]:
        ended: list[UUID] = []
        if not await self._page(kind, None, FIRST, limit=1):
            return ended  # the usual case
        async with CommandLog(self._kafka, group=kind.group, topics=kind.commands) as commands:
            begins = await commands.begins()
            oldest = await commands.oldest(begins)
            position = FIRST
            while page := await self._page(kind, oldest, position, limit=PAGE):
                ended += await self._end(kind, await self._lost(kind, page, commands, begins))
                position = page[-1]["requested_at"], page[-1]["id"]
        return ended

    async def _page(
        self, kind: Kind, before: datetime | None, after: tuple[datetime, UUID], *, limit: int
    ) -> list[asyncpg.Record]:
        """Return the next expired jobs that were requested ``before``, or in another topic epoch.

        Oldest first, after the position ``after``, so that a job that cannot be ended does not block others.
        """
        rows: list[asyncpg.Record] = await self._pool.fetch(
            _JOBS.format(jobs=kind.jobs),
            kind.requested,
            self._kafka.topic_epoch,
            self._after,
            before,
            *after,
            limit,
        )
        return rows

    async def _lost(
        self,
        kind: Kind,
        page: list[asyncpg.Record],
        commands: CommandLog,
        begins: Mapping[TopicPartition, int],
    ) -> list[UUID]:
        """Return those of the jobs whose command is gone and whose ending is not in the log."""
        await self._take_over(kind, commands, begins, other_epoch=any(row["other_epoch"] for row in page))
        ids = {str(row["id"]).encode(): row["id"] for row in page}
        gone = ids.keys() - await commands.holding(ids.keys(), begins)
        lost = gone - await self._ended_in_log(kind, commands, gone) if gone else gone
        return [ids[key] for key in ids if key in lost]

    async def _take_over(
        self, kind: Kind, commands: CommandLog, begins: Mapping[TopicPartition, int], *, other_epoch: bool
    ) -> None:
        """Take over the inputs; every one only once per epoch, because it ends each worker of the group."""
        name = f"fenced:{kind.group}:{self._kafka.topic_epoch}"
        every = other_epoch and not await leader_turns.is_done(self._pool, name)
        await commands.take_over(begins, every=every)
        if every:
            await leader_turns.note_done(self._pool, name)

    async def _ended_in_log(self, kind: Kind, commands: CommandLog, wanted: set[bytes]) -> set[bytes]:
        """Return the jobs that have an ending in the log, above the projected offsets."""
        rows = await self._pool.fetch(_REACHED, kind.projector, self._kafka.topic_epoch, kind.endings.name)
        reached = {TopicPartition(row["topic"], row["partition"]): row["next_offset"] for row in rows}
        parts = await commands.partitions([kind.endings])
        found: set[bytes] = set()
        async for records in commands.records({part: reached.get(part, 0) for part in parts}):
            for record in records:
                headers = dict(reversed(record.headers))
                if headers.get("ce_type") in _ENDINGS and headers.get("ce_subject") in wanted:
                    found.add(headers["ce_subject"])
        return found

    async def _end(self, kind: Kind, jobs: list[UUID]) -> list[UUID]:
        """Put the endings into the outbox; skip jobs that ended or were ended meanwhile."""
        ended: list[UUID] = []
        for begin in range(0, len(jobs), BATCH):
            async with self._pool.acquire() as connection, connection.transaction():
                ended += await end(connection, kind, jobs[begin : begin + BATCH], EXPIRED)
        if ended:
            metrics.LOST.labels(kind.name).inc(len(ended))
            log.error("lost_jobs_ended", kind=kind.name, count=len(ended), first=[*map(str, ended[:10])])
        return ended


async def end(connection: asyncpg.Connection, kind: Kind, jobs: list[UUID], why: Why) -> list[UUID]:
    """Put the endings of those jobs that are in flight into the outbox, once; return their ids."""
    lock, mark = kind.end
    await connection.execute(lock, jobs)
    rows = await connection.fetch(mark, jobs)
    await outbox.enqueue_each(connection, [[_ending(kind, row, why)] for row in rows])
    return [row["id"] for row in rows]


def _ending(kind: Kind, row: Mapping[str, Any], why: Why) -> envelope.OutRecord:
    message: GenerationFailed | ExportFailed
    if row["format"] is None:
        message = GenerationFailed(
            generation_id=row["id"],
            account_id=row["account"],
            code=why.code,
            message=f"{why.sentence}; send the photo again.",
        )
    else:
        message = ExportFailed(
            export_id=row["id"],
            generation_id=row["scene"],
            account_id=row["account"],
            format=row["format"],
            code=why.code,
            message=f"{why.sentence}; ask for the export again.",
        )
    key = row["account"] if kind.endings is topics.EVENTS else row["id"]
    return envelope.record(kind.endings, message, key=key, source=SOURCE)
