"""A transactional producer: opening it fences its predecessor, each call is one whole transaction.

After any error the outcome is unknown: `open` the producer again, which commits or aborts the transaction,
and only then read the committed offset. It must not decide what to send again: the bridges do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Final, NoReturn

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import InvalidProducerEpoch, KafkaError, ProducerFenced

from bus.contract.envelope import OutRecord
from bus.contract.limits import MAX_MESSAGE_BYTES
from bus.kafka import broker
from bus.runtime import tasks
from bus.runtime.errors import FencedError, TransientError
from bus.runtime.settings import KafkaSettings

MAX_RECORD_BYTES: Final = MAX_MESSAGE_BYTES - 1024
"""Key, value and headers together; the rest is Kafka's framing of the record and its batch."""
TIMEOUT_S: Final = 45.0
"""A transaction takes 5 ms. After three request timeouts (15 s each) a producer will not recover."""
_CLOSE_S: Final = 2.0
_HEADER_BYTES: Final = 10  # two lengths, at most 5 bytes each
_BROKEN: Final = (KafkaError, OSError, TimeoutError, AssertionError)
"""Errors of a broken producer; aiokafka asserts its state where its sender has failed before."""


def owner_id(group: str, partition: TopicPartition) -> str:
    """Return the transactional id of the owner of ``partition`` as an input of ``group``."""
    return f"{group}.{partition.topic}.{partition.partition}"


class ProducerFencedError(FencedError):
    """Another producer with this transactional id has been opened, or Kafka aborted the transaction."""


class OutcomeUnknownError(TransientError):
    """The transaction may or may not have been committed; opening the producer again resolves it."""

    code = "kafka_unavailable"


def size_of(record: OutRecord) -> int:
    """Return the bytes that count against `MAX_RECORD_BYTES`."""
    headers = sum(len(name) + len(value) + _HEADER_BYTES for name, value in record.headers)
    return len(record.key) + len(record.value) + headers


class TransactionalProducer:
    """A producer that can be reopened; it commits the offsets of ``group``."""

    def __init__(
        self,
        kafka: KafkaSettings,
        *,
        transactional_id: str,
        group: str,
        timeout_s: float = TIMEOUT_S,
        compression: str = broker.COMPRESSION,
    ) -> None:
        self._kafka, self._id, self._group, self._timeout_s = kafka, transactional_id, group, timeout_s
        self._compression = compression
        self._producer: AIOKafkaProducer | None = None

    async def open(self) -> None:
        """Start a new producer: fence the predecessor and wait until its transaction has ended.

        Raises `OutcomeUnknownError` while Kafka cannot be reached.
        """
        await self.close()
        producer = broker.producer(
            self._kafka, client_id=self._id, transactional_id=self._id, compression=self._compression
        )
        try:
            async with asyncio.timeout(self._timeout_s):
                await producer.start()
        except BaseException as error:
            await _discard(producer)
            if isinstance(error, _BROKEN):
                raise OutcomeUnknownError(f"Kafka does not open {self._id}: {error!r}") from error
            raise
        self._producer = producer
        tasks.check_cancelled()

    async def transact(
        self, records: Iterable[OutRecord], offsets: Mapping[TopicPartition, int | tuple[int, str]]
    ) -> None:
        """Send the records in order and commit the offsets, perhaps with a note each, all or nothing.

        Raises `ProducerFencedError` or `OutcomeUnknownError`; in both cases the producer is unusable.
        """
        producer = self._producer
        if producer is None:
            raise OutcomeUnknownError(f"The producer {self._id} is not open.")
        try:
            async with asyncio.timeout(self._timeout_s):
                await producer.begin_transaction()
                sent = [
                    await producer.send(each.topic, key=each.key, value=each.value, headers=each.headers)
                    for each in records
                ]
                # Await each record's result: a commit alone silently leaves out a refused record.
                await asyncio.gather(*sent, producer.send_offsets_to_transaction(dict(offsets), self._group))
                await producer.commit_transaction()
        except _BROKEN as error:
            _raise(self._id, error)
        tasks.check_cancelled()  # after a cancellation these records may belong to another owner

    async def close(self) -> None:
        """Close the connections. A transaction in flight is left to the successor, which ends it."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await _discard(producer)


def _raise(transactional_id: str, error: BaseException) -> NoReturn:
    if isinstance(error, ProducerFenced | InvalidProducerEpoch):
        raise ProducerFencedError(f"Another process has taken over {transactional_id}.") from error
    raise OutcomeUnknownError(f"A transaction of {transactional_id} broke off: {error!r}") from error


async def _discard(producer: AIOKafkaProducer) -> None:
    stopping = asyncio.ensure_future(producer.stop())
    try:
        await asyncio.wait([stopping], timeout=_CLOSE_S)
    finally:
        # While Kafka is down the sender waits for ever, and stop() for it: end both, close the sockets.
        sender = producer._sender.sender_task  # noqa: SLF001 - there is no other way to it
        both = [task for task in (sender, stopping) if task is not None]
        # Repeatedly: cancelled once, the sender still waits for the requests in flight.
        await tasks.end(both, within_s=_CLOSE_S, again_s=0.2)
        # Retrieve the failed transaction's error: nobody waits for its end, and asyncio would log it later.
        ended = producer._txn_manager and producer._txn_manager.wait_for_transaction_end()  # noqa: SLF001
        if ended is not None and ended.done() and not ended.cancelled():
            ended.exception()
        await producer.client.close()
