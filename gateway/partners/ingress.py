"""Reads partners' commands into Postgres: all commands topics, also future ones, one task a partition.

It has its own poll loop, so that heartbeats continue while a partition waits and partitions are independent.
What cannot be decoded arrives as an `UnreadableRecord`, once `gateway.partners.batch_reader` is installed.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection
from typing import Final

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from bus.bridges.projection import Projector, raw_record
from bus.contract.partners import MAX_COMMAND_BYTES
from bus.kafka import broker, in_hand
from bus.kafka.in_hand import Note
from bus.kafka.static_membership import FencedInstanceIdError
from bus.runtime import tasks
from bus.runtime.backoff import Backoff
from bus.runtime.errors import FencedError
from bus.runtime.settings import KafkaSettings
from gateway.partners import metrics
from gateway.partners.acceptance import CommandHandler
from gateway.partners.batch_reader import UnreadableRecord
from gateway.partners.command_partition import ENOUGH, CommandPartition
from gateway.partners.exclusion import Exclusion

log = structlog.stdlib.get_logger(__name__)

POLL_MS: Final = 100
COMMIT_INTERVAL_S: Final = 1.0
"""How often positions are committed to Kafka."""
CLOSE_S: Final = 5.0
NOTHING: Final = TopicPartition("", 0)
"""A partition that nobody has; to poll no partition at all, as none named means every one."""


class Ingress:
    """Consumes commands; `run` returns after `stop`. ``discover_s``: a new topic is found within that."""

    def __init__(
        self,
        kafka: KafkaSettings,
        projector: Projector,
        handler: CommandHandler,
        *,
        group: str,
        instance_id: str | None,
        discover_s: float,
        session_s: float,
        pattern: str,
    ) -> None:
        self._kafka, self._projector, self._handler = kafka, projector, handler
        self._group, self._instance_id, self._pattern = group, instance_id, pattern
        self._name = in_hand.name_of(instance_id, group)
        self._discover_s, self._session_s = discover_s, session_s
        self._partitions: dict[TopicPartition, tuple[CommandPartition, asyncio.Task[None]]] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self._committed: dict[TopicPartition, int] = {}
        self._failure: BaseException | None = None
        self._joined = False
        self._owner = in_hand.owner_of(self._name)
        self._exclusion = Exclusion()

    @property
    def ready(self) -> bool:
        """Whether this process is a member of its consumer group."""
        return self._joined

    async def stop(self) -> None:
        """Finish the answers in flight, leave the rest to the next owner, and let `run` return."""
        self._stopping.set()

    async def run(self) -> None:
        """Consume until `stop`. Survives an outage of Kafka. After `FencedError` the process must end."""
        backoff = Backoff()
        while not self._stopping.is_set():
            try:
                await self._session()
            except FencedInstanceIdError as error:
                raise FencedError(f"Another process runs as {self._instance_id!r}.") from error
            except (KafkaError, OSError, TimeoutError) as error:
                if self._joined:
                    backoff.reset()
                log.warning("ingress_lost_kafka", error=repr(error), retry_in_s=backoff.wait_s)
                await backoff.sleep(self._stopping)
            finally:
                self._joined = False

    async def _session(self) -> None:
        consumer = self._consumer()
        consumer.subscribe(pattern=self._pattern, listener=_Listener(self, consumer))
        self._committed.clear()
        try:
            await tasks.first_of(consumer.start(), self._stopping.wait())
            self._joined = True
            while not self._stopping.is_set():
                await self._poll(consumer)
        finally:
            for tp in tuple(self._partitions):
                self.lose(tp)
            await tasks.end(tuple(self._ending), within_s=2 * CLOSE_S)
            stopping = asyncio.ensure_future(consumer.stop())
            await asyncio.wait([stopping], timeout=CLOSE_S)
            await tasks.end([stopping], within_s=CLOSE_S)

    async def _poll(self, consumer: AIOKafkaConsumer) -> None:
        """Take records for the partitions with room; those fetched for a full one stay with the consumer."""
        mine = [
            tp
            for tp, (partition, _) in self._partitions.items()
            if partition.open and not partition.full and tp in consumer.assignment()
        ]
        # A consumer that does not poll leaves its group, so it polls also where no partition has room.
        batches = await consumer.getmany(*(mine or [NOTHING]), timeout_ms=POLL_MS, max_records=ENOUGH)
        for tp, records in batches.items():
            self._take(tp, records)
        await self._commit(consumer)
        if self._failure is not None:
            raise self._failure

    def _take(self, tp: TopicPartition, records: Collection[ConsumerRecord | UnreadableRecord]) -> None:
        partition, _ = self._partitions.get(tp, (None, None))
        if partition is not None and partition.open:  # else the seek fetches them again
            partition.feed(
                each if isinstance(each, UnreadableRecord) else raw_record(each) for each in records
            )

    async def _commit(self, consumer: AIOKafkaConsumer) -> None:
        """Commit positions to Kafka for lag monitoring, with the notes of `bus.kafka.in_hand`.

        The positions are never read; the notes are.
        """
        moved = {
            tp: (partition.position, partition.note.text)
            for tp, (partition, _) in self._partitions.items()
            if partition.open
            and partition.position > self._committed.get(tp, 0)
            and tp in consumer.assignment()
        }
        if moved:
            with contextlib.suppress(KafkaError):
                await consumer.commit(moved)
            self._committed |= {tp: position for tp, (position, _) in moved.items()}

    def assign(self, consumer: AIOKafkaConsumer, assigned: Collection[TopicPartition]) -> None:
        """Start a `CommandPartition` for each assigned partition and end the others. Must not wait."""
        for tp in self._partitions.keys() - set(assigned):
            self.lose(tp)
        for tp in assigned:
            consumer.pause(tp)
            previous = self.lose(tp) if tp in self._partitions else None  # aiokafka lost its position
            self._open(consumer, tp, previous)
        metrics.PARTITIONS.set(len(self._partitions))
        log.info("partner_partitions_assigned", count=len(self._partitions))

    def _open(
        self, consumer: AIOKafkaConsumer, tp: TopicPartition, previous: asyncio.Task[None] | None
    ) -> None:
        def begin(offset: int) -> None:
            # A topic found meanwhile takes every partition away until the group has assigned them anew;
            # aiokafka then answers `seek` with AssertionError.
            if tp not in consumer.assignment():
                return
            consumer.seek(tp, offset)
            consumer.resume(tp)

        async def opening() -> tuple[Note, int | None]:
            _, note = await in_hand.committed(consumer, tp)
            if note.owner in {"", self._owner} or not await self._gone(note.owner):
                return note, None
            log.warning("owner_died", topic=tp.topic, owner=note.owner, trying=note.trying)
            return note, (await consumer.end_offsets([tp]))[tp]

        async def write(position: int, note: Note) -> None:
            await consumer.commit({tp: (position, note.text)})

        partition = CommandPartition(
            (tp.topic, tp.partition),
            self._projector,
            self._handler,
            begin,
            owner=self._owner,
            opening=opening,
            note=write,
            exclusion=self._exclusion,
        )
        running = asyncio.ensure_future(partition.run(previous))
        running.add_done_callback(self._ended)
        self._partitions[tp] = partition, running

    async def _gone(self, owner: str) -> bool:
        return await in_hand.gone(self._kafka, self._group, self._name, owner)

    def lose(self, tp: TopicPartition) -> asyncio.Task[None]:
        """End a partition; return its task, which is being cancelled."""
        partition, running = self._partitions.pop(tp)
        partition.open = False
        running.cancel()
        self._ending.add(running)
        running.add_done_callback(self._ending.discard)
        return running

    def _ended(self, running: asyncio.Task[None]) -> None:
        if not running.cancelled() and (error := running.exception()) is not None:
            self._failure = self._failure or error

    def _consumer(self) -> AIOKafkaConsumer:
        return broker.consumer(
            self._kafka,
            client_id=self._name,
            group_id=self._group,
            group_instance_id=self._instance_id,
            session_timeout_ms=int(self._session_s * 1000),
            rebalance_timeout_ms=int(self._session_s * 1000),
            heartbeat_interval_ms=2_000,
            # Polling continues while partitions wait, so only a process whose loop is stuck exceeds this.
            max_poll_interval_ms=300_000,
            max_partition_fetch_bytes=MAX_COMMAND_BYTES,
            metadata_max_age_ms=int(self._discover_s * 1000),
        )


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    """Passes assignments to `Ingress`. Must not wait: no heartbeats are sent meanwhile."""

    def __init__(self, ingress: Ingress, consumer: AIOKafkaConsumer) -> None:
        self._ingress, self._consumer = ingress, consumer

    def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """Do nothing: most partitions are assigned again at once, and Postgres fences a stale owner."""

    def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        self._ingress.assign(self._consumer, assigned)
