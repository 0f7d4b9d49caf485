"""One partition of a partner's commands: prepared a few at a time, answered one by one, in order.

A partition holds up only itself: slow photo URLs or a used-up quota delay no other partner. The offset in
Postgres is authoritative (`bus.bridges.projection`). Offsets are committed to Kafka only for monitoring.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from typing import Final, TypeVar

import structlog

from bus.bridges.postgres_errors import PASSING
from bus.bridges.projection import PartitionKey, Projector, RawRecord
from bus.runtime import tasks
from bus.runtime.backoff import FIRST_S, Backoff
from bus.runtime.errors import TransientError
from gateway.partners import commands
from gateway.partners.acceptance import CommandHandler, NoRoomError, Prepared, failed

log = structlog.stdlib.get_logger(__name__)

T = TypeVar("T")
AHEAD: Final = 3
"""Records of a partition that are prepared concurrently."""
ENOUGH: Final = 2 * AHEAD
"""Buffered records at which no more are taken: at 2 MB each, 12 MB."""
ROOM_S: Final = 0.5
"""Between checks whether the account has quota again."""
CLOSE_S: Final = 15.0
TRIES: Final = 3
"""Attempts after unexpected errors; then the command is rejected, so that the partition continues."""


class CommandPartition:
    """``begin`` is called with the first offset to fetch. ``position`` is the next offset to answer."""

    def __init__(
        self,
        partition_key: PartitionKey,
        projector: Projector,
        handler: CommandHandler,
        begin: Callable[[int], None],
    ) -> None:
        self.partition_key, self._projector, self._handler, self._begin = (
            partition_key,
            projector,
            handler,
            begin,
        )
        self.open = False
        """Whether records are accepted; those of a partition that is not open are fetched again."""
        self.position = 0
        self._waiting: deque[RawRecord] = deque()
        self._started: deque[asyncio.Task[Prepared]] = deque()
        self._fed = asyncio.Event()

    @property
    def full(self) -> bool:
        """Whether `ENOUGH` records are buffered."""
        return len(self._waiting) + len(self._started) >= ENOUGH

    def feed(self, records: Iterable[RawRecord]) -> None:
        """Buffer fetched records."""
        self._waiting.extend(records)
        self._fed.set()

    async def run(self, previous: asyncio.Task[None] | None = None) -> None:
        """Answer until cancelled; first wait for the ``previous`` run of the same partition to end."""
        try:
            if previous is not None:
                await tasks.end([previous], within_s=CLOSE_S)
            reached = await self._with_retries(lambda: self._projector.reached([self.partition_key]))
            self.position = reached[self.partition_key]
            self._begin(self.position)
            self.open = True
            while True:
                tasks.check_cancelled()
                await self._next()
        finally:
            self.open = False
            await self._let_go()

    async def _next(self) -> None:
        while self._waiting and len(self._started) < AHEAD:
            self._started.append(asyncio.ensure_future(self._prepare(self._waiting.popleft())))
        if not self._started:
            self._fed.clear()
            await self._fed.wait()
            return
        prepared = await asyncio.shield(self._started[0])
        await self._answer(prepared)
        self._started.popleft()
        self.position = prepared.record.offset + 1

    async def _prepare(self, record: RawRecord) -> Prepared:
        try:
            return await self._with_retries(lambda: self._handler.prepare(record))
        except Exception:  # no error may stop the records behind this one
            log.exception("command_failed", topic=record.topic, offset=record.offset)
            command = replace(commands.read(record), request=None)
            partner = await self._with_retries(lambda: self._handler.partner_of(record))
            return Prepared(record=record, partner=partner, command=command, refusal=failed())

    async def _answer(self, prepared: Prepared) -> None:
        """Answer, waiting for quota as long as it takes; cancellation does not interrupt a transaction."""
        tries, backoff = 0, Backoff(2 * FIRST_S, jitter=0.5)
        while True:
            self._handler.hand_in(prepared)
            try:
                await self._whole(self._with_retries(lambda: self._projector.project([prepared.record])))
            except NoRoomError:
                await asyncio.sleep(ROOM_S)
                await self._with_retries(lambda: self._handler.make_room(prepared))
            except Exception:
                tries += 1
                log.exception("answer_failed", topic=prepared.record.topic, offset=prepared.record.offset)
                if tries >= TRIES:
                    prepared.refusal = prepared.refusal or failed()
                await backoff.sleep()
            else:
                break
        await self._whole(self._with_retries(lambda: self._handler.clear(prepared)))

    async def _let_go(self) -> None:
        """Cancel preparations, and clear the finished ones; `CommandHandler.clear` keeps answered ones."""
        started, self._started = tuple(self._started), deque()
        await tasks.end([each for each in started if not each.done()], within_s=10)
        for each in started:
            if each.done() and not each.cancelled() and each.exception() is None:
                try:
                    await self._handler.clear(each.result())
                except (*PASSING, TransientError) as error:  # a sweep will delete the photo
                    log.warning("photo_left", topic=self.partition_key[0], error=repr(error))

    async def _whole(self, work: Awaitable[T]) -> T:
        """Await ``work`` to its end even if this task is cancelled meanwhile."""
        task = asyncio.ensure_future(work)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.wait([task], timeout=10)
            task.cancel()
            raise

    async def _with_retries(self, work: Callable[[], Awaitable[T]]) -> T:
        """Retry while a dependency is unavailable."""
        backoff = Backoff()
        while True:
            try:
                return await work()
            except NoRoomError:
                raise
            except (*PASSING, TransientError) as error:
                log.warning(
                    "partition_waits", topic=self.partition_key[0], error=repr(error), s=backoff.wait_s
                )
                await backoff.sleep()
