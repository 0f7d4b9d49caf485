"""One partition of a partner's commands: prepared a few at a time, answered one by one, in order.

A partition holds up only itself: slow photo URLs or a used-up quota delay no other partner. The offset in
Postgres is authoritative (`bus.bridges.projection`). Offsets are committed to Kafka only for monitoring.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from typing import Final, TypeVar

import structlog
from aiokafka.errors import KafkaError

from bus.bridges.postgres_errors import PASSING
from bus.bridges.projection import PartitionKey, Projector, RawRecord
from bus.kafka.in_hand import InHand, Note
from bus.runtime import tasks
from bus.runtime.backoff import FIRST_S, Backoff
from bus.runtime.errors import PermanentError, TransientError
from gateway.partners import commands
from gateway.partners.acceptance import CommandHandler, NoRoomError, Prepared, failed
from gateway.partners.exclusion import Exclusion

log = structlog.stdlib.get_logger(__name__)

T = TypeVar("T")
AHEAD: Final = 3
"""Records of a partition that are prepared concurrently."""
ENOUGH: Final = 2 * AHEAD
"""Buffered records at which no more are taken: at 2 MB each, 12 MB."""
ROOM_S: Final = 0.5
"""Between checks whether the account has quota again."""
CLOSE_S: Final = 15.0
TRANSACTION_S: Final = 10.0
"""How long a transaction may still take once its partition is lost."""
TRIES: Final = 3
"""Attempts after unexpected errors; then the command is rejected, so that the partition continues."""


class CommandPartition:
    """``begin`` is called with the first offset to fetch. ``position`` is the next offset to answer.

    ``opening`` returns the note of the last owner, and the partition's end if that owner died. ``note``
    writes one. ``exclusion`` is shared by all partitions: a command that may have ended a process is prepared
    alone.
    """

    def __init__(
        self,
        partition_key: PartitionKey,
        projector: Projector,
        handler: CommandHandler,
        begin: Callable[[int], None],
        *,
        owner: str,
        opening: Callable[[], Awaitable[tuple[Note, int | None]]],
        note: Callable[[int, Note], Awaitable[None]],
        exclusion: Exclusion,
    ) -> None:
        self.partition_key, self._projector, self._handler, self._begin = (
            partition_key,
            projector,
            handler,
            begin,
        )
        self._in_hand = InHand(owner, AHEAD)
        self._opening, self._note, self._exclusion = opening, note, exclusion
        self.open = False
        """Whether records are accepted; those of a partition that is not open are fetched again."""
        self.position = 0
        self._waiting: deque[RawRecord] = deque()
        self._started: deque[asyncio.Task[Prepared]] = deque()
        self._fed = asyncio.Event()
        self._transaction: asyncio.Future[int] | None = None
        """The last one; cancelled where it was not seen to end, so that it may be committed or not."""

    @property
    def note(self) -> Note:
        """The note beside the position: what a commit of it must not undo."""
        owner = self._in_hand.owner if self._in_hand.noted else ""
        return Note(owner, self._in_hand.trying if owner else None)

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
            self._in_hand.opened(*await self._with_retries(self._opening))
            self._begin(self.position)
            self.open = True
            while True:
                tasks.check_cancelled()
                await self._next()
        finally:
            self.open = False
            await self._let_go()
            if (
                self._in_hand.owner and self._in_hand.named
            ):  # a process that lives on, or stops in order, is not to blame
                with suppress(KafkaError):
                    await self._note(self.position, Note())

    async def _next(self) -> None:
        while self._waiting and len(self._started) < AHEAD:
            suspect = self._in_hand.suspects(self._waiting[0].offset)
            if suspect and self._started:
                break
            if not self._in_hand.noted:
                await self._write(Note(self._in_hand.owner))
            record = self._waiting.popleft()
            self._in_hand.started()
            self._started.append(asyncio.ensure_future(self._prepare(record, alone=suspect)))
            if suspect:
                break
        if not self._started:
            self._fed.clear()
            await self._fed.wait()
            return
        prepared = await asyncio.shield(self._started[0])
        await self._answer(prepared)
        self._started.popleft()
        self.position = prepared.record.offset + 1

    async def _prepare(self, record: RawRecord, *, alone: bool) -> Prepared:
        if self._in_hand.condemned(record.offset):
            return await self._refused(record, _deadly())
        if not alone:
            async with self._exclusion.together():
                return await self._prepared(record)
        async with self._exclusion.alone():
            await self._write(Note(self._in_hand.owner, record.offset))
            made = await self._prepared(record)
            await self._write(Note(self._in_hand.owner))
            return made

    async def _write(self, note: Note) -> None:
        await self._with_retries(lambda: self._note(self.position, note))
        self._in_hand.written(note)

    async def _prepared(self, record: RawRecord) -> Prepared:
        try:
            return await self._with_retries(lambda: self._handler.prepare(record))
        except Exception:  # no error may stop the records behind this one
            log.exception("command_failed", topic=record.topic, offset=record.offset)
            return await self._refused(record, failed())

    async def _refused(self, record: RawRecord, refusal: PermanentError) -> Prepared:
        command = replace(commands.read(record), request=None)
        partner = await self._with_retries(lambda: self._handler.partner_of(record))
        return Prepared(record=record, partner=partner, command=command, refusal=refusal)

    async def _answer(self, prepared: Prepared) -> None:
        """Answer, waiting for quota as long as it takes; cancellation does not interrupt a transaction."""
        tries, backoff = 0, Backoff(2 * FIRST_S, jitter=0.5)
        while True:
            self._handler.hand_in(prepared)
            try:
                self._transaction = asyncio.ensure_future(
                    self._with_retries(lambda: self._projector.project([prepared.record]))
                )
                await self._whole(self._transaction)
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
        """Cancel preparations, and clear the finished ones; `CommandHandler.clear` keeps answered ones.

        The photo of a transaction in doubt stays: a job without its photo fails, a sweep finds a photo
        without its job.
        """
        started, self._started = tuple(self._started), deque()
        doubtful = self._transaction is not None and self._transaction.cancelled()
        await tasks.end([each for each in started if not each.done()], within_s=10)
        for at, each in enumerate(started):
            if each.done() and not each.cancelled() and each.exception() is None:
                if at == 0 and doubtful:
                    self._handler.forget(each.result())
                    continue
                try:
                    await self._handler.clear(each.result())
                except (*PASSING, TransientError) as error:  # a sweep will delete the photo
                    log.warning("photo_left", topic=self.partition_key[0], error=repr(error))

    async def _whole(self, work: Awaitable[T]) -> T:
        """Await ``work`` to its end even if this task is cancelled meanwhile, also twice."""
        task = asyncio.ensure_future(work)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            await tasks.outlast(task, within_s=TRANSACTION_S)
            raise

    async def _with_retries(self, work: Callable[[], Awaitable[T]]) -> T:
        """Retry while a dependency is unavailable."""
        backoff = Backoff()
        while True:
            try:
                return await work()
            except NoRoomError:
                raise
            except (*PASSING, TransientError, KafkaError) as error:
                log.warning(
                    "partition_waits", topic=self.partition_key[0], error=repr(error), s=backoff.wait_s
                )
                await backoff.sleep()


def _deadly() -> PermanentError:
    return PermanentError(
        "Our process ended twice while it read this command, so it is not read again; send another photo.",
        code="worker_died",
    )
