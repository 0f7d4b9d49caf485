"""Routes failed records: to the next retry topic, to the dead-letter topic, or only to their job's ending.

The delay grows with the attempt. The record keeps its own headers unchanged and gets its history in further
ones. Must not decide how a job ends: that is the role's ``give_up``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from bus.contract.envelope import Headers, OutRecord, header
from bus.contract.topics import Topic
from bus.kafka.transactions import MAX_RECORD_BYTES, size_of
from bus.runtime.errors import PermanentError, SharpstreamError, TransientError, UndecodableError

log = structlog.stdlib.get_logger(__name__)

ATTEMPT: Final = "retry_attempt"
"""1 for the first; absent means 1."""
NOT_BEFORE: Final = "retry_not_before"
"""ISO 8601; the attempt must not start earlier."""
CODE: Final = "retry_error_code"
REASON: Final = "retry_error"
ORIGIN_TOPIC: Final = "retry_origin_topic"
ORIGIN_PARTITION: Final = "retry_origin_partition"
ORIGIN_OFFSET: Final = "retry_origin_offset"
"""Where the record was first read; unchanged through all attempts."""
OURS: Final = frozenset({ATTEMPT, NOT_BEFORE, CODE, REASON, ORIGIN_TOPIC, ORIGIN_PARTITION, ORIGIN_OFFSET})
"""The headers added here; a redriven record must not carry them."""
REASON_CHARACTERS: Final = 500
MAX_COPY_BYTES: Final = MAX_RECORD_BYTES + 32 * 1024
"""A foreign producer may compress more into a record than Kafka accepts from this one; such a copy is sent
without its value."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """A record read from Kafka. ``attempt`` counts from 1; ``not_before`` is None on the first."""

    topic: Topic
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]
    timestamp: datetime
    attempt: int = 1
    not_before: datetime | None = None


Handler = Callable[[Record], Awaitable[Sequence[OutRecord]]]
"""Does the work and returns the records to publish; may take long, runs concurrently."""
GiveUp = Callable[[Record, SharpstreamError], Sequence[OutRecord]]
"""Returns the events that end a job after its last attempt."""


class UnexpectedError(TransientError):
    """A handler raised an unexpected error: retried like a transient one, logged as a defect."""

    code = "internal"


class OwnersDiedError(TransientError):
    """Two processes in a row died with this record in hand: it goes to its next attempt unread."""

    code = "worker_died"


class OversizedResultError(PermanentError):
    """A handler returned a record that Kafka would refuse; a retry would return it again."""

    code = "record_too_large"


def attempt_of(headers: Sequence[tuple[str, bytes]]) -> int:
    """Return the attempt in the headers; 1 where it is missing or malformed."""
    stated = header(headers, ATTEMPT)
    return max(1, int(stated)) if stated and stated.isascii() and stated.isdigit() else 1


def not_before_of(headers: Sequence[tuple[str, bytes]]) -> datetime | None:
    """Return when the record is due; None for at once."""
    stated = header(headers, NOT_BEFORE)
    try:
        due = datetime.fromisoformat(stated) if stated else None
    except ValueError:
        return None
    return due if due is None or due.tzinfo else due.replace(tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Routing:
    """The topics of failed records. ``retries`` in the order of their delays; after the last: ``dead``."""

    retries: Sequence[Topic]
    dead: Topic
    give_up: GiveUp
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))

    def check(self, results: Sequence[OutRecord]) -> list[OutRecord]:
        """Return a handler's results as a list. Raises `OversizedResultError`."""
        for each in results:
            if (size := size_of(each)) > MAX_RECORD_BYTES:
                raise OversizedResultError(
                    f"The result for {each.topic} has {size} bytes, Kafka takes {MAX_RECORD_BYTES}.",
                    topic=each.topic,
                )
        return list(results)

    def after(self, record: Record, error: Exception) -> list[OutRecord]:
        """Return the records to publish after a failed attempt."""
        failure = error if isinstance(error, SharpstreamError) else UnexpectedError(repr(error))
        permanent = isinstance(failure, PermanentError)
        if not permanent and record.attempt <= len(self.retries):
            again = self._copy(record, failure, self.retries[record.attempt - 1])
            if again.topic != self.dead.name:
                return [again]
        try:
            ending = self.check(self.give_up(record, failure))
        except Exception:  # no error may let the record block those behind it
            log.exception("give_up_failed", topic=record.topic.name, offset=record.offset)
            return [self._copy(record, failure, self.dead)]
        parked = not permanent or isinstance(failure, UndecodableError)
        return [self._copy(record, failure, self.dead), *ending] if parked else ending

    def _copy(self, record: Record, failure: SharpstreamError, to: Topic) -> OutRecord:
        """Return the record byte for byte, with its history in the headers.

        A record that is too large is sent to the dead letters without its value, which stays at its origin.
        """
        kept: Headers = [(name, value) for name, value in record.headers if name not in OURS]
        origin = [
            (name, (header(record.headers, name) or str(here)).encode())
            for name, here in (
                (ORIGIN_TOPIC, record.topic.name),
                (ORIGIN_PARTITION, record.partition),
                (ORIGIN_OFFSET, record.offset),
            )
        ]
        due = self.clock() + timedelta(milliseconds=to.delay_ms)
        last = to is self.dead
        history = [
            (ATTEMPT, str(record.attempt if last else record.attempt + 1).encode()),
            *([] if last else [(NOT_BEFORE, due.isoformat().encode())]),
            (CODE, failure.code.encode()),
            (REASON, failure.message[:REASON_CHARACTERS].encode(errors="replace")),
        ]
        copy = OutRecord(
            topic=to.name,
            key=record.key or b"",
            value=record.value or b"",
            headers=[*kept, *history, *origin],
        )
        if size_of(copy) <= MAX_COPY_BYTES:
            return copy
        log.error("copy_without_value", topic=record.topic.name, offset=record.offset)
        return replace(copy, topic=self.dead.name, value=b"", headers=[*history, *origin])
