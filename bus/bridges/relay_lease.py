"""The lease of the active relay: one row with an epoch and a deadline, and an advisory lock.

Correct without the lock: rows are numbered only in a transaction that has locked the row and found its own
epoch, and Kafka fences the rest. The lock is a hint that spares a successor the wait for the deadline: the
holder's session holds it, so it is released when the process ends. A frozen process keeps it; then the
deadline decides.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Mapping
from typing import Any, Final, Self
from uuid import UUID

import asyncpg
import structlog

from bus.bridges import log_identity
from bus.runtime.errors import ConfigurationError, FencedError

log = structlog.stdlib.get_logger(__name__)

_COMMAND_S: Final = 30.0
_INT4: Final = 2**31

_TAKE: Final = """
UPDATE relay_lease SET epoch = epoch + 1, holder = $3,
    deadline = clock_timestamp() + make_interval(secs => $4)
WHERE name = $1 AND epoch = $2 RETURNING epoch, cursor"""
_RENEW: Final = """
UPDATE relay_lease SET deadline = clock_timestamp() + make_interval(secs => $3)
WHERE name = $1 AND epoch = $2 RETURNING cursor"""
# A restored database may lie behind Kafka: a number at or below the cursor would be deleted unpublished.
_ADVANCE: Final = """
UPDATE relay_lease SET deadline = clock_timestamp() + make_interval(secs => $3),
    cursor = greatest(cursor, $4), next_seq = greatest(next_seq, cursor + 1, $4 + 1)
WHERE name = $1 AND epoch = $2 RETURNING cursor"""
_FORGET: Final = "DELETE FROM outbox WHERE publish_seq <= $1"
_NUMBER: Final = """
WITH fresh AS (
    SELECT id, row_number() OVER (ORDER BY id) AS place
    FROM (SELECT id FROM outbox WHERE publish_seq IS NULL AND held_for IS NULL
          ORDER BY id LIMIT $2) AS oldest
), numbered AS (
    UPDATE outbox SET publish_seq = lease.next_seq + fresh.place - 1 FROM fresh, relay_lease AS lease
    WHERE lease.name = $1 AND outbox.id = fresh.id RETURNING publish_seq
)
UPDATE relay_lease SET next_seq = (SELECT max(publish_seq) + 1 FROM numbered)
WHERE name = $1 AND EXISTS (SELECT FROM numbered)"""
# The sum before each row, so that the first row passes whatever its size.
_NUMBERED: Final = """
SELECT publish_seq, records FROM (
    SELECT publish_seq, records,
        sum(octet_length(records)) OVER (ORDER BY publish_seq) - octet_length(records) AS before
    FROM outbox WHERE publish_seq > $1 ORDER BY publish_seq LIMIT $2
) AS next WHERE before < $3 ORDER BY publish_seq"""
_PROJECTED: Final = """
SELECT DISTINCT topic, topic_id FROM projector_offsets WHERE epoch = $1 AND topic_id IS NOT NULL"""
_WAITING: Final = """
SELECT extract(epoch FROM clock_timestamp() - created_at)::float8 FROM outbox
WHERE held_for IS NULL AND (publish_seq IS NULL OR publish_seq > $1) ORDER BY id LIMIT 1"""

# Each count reads an index of its own; up to here it takes a few milliseconds beside the publishing.
_DEPTH: Final = """
SELECT (SELECT count(*) FROM (SELECT FROM outbox WHERE publish_seq IS NULL AND held_for IS NULL
                              LIMIT 10000) fresh)
     + (SELECT count(*) FROM (SELECT FROM outbox WHERE publish_seq > $1 LIMIT 10000) numbered) AS waiting,
       (SELECT count(*) FROM (SELECT FROM outbox WHERE held_for IS NOT NULL LIMIT 10000) held) AS held"""


class Lease:
    """One relay's lease, on a connection of its own. Use as an async context manager."""

    def __init__(self, dsn: str, *, name: str, holder: str, lease_s: float) -> None:
        self._dsn, self._name, self._holder, self.lease_s = dsn, name, holder, lease_s
        self._lock_class = zlib.crc32(f"sharpstream.relay.{name}".encode()) - _INT4
        self._turn = (
            asyncio.Lock()
        )  # renewal runs beside publishing, and a connection runs one statement at a time
        self._connection: Any = None
        self.epoch = 0
        self.cursor = 0
        """The last published number in Postgres; the one in Kafka may be higher."""

    async def __aenter__(self) -> Self:
        # A process frozen inside a transaction would block its successor: the server ends its session.
        freeze = {"idle_in_transaction_session_timeout": str(max(1000, int(self.lease_s * 1000)))}
        self._connection = await asyncpg.connect(
            self._dsn, timeout=_COMMAND_S, command_timeout=_COMMAND_S, server_settings=freeze
        )
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._connection.terminate()  # at once: a graceful close would wait for a server that is gone

    async def require_same_log(self, topic_epoch: int, found: Mapping[str, UUID]) -> None:
        """Raise `LogReplacedError` where a projector has read other topics under this topic epoch."""
        async with self._turn:
            rows = await self._connection.fetch(_PROJECTED, topic_epoch)
        log_identity.require_same(rows, found)

    async def listen(self, channel: str, wake: asyncio.Event) -> None:
        """Set ``wake`` at each notification."""
        await self._connection.add_listener(channel, lambda *_: wake.set())

    async def acquire(self) -> None:
        """Wait until the holder has ended or its deadline has passed, then become the holder."""
        try:
            await self._connection.execute(
                "INSERT INTO relay_lease (name) VALUES ($1) ON CONFLICT DO NOTHING", self._name
            )
        except asyncpg.UndefinedTableError as error:
            raise ConfigurationError(
                "The database has no outbox yet: run `python -m ledger migrate`, then start the relay again."
            ) from error
        while not await self._try():
            pass

    async def _try(self) -> bool:
        seen = await self._connection.fetchrow(
            "SELECT epoch, extract(epoch FROM deadline - clock_timestamp())::float8 AS left FROM relay_lease"
            " WHERE name = $1",
            self._name,
        )
        left = seen["left"] or 0.0
        if left > 0 and not await self._holder_died(seen["epoch"], left):
            return False  # it may have renewed: check again
        return await self._take(seen["epoch"])

    async def _holder_died(self, epoch: int, within_s: float) -> bool:
        await self._connection.execute(f"SET lock_timeout = {int(within_s * 1000) + 1}")
        key = (self._lock_class, epoch % _INT4)
        try:
            await self._connection.execute(
                "SELECT pg_advisory_lock_shared($1, $2)", *key, timeout=within_s + _COMMAND_S
            )
        except asyncpg.LockNotAvailableError:
            return False
        await self._connection.execute("SELECT pg_advisory_unlock_shared($1, $2)", *key)
        return True

    async def _take(self, seen: int) -> bool:
        async with self._connection.transaction():
            row = await self._connection.fetchrow(_TAKE, self._name, seen, self._holder, self.lease_s)
            if row is None:
                return False  # another relay was faster
            # Before the new epoch is visible, so that a relay that waits for its lock waits for this one.
            await self._connection.execute(
                "SELECT pg_advisory_lock($1, $2)", self._lock_class, row["epoch"] % _INT4
            )
        self.epoch, self.cursor = row["epoch"], row["cursor"]
        log.info("relay_lease_taken", epoch=self.epoch, cursor=self.cursor)
        return True

    async def renew(self) -> None:
        """Move the deadline. Raises `FencedError` where another holder has taken over."""
        async with self._turn:
            self._check(await self._connection.fetchval(_RENEW, self._name, self.epoch, self.lease_s))

    async def advance(self, cursor: int, limit: int) -> None:
        """Delete the rows published up to ``cursor`` and number at most ``limit`` rows, oldest first.

        Raises `FencedError` where another holder has taken over; then nothing has changed.
        """
        async with self._turn, self._connection.transaction():
            known = await self._connection.fetchval(_ADVANCE, self._name, self.epoch, self.lease_s, cursor)
            self._check(known)
            await self._connection.execute(_FORGET, cursor)
            await self._connection.execute(_NUMBER, self._name, limit)
        self.cursor = known

    async def numbered(self, after: int, rows: int, size: int) -> list[tuple[int, bytes]]:
        """Return the next numbered rows after ``after``: at most ``rows``, and about ``size`` bytes."""
        async with self._turn:
            found = await self._connection.fetch(_NUMBERED, after, rows, size)
        return [(row["publish_seq"], row["records"]) for row in found]

    async def oldest_s(self) -> float:
        """Return how long the oldest unpublished row has waited, in seconds."""
        async with self._turn:
            return await self._connection.fetchval(_WAITING, self.cursor) or 0.0

    async def depth(self) -> tuple[int, int]:
        """Return how many rows wait to be published and how many are held, each up to 10,000."""
        async with self._turn:
            row = await self._connection.fetchrow(_DEPTH, self.cursor)
        return row["waiting"], row["held"]

    def _check(self, found: int | None) -> None:
        if found is None:
            raise FencedError(
                f"Another relay has taken over the lease {self._name!r} after epoch {self.epoch}."
                " This process must end; its supervisor may start it again as a standby."
            )
