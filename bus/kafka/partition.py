"""One input partition of a processor: its producer, its fetched records, and its commits in order.

`_fence_and_seek` always comes first: it starts the producer, which fences the previous owner and ends its
transaction, and then reads the committed offset. Records that this process still holds, after a rebalance
that gave the partition back or after an aborted transaction, are kept if they are at or above that offset: no
other process can have committed them, and none can from then on.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from prometheus_client import Histogram

from bus.contract.envelope import OutRecord
from bus.kafka import in_hand
from bus.kafka.in_hand import InHand, Note
from bus.kafka.retry import Record
from bus.kafka.transactions import OutcomeUnknownError, TransactionalProducer
from bus.runtime import tasks
from bus.runtime.backoff import Backoff

log = structlog.stdlib.get_logger(__name__)

COMMIT_SECONDS = Histogram(
    "sharpstream_processor_commit_seconds",
    "From the first record sent to the committed transaction, seconds",
    ["group"],
    buckets=(0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2.5, 10, 45),
)
MAX_COMMIT: Final = 500
"""Input records committed in one transaction."""
COMPANY_S: Final = 1.0
"""How long records without results wait for others before their offset alone is a transaction."""
MOST_COMPANY: Final = 64
"""Of them; then they are committed."""


@dataclass(slots=True, eq=False)
class Entry:
    """A started record; ``results`` is set once its handler is done."""

    record: Record
    task: asyncio.Task[None] | None = None
    results: list[OutRecord] | None = None


class InputPartition:
    """The state of one assigned partition, kept across a revocation if the partition is assigned again.

    ``in_hand``: its notes. ``dead``: asked whether a former owner is gone. ``changed``: called after a note.
    ``stopping``: the process stops, and nothing waits any longer.
    """

    def __init__(
        self,
        tp: TopicPartition,
        *,
        rank: int,
        consumer: AIOKafkaConsumer,
        producer: TransactionalProducer,
        group: str,
        failed: Callable[[BaseException], None],
        changed: Callable[[], None],
        in_hand: InHand,
        dead: Callable[[str], Awaitable[bool]],
        stopping: asyncio.Event,
    ) -> None:
        self.tp, self.rank, self._group = tp, rank, group
        self._consumer, self._producer = consumer, producer
        self._failed, self._changed = failed, changed
        self._in_hand, self._dead, self._stopping = in_hand, dead, stopping
        self._noting = False
        self._leaving = False
        self._left = asyncio.Event()
        self.open = False
        """Whether records are accepted; those of a partition that is not open are dropped by the caller."""
        self.waiting: deque[Record] = deque()
        """Fetched, not started."""
        self.started: deque[Entry] = deque()
        """In order of offsets; the done ones at the front are committed next."""
        self._position = -1  # where the next fetch starts
        self._committed = -1
        self._done = asyncio.Event()
        self._held = False
        self._life: asyncio.Task[None] | None = None

    # --- the consumer's side: no await in any of these ------------------------------------------------

    def assigned(self) -> None:
        """Begin to fence and seek; ``open`` is set once that is done."""
        self._consumer.pause(self.tp)
        self._held = True
        previous = self._life
        self._life = asyncio.ensure_future(self._live(previous))
        self._life.add_done_callback(self._ended)

    def revoked(self) -> None:
        """Stop accepting and committing. Handlers keep running: most partitions are assigned again soon."""
        self.open = self._held = False
        if self._life is not None:
            self._life.cancel()

    def lost(self) -> list[asyncio.Task[None]]:
        """Stop everything and return the tasks that are ending."""
        self.revoked()
        ending = self._drop(lambda _: True)
        return ending if self._life is None else [*ending, self._life]

    def accept(self, records: Iterable[Record]) -> None:
        """Queue the records that the consumer has just returned."""
        self.waiting.extend(records)
        if self.waiting:
            self._position = self.waiting[-1].offset + 1

    # --- the dispatcher's side ------------------------------------------------------------------------

    def due(self, now: datetime) -> bool:
        """Whether the next record may start."""
        if not self.open or not self.waiting or self._noting:
            return False
        if self.started and (self.suspects or self.trying):
            return False
        not_before = self.waiting[0].not_before
        return not_before is None or not_before <= now

    @property
    def suspects(self) -> bool:
        """Whether the next record may have been in hand at a death, and is handled alone."""
        return bool(self.waiting) and self._in_hand.suspects(self.waiting[0].offset)

    @property
    def trying(self) -> bool:
        """Whether a record that is handled alone is in hand."""
        return self._in_hand.trying is not None or (self._noting and self.suspects)

    def noted(self) -> bool:
        """Return whether the next record may start; else the note that it needs is written now."""
        if self._in_hand.may_start(self.waiting[0].offset):
            return True
        self._noting = True
        self._done.set()
        return False

    def condemned(self, entry: Entry) -> bool:
        """Whether the record was in hand at two deaths in a row."""
        return self._in_hand.condemned(entry.record.offset)

    async def sign_off(self) -> None:
        """Say that this process stops in order: what it has in hand is not to blame."""
        if self.open and self._in_hand.owner and self._in_hand.named:
            self._leaving = True
            self._done.set()
            await self._left.wait()

    def start(self) -> Entry:
        """Move the next record to ``started``."""
        entry = Entry(self.waiting.popleft())
        self._in_hand.started()
        self.started.append(entry)
        return entry

    def finish(self, entry: Entry, results: list[OutRecord]) -> None:
        """Store an entry's results; they are committed once all entries before it are done."""
        entry.results = results
        if self.started and self.started[0].results is not None:
            self._done.set()

    @property
    def uncommitted(self) -> bool:
        """Whether a done entry waits to be committed."""
        return self.open and bool(self.started) and self.started[0].results is not None

    # --- the producer's side --------------------------------------------------------------------------

    async def _live(self, previous: asyncio.Task[None] | None) -> None:
        if previous is not None:
            await tasks.end([previous])  # its producer has our transactional id
        try:
            while True:
                await self._fence_and_seek()
                try:
                    await self._commit_for_ever()
                except (OutcomeUnknownError, KafkaError) as error:
                    log.warning("commit_broke_off", **self._where(), error=str(error))
        finally:
            await self._producer.close()

    async def _fence_and_seek(self) -> None:
        """Fence, then read the committed offset: only in this order is the offset final."""
        backoff = Backoff()
        while True:
            try:
                await self._producer.open()
                committed, note = await in_hand.committed(self._consumer, self.tp)
                gone = note.owner not in {"", self._in_hand.owner} and await self._dead(note.owner)
                end = (await self._consumer.end_offsets([self.tp]))[self.tp] if gone else None
                break
            except (OutcomeUnknownError, KafkaError, OSError) as error:
                log.warning(
                    "partition_not_open", **self._where(), error=str(error), retry_in_s=backoff.wait_s
                )
                await backoff.sleep()
        tasks.check_cancelled()
        # No await from here: the partition may be revoked at the next await.
        if gone:
            log.warning("owner_died", **self._where(), owner=note.owner, trying=note.trying)
        self._in_hand.opened(note, end)
        self._reconcile(committed)
        if not self.open:
            self._consumer.seek(self.tp, self._position)
            self.open = True  # the poll loop resumes it

    def _reconcile(self, committed: int) -> None:
        """Keep held records from the committed offset on; start over where that is not possible."""
        if self._committed <= committed <= self._position:
            self._drop(lambda record: record.offset < committed)
        else:  # no records held, or another owner has committed past them
            self._drop(lambda _: True)
            self._position = committed
            self.open = False  # the position has changed: seek
        self._committed = committed

    def _drop(self, doomed: Callable[[Record], bool]) -> list[asyncio.Task[None]]:
        ending = [e.task for e in self.started if e.task and not e.task.done() and doomed(e.record)]
        for task in ending:
            task.cancel()
        self.started = deque(entry for entry in self.started if not doomed(entry.record))
        self.waiting = deque(record for record in self.waiting if not doomed(record))
        return ending

    async def _commit_for_ever(self) -> None:
        while True:
            tasks.check_cancelled()
            if self._leaving:
                await self._note(Note())
                self._left.set()
                await asyncio.Event().wait()
            if self._noting:
                await self._note(self._in_hand.before(self.waiting[0].offset) if self.waiting else None)
            if not (ready := self._ready()):
                self._done.clear()
                await self._done.wait()
                continue
            if not (ready := await self._company(ready)):
                continue
            offset = await self._offset_after(ready)
            results = [result for entry in ready for result in entry.results or ()]
            with COMMIT_SECONDS.labels(self._group).time():
                note = Note(self._in_hand.owner)
                await self._producer.transact(results, {self.tp: (offset, note.text)})
            self._committed = offset
            was_alone = self._in_hand.trying is not None
            self._in_hand.written(note)
            for _ in ready:
                self.started.popleft()
            if was_alone:
                self._changed()

    async def _company(self, ready: list[Entry]) -> list[Entry]:
        """Wait for more records where none of these has results: repeated, they would have none either.

        Events that concern no partner would otherwise cost a transaction each.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + COMPANY_S
        while (
            not any(entry.results for entry in ready)
            and len(ready) < MOST_COMPANY
            and not (self._stopping.is_set() or self._leaving or self._noting)
            and self._in_hand.trying is None
            and (left := until - loop.time()) > 0
        ):
            self._done.clear()
            waiting = [asyncio.ensure_future(each.wait()) for each in (self._done, self._stopping)]
            try:
                await asyncio.wait(waiting, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for each in waiting:
                    each.cancel()
            ready = self._ready()
        return ready

    async def _note(self, note: Note | None) -> None:
        """Write the note beside the offset that is committed; None for nothing."""
        if note is not None:
            await self._producer.transact((), {self.tp: (max(0, self._committed), note.text)})
            self._in_hand.written(note)
        self._noting = False
        self._changed()

    def _ready(self) -> list[Entry]:
        ready: list[Entry] = []
        for entry in self.started:
            if entry.results is None or len(ready) == MAX_COMMIT:
                break
            ready.append(entry)
        return ready

    async def _offset_after(self, ready: list[Entry]) -> int:
        """Return the offset up to which every record is done.

        With no records held that is the position, which is also past the end marker of the writer's
        transaction: the lag, by which workers are scaled, goes down to 0.
        """
        position = int(await self._consumer.position(self.tp))
        # Checked after the await: records that arrived during it are not done.
        idle = len(ready) == len(self.started) and not self.waiting
        return position if idle else ready[-1].record.offset + 1

    def _ended(self, life: asyncio.Task[None]) -> None:
        if not life.cancelled() and (error := life.exception()) is not None and self._held:
            self._failed(error)

    def _where(self) -> dict[str, object]:
        return {"topic": self.tp.topic, "partition": self.tp.partition}
