"""The bridge from Kafka to Kafka: each record's results and its offset in one transaction.

One transactional producer for each assigned partition, one poll loop, results in the order of the offsets.
Needs only Kafka. Must not interpret records: the handler does. See `bus.kafka.retry` for failures and
`bus.kafka.partition` for the sequence at a rebalance.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from typing import Final

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from bus.contract.envelope import present
from bus.contract.topics import Topic
from bus.kafka import broker, fetcher, in_hand
from bus.kafka.in_hand import InHand
from bus.kafka.partition import InputPartition
from bus.kafka.retry import GiveUp, Handler, Record, Routing, attempt_of, not_before_of
from bus.kafka.scheduler import Dispatcher
from bus.kafka.static_membership import FencedInstanceIdError
from bus.kafka.transactions import TransactionalProducer, owner_id
from bus.runtime import tasks
from bus.runtime.backoff import Backoff
from bus.runtime.errors import FencedError
from bus.runtime.settings import KafkaSettings

__all__ = ["GiveUp", "Handler", "Processor", "Record"]

log = structlog.stdlib.get_logger(__name__)

POLL_MS: Final = 100
"""Also the longest delay of a due retry."""
FETCH_BYTES: Final = 256 * 1024
"""From one partition in one fetch; a larger record is still fetched, alone. 30 partitions: 8 MB."""
CLOSE_S: Final = 5.0


class Processor:
    """Runs ``handle`` over the records of ``topics``; `run` returns after `stop`.

    ``topics``: by priority, highest first; the retry topics rank right after the first. ``retries``: in the
    order of their delays, each is a further attempt. ``instance_id``: the same after a restart of the same
    worker, different for any two that run (static membership); None leaves the group at each stop.
    ``max_in_flight``: handlers that run at once. ``grace_s``: how long `stop` waits for them. ``gather_s``:
    how long records gather after some have come, asked each time.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        *,
        group: str,
        topics: Sequence[Topic],
        retries: Sequence[Topic],
        dead: Topic,
        handle: Handler,
        give_up: GiveUp,
        instance_id: str | None,
        max_in_flight: int,
        grace_s: float = 20.0,
        session_timeout_s: float = 30.0,
        heartbeat_s: float = 2.0,
        compression: str = broker.COMPRESSION,
        gather_s: Callable[[], float] = fetcher.AT_ONCE,
    ) -> None:
        self._gather_s = gather_s
        self._kafka, self._group, self._instance_id = kafka, group, instance_id
        self._name = in_hand.name_of(instance_id, group)
        self._compression = compression
        self._inputs = {topic.name: topic for topic in (*topics[:1], *retries, *topics[1:])}
        self._ranks = {name: rank for rank, name in enumerate(self._inputs)}
        self._grace_s = grace_s
        self._session_timeout_s, self._heartbeat_s = session_timeout_s, heartbeat_s
        self._partitions: dict[TopicPartition, InputPartition] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._paused: set[TopicPartition] = set()
        self._failure: BaseException | None = None
        self._stopping = asyncio.Event()
        self._deadline = float("inf")
        self._joined = False
        # Without retries nothing can be done with such a record: those behind it keep waiting for it.
        self._owner = in_hand.owner_of(self._name) if retries else ""
        self._dispatcher = Dispatcher(
            group=group,
            max_in_flight=max_in_flight,
            handle=handle,
            routing=Routing(retries=retries, dead=dead, give_up=give_up),
            partitions=self._partitions.values,
            failed=self._fail,
        )

    @property
    def ready(self) -> bool:
        """True while this worker is a member of its group and all its partitions are open."""
        return self._joined and all(partition.open for partition in self._partitions.values())

    async def stop(self, grace_s: float | None = None) -> None:
        """Shut down gracefully: take no more records, let handlers end, commit their results.

        ``grace_s`` in place of the usual time; of several calls the earliest deadline counts.
        """
        self._dispatcher.taking = False
        grace_s = self._grace_s if grace_s is None else grace_s
        self._deadline = min(self._deadline, asyncio.get_running_loop().time() + grace_s)
        self._stopping.set()

    async def run(self) -> None:
        """Process until `stop`. Survives an outage of Kafka.

        Raises `FencedError` where another process has taken over a partition that this one still held; the
        caller then ends the process. Records in flight are not lost: the new owner processes them.
        """
        backoff = Backoff()
        while not self._stopping.is_set():
            try:
                await self._session()
            except FencedInstanceIdError as error:
                raise FencedError(f"Another process runs as {self._instance_id!r}.") from error
            except (KafkaError, OSError, TimeoutError) as error:
                if self._joined:
                    backoff.reset()
                log.warning(
                    "processor_lost_kafka", group=self._group, error=repr(error), retry_in_s=backoff.wait_s
                )
                await backoff.sleep(self._stopping)
            finally:
                self._joined = False

    async def _session(self) -> None:
        """Run one consumer until `stop` or a failure."""
        self._failure = None
        consumer = self._consumer()
        consumer.subscribe(list(self._inputs), listener=_Listener(self, consumer))
        try:
            await tasks.first_of(consumer.start(), self._stopping.wait())
            fetcher.gather(consumer, self._gather_s)
            self._joined = True
            while not self._finished():
                await self._poll(consumer)
            leaving = [asyncio.ensure_future(each.sign_off()) for each in self._partitions.values()]
            if leaving:
                await asyncio.wait(leaving, timeout=CLOSE_S)
                await tasks.end(leaving)
        finally:
            await self._close(consumer)

    async def _poll(self, consumer: AIOKafkaConsumer) -> None:
        batches = await consumer.getmany(timeout_ms=POLL_MS)
        # No await from here: the records belong to the current assignment.
        for tp, records in batches.items():
            partition = self._partitions.get(tp)
            if partition is not None and partition.open:  # else the seek fetches them again
                partition.accept(self._record(each) for each in records)
        self._dispatcher.dispatch()
        self._throttle(consumer)
        if self._failure is not None:
            raise self._failure

    def _throttle(self, consumer: AIOKafkaConsumer) -> None:
        """Backpressure: pause partitions with enough waiting records. Polling continues."""
        enough = self._dispatcher.max_in_flight
        for tp, partition in self._partitions.items():
            if not partition.open:
                continue
            if tp not in self._paused and len(partition.waiting) >= enough:
                consumer.pause(tp)
                self._paused.add(tp)
            elif tp in self._paused and len(partition.waiting) <= enough // 2:
                consumer.resume(tp)
                self._paused.discard(tp)

    def _finished(self) -> bool:
        if not self._stopping.is_set():
            return False
        if asyncio.get_running_loop().time() > self._deadline:
            return True
        return not self._dispatcher.running and not any(p.uncommitted for p in self._partitions.values())

    def _assign(self, consumer: AIOKafkaConsumer, assigned: Collection[TopicPartition]) -> None:
        for tp in self._partitions.keys() - set(assigned):
            self._lose(tp)
        for tp in assigned:
            if tp not in self._partitions:
                self._partitions[tp] = self._partition(tp, consumer)
            self._partitions[tp].assigned()
            self._paused.add(tp)
        log.info("partitions_assigned", group=self._group, count=len(assigned))

    def _revoke(self) -> None:
        for partition in self._partitions.values():
            partition.revoked()

    def _lose(self, tp: TopicPartition) -> None:
        partition = self._partitions.pop(tp)
        self._dispatcher.forget(partition)
        self._paused.discard(tp)
        for task in partition.lost():
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)

    async def _close(self, consumer: AIOKafkaConsumer) -> None:
        for tp in tuple(self._partitions):
            self._lose(tp)
        await tasks.end(tuple(self._ending), within_s=CLOSE_S)
        stopping = asyncio.ensure_future(consumer.stop())
        await asyncio.wait([stopping], timeout=CLOSE_S)
        await tasks.end([stopping], within_s=CLOSE_S)

    def _fail(self, error: BaseException) -> None:
        self._failure = self._failure or error

    def _consumer(self) -> AIOKafkaConsumer:
        return broker.consumer(
            self._kafka,
            client_id=self._name,
            group_id=self._group,
            group_instance_id=self._instance_id,
            session_timeout_ms=int(self._session_timeout_s * 1000),
            rebalance_timeout_ms=int(self._session_timeout_s * 1000),
            heartbeat_interval_ms=int(self._heartbeat_s * 1000),
            # Polling never stops while handlers run, so this only ends a process whose loop is stuck.
            max_poll_interval_ms=300_000,
            max_partition_fetch_bytes=FETCH_BYTES,
        )

    def _partition(self, tp: TopicPartition, consumer: AIOKafkaConsumer) -> InputPartition:
        return InputPartition(
            tp,
            rank=self._ranks[tp.topic],
            consumer=consumer,
            producer=TransactionalProducer(
                self._kafka,
                transactional_id=owner_id(self._group, tp),
                group=self._group,
                compression=self._compression,
            ),
            group=self._group,
            failed=self._fail,
            changed=self._dispatcher.dispatch,
            in_hand=InHand(self._owner, self._dispatcher.max_in_flight),
            dead=self._dead,
            stopping=self._stopping,
        )

    async def _dead(self, owner: str) -> bool:
        return await in_hand.gone(self._kafka, self._group, self._name, owner)

    def _record(self, raw: ConsumerRecord) -> Record:
        headers = present(raw.headers)
        return Record(
            topic=self._inputs[raw.topic],
            partition=raw.partition,
            offset=raw.offset,
            key=raw.key,
            value=raw.value,
            headers=headers,
            timestamp=datetime.fromtimestamp(raw.timestamp / 1000, UTC),
            attempt=attempt_of(headers),
            not_before=not_before_of(headers),
        )


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    """Passes rebalances to the processor. Must not wait: no heartbeats are sent meanwhile."""

    def __init__(self, processor: Processor, consumer: AIOKafkaConsumer) -> None:
        self._processor, self._consumer = processor, consumer

    def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        self._processor._revoke()  # noqa: SLF001 - a class of its own only because aiokafka requires its base

    def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        self._processor._assign(self._consumer, assigned)  # noqa: SLF001
