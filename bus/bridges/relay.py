"""The bridge from Postgres to Kafka: numbers, publishes and deletes outbox rows.

One relay is active, the others stand by. It publishes the outbox rows in the order of their numbers and
commits the last number in the same Kafka transaction, so that a successor resumes at the exact row.
It must not publish before it has opened its producer and then read that number.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from typing import Final

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from prometheus_client import Counter, Gauge

from bus.bridges import outbox
from bus.bridges.log_identity import LogReplacedError
from bus.bridges.postgres_errors import UNREACHABLE, tls_sentence
from bus.bridges.relay_lease import Lease
from bus.contract import topics
from bus.contract.topics import RELAY_CURSOR
from bus.kafka import broker, topic_ids
from bus.kafka.transactions import OutcomeUnknownError, ProducerFencedError, TransactionalProducer
from bus.runtime import tracing
from bus.runtime.backoff import Backoff
from bus.runtime.settings import KafkaSettings
from bus.runtime.tasks import check_cancelled, first_of

log = structlog.stdlib.get_logger(__name__)

PUBLISHED = Counter("sharpstream_relay_published", "Outbox rows published")
OLDEST = Gauge("sharpstream_relay_oldest_seconds", "Age of the oldest unpublished outbox row, seconds")
WAITING = Gauge("sharpstream_relay_waiting", "Outbox rows that wait to be published (counted up to 10,000)")
HELD = Gauge(
    "sharpstream_relay_held",
    "Outbox rows held until a bulk job of their account ends (counted up to 10,000); not late",
)
ACTIVE = Gauge("sharpstream_relay_active", "1 while this process is the one that publishes")

LOGS: Final = tuple(topic.name for topic in topics.ALL if "relay" in topic.producers)
CURSOR: Final = TopicPartition(RELAY_CURSOR.name, 0)
RENEW_CURSOR_S: Final = 12 * 3600.0
"""Kafka drops the offset of an idle group after 7 days, unless it is committed again."""
STOP_S: Final = 10.0
"""Time for the transaction in flight at a graceful shutdown."""


class Relay:
    """Publishes the outbox to Kafka. Several may run; `run` returns after `stop`.

    ``lease_s``: a frozen relay is replaced after this many seconds, a killed one at once. ``max_rows`` and
    ``max_bytes`` limit one transaction.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        dsn: str,
        *,
        name: str = "sharpstream",
        lease_s: float = 5.0,
        max_rows: int = 500,
        max_bytes: int = 4 * 1024 * 1024,
        transaction_timeout_s: float = 45.0,
    ) -> None:
        self._kafka, self._dsn, self._name, self._lease_s = kafka, dsn, name, lease_s
        self._max_rows, self._max_bytes = max_rows, max_bytes
        self.group = f"sharpstream.relay.{name}"
        """The group whose offset is the cursor; also the transactional id."""
        self._producer = TransactionalProducer(
            kafka, transactional_id=self.group, group=self.group, timeout_s=transaction_timeout_s
        )
        self._holder = f"{socket.gethostname()}:{os.getpid()}"
        self._wake = asyncio.Event()
        self._stopping = asyncio.Event()
        self.ready = False
        """True while standing by or publishing; False while Postgres or Kafka cannot be reached."""
        self.active = False
        """True while this relay holds the lease."""
        self.halted: str | None = None
        """Why nothing is published: Kafka's log is another one than the projectors have read."""

    async def stop(self) -> None:
        """Finish the transaction in flight and let `run` return."""
        self._stopping.set()
        self._wake.set()

    async def run(self) -> None:
        """Stand by, and publish while this relay holds the lease, until `stop`.

        Raises `FencedError` where a successor has taken over while this relay was active; the caller then
        ends the process. Raises `ConfigurationError` where the tables are missing.
        """
        backoff = Backoff()
        while not self._stopping.is_set():
            try:
                await self._session()
            except UNREACHABLE as error:
                if self.ready:
                    backoff.reset()
                why = tls_sentence(error) or repr(error)
                log.warning("relay_lost_postgres", error=why, retry_in_s=backoff.wait_s)
                await backoff.sleep(self._stopping)
            finally:
                self.ready = False
                self._turn_active(on=False)
                await self._producer.close()

    async def _session(self) -> None:
        """With one connection to Postgres: wait for the lease, then publish while renewing it."""
        lease = Lease(self._dsn, name=self._name, holder=self._holder, lease_s=self._lease_s)
        async with lease:
            self.ready = True
            await first_of(lease.acquire(), self._stopping.wait())
            if self._stopping.is_set():
                return
            self._turn_active(on=True)
            await lease.listen(outbox.CHANNEL, self._wake)
            await first_of(self._carry(lease), self._keep(lease), self._stop_late())

    async def _keep(self, lease: Lease) -> None:
        """Renew the lease independently of publishing: a relay without Kafka keeps its lease."""
        while True:
            await asyncio.sleep(lease.lease_s / 3)
            await lease.renew()
            OLDEST.set(await lease.oldest_s())
            waiting, held = await lease.depth()
            WAITING.set(waiting)
            HELD.set(held)

    async def _stop_late(self) -> None:
        await self._stopping.wait()
        await asyncio.sleep(STOP_S)

    async def _carry(self, lease: Lease) -> None:
        backoff = Backoff()
        while not self._stopping.is_set():
            try:
                await self._publish(lease)
            except (OutcomeUnknownError, ProducerFencedError, LogReplacedError, KafkaError) as error:
                # The lease decides, fenced or not: while this relay holds it, it opens the producer again.
                if self.ready:
                    backoff.reset()
                self.ready = False
                self.halted = str(error) if isinstance(error, LogReplacedError) else None
                log.warning("relay_lost_kafka", error=str(error), retry_in_s=backoff.wait_s)
                await lease.renew()
                await backoff.sleep(self._stopping)

    async def _publish(self, lease: Lease) -> None:
        await self._producer.open()  # first: from here on no other producer moves the cursor
        cursor = max(await self._committed(lease), lease.cursor)
        await self._producer.transact([], {CURSOR: cursor})
        renewed = asyncio.get_running_loop().time()
        self.ready, self.halted = True, None
        log.info("relay_publishing", epoch=lease.epoch, cursor=cursor)
        while not self._stopping.is_set():
            check_cancelled()
            self._wake.clear()
            await lease.advance(cursor, self._max_rows)
            rows = await lease.numbered(cursor, self._max_rows, self._max_bytes)
            if rows:
                records = [record for _, raw in rows for record in outbox.load(raw)]
                began_ns = time.time_ns()
                await self._producer.transact(records, {CURSOR: rows[-1][0]})
                cursor = rows[-1][0]
                tracing.each("publish", records, began_ns=began_ns, kind=tracing.PRODUCER)
                PUBLISHED.inc(len(rows))
            elif asyncio.get_running_loop().time() - renewed > RENEW_CURSOR_S:
                await self._producer.transact([], {CURSOR: cursor})
                renewed = asyncio.get_running_loop().time()
            else:
                # A notification may be lost with its connection, never the row: poll as well.
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), lease.lease_s)

    async def _committed(self, lease: Lease) -> int:
        """Return the cursor committed in Kafka, 0 without one; call it only once the producer is open.

        Raises `LogReplacedError` where the log is another one than the projectors have read.
        """
        consumer = broker.consumer(self._kafka, client_id=self.group, group_id=self.group)
        consumer.assign([CURSOR])
        try:
            async with asyncio.timeout(30):
                await consumer.start()
                found = await topic_ids.read(consumer, LOGS)
                await lease.require_same_log(self._kafka.topic_epoch, found)
                return await consumer.committed(CURSOR) or 0
        except (OSError, TimeoutError) as error:
            raise OutcomeUnknownError(f"Kafka does not return the cursor: {error!r}") from error
        finally:
            await consumer.stop()

    def _turn_active(self, *, on: bool) -> None:
        self.active = on
        ACTIVE.set(on)
        if not on:  # another relay measures the outbox now
            for gauge in (OLDEST, WAITING, HELD):
                gauge.set(0)
