"""Reads partners' batches of records so that none stops the reader, whatever its sender wrote.

aiokafka raises where it cannot decode a record, and would do so at the same record for ever. Here the rest of
such a batch becomes one `UnreadableRecord`, in the place of its records: nothing is fetched again, and no
other partition waits. Other topics are read as before.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog
from aiokafka import TopicPartition
from aiokafka.consumer import fetcher

from bus.bridges.projection import RawRecord
from bus.contract.partners import COMMANDS, MAX_COMMAND_BYTES, MAX_HEADERS
from gateway.partners import decompression_limit

log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class UnreadableRecord(RawRecord):
    """Stands for the records from ``first`` to ``offset``, which are not decoded; it has no content."""

    first: int


def install() -> None:
    """Read partners' topics this way in every consumer of this process, within the limits of sizes."""
    decompression_limit.install()
    fetcher.PartitionRecords = PassingRecords


class PassingRecords(fetcher.PartitionRecords):  # type: ignore[misc]
    """The records of one fetched partition; of a commands topic it yields all and never raises."""

    next_fetch_offset: int

    def _unpack_records(self) -> Iterator[Any]:
        if not COMMANDS.fullmatch(self._tp.topic):
            yield from super()._unpack_records()
            return
        while self._records.has_next():
            batch = self._records.next_batch()
            if not batch.is_control_batch and batch.next_offset > self.next_fetch_offset:
                yield from self._of(batch)
            self.next_fetch_offset = max(self.next_fetch_offset, batch.next_offset)

    def _of(self, batch: Any) -> Iterator[Any]:
        """Yield the records of a batch: those before the first that cannot be decoded, then one for the rest.

        A position within the batch, from a rebalance, skips the records before it.
        """
        try:
            for record in _checked(batch):
                if record.offset < self.next_fetch_offset:
                    continue
                made = self._consumer_record(self._tp, record)
                self.next_fetch_offset = record.offset + 1
                yield made if _fits(made) else _unreadable(self._tp, batch, made.offset, made.offset)
        except Exception as error:  # noqa: BLE001  (whatever a batch does to its decoder)
            first, last = max(self.next_fetch_offset, batch.base_offset), batch.next_offset - 1
            log.warning(
                "batch_unreadable", topic=self._tp.topic, partition=self._tp.partition, first=first,
                last=last, error=type(error).__name__,
            )  # fmt: skip
            self.next_fetch_offset = last + 1
            yield _unreadable(self._tp, batch, first, last)


def _checked(batch: Any) -> Any:
    """Return the batch. Raises `ValueError` if its checksum differs."""
    if not batch.validate_crc():
        raise ValueError("The checksum differs.")
    return batch


def _fits(record: Any) -> bool:
    """Return whether a decompressed record keeps to the limits of the contract."""
    size = sum(len(part or b"") for part in (record.key, record.value))
    size += sum(len(name) + len(value or b"") for name, value in record.headers)
    return size <= MAX_COMMAND_BYTES and len(record.headers) <= MAX_HEADERS


def _unreadable(tp: TopicPartition, batch: Any, first: int, last: int) -> UnreadableRecord:
    written = datetime.fromtimestamp(max(batch.max_timestamp, 0) / 1000, UTC)
    return UnreadableRecord(tp.topic, tp.partition, last, None, None, (), written, first)
