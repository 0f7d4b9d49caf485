"""The cursor of an event: topic epoch, partition, offset; the same in Kafka, SSE and the event log."""

from __future__ import annotations

import re
from typing import Final, NamedTuple, TypeAlias
from uuid import UUID

from aiokafka.partitioner import murmur2

from gateway.errors import DomainError

_FORM: Final = re.compile(r"([1-9][0-9]{0,8})-([0-9]{1,6})-([0-9]{1,18})")

Position: TypeAlias = tuple[int, int]
"""(epoch, offset): orders the events of one account, which all lie in one partition."""
BEGINNING: Final[Position] = (0, -1)
FIRST: Final = "0"
"""The cursor that means the oldest existing event."""
LAST_OFFSET: Final = 10**18 - 1
"""Greater than every offset of an epoch."""


class Cursor(NamedTuple):
    """One event's position, written ``epoch-partition-offset``."""

    epoch: int
    partition: int
    offset: int

    @property
    def position(self) -> Position:
        """The position, which orders the events of one account."""
        return self.epoch, self.offset

    def __str__(self) -> str:
        return f"{self.epoch}-{self.partition}-{self.offset}"


def parse(text: str, *, epoch: int, partition: int) -> Cursor:
    """Return the cursor that a client sent back, for an account whose events lie in ``partition``.

    Raises `DomainError` cursor_invalid for a cursor that was never issued to this account.
    """
    match = _FORM.fullmatch(text)
    cursor = Cursor(*map(int, match.groups())) if match else None
    if cursor is None or cursor.epoch > epoch or (cursor.epoch == epoch and cursor.partition != partition):
        raise DomainError(
            "cursor_invalid", "Send the id of an event of this stream back as it came, or none."
        )
    return cursor


def text_of(position: Position, partition: int) -> str:
    """Return the cursor of a position, whether or not it has an event."""
    epoch, offset = position
    if offset >= 0:
        return str(Cursor(epoch, partition, offset))
    return str(Cursor(epoch - 1, partition, LAST_OFFSET)) if epoch > 1 else FIRST


def partition_of(account_id: UUID, partitions: int) -> int:
    """Return the partition of the account's events by Kafka's default partitioner, as every producer does."""
    return int((murmur2(str(account_id).encode()) & 0x7FFFFFFF) % partitions)
