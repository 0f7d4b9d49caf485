"""Members without a name (an empty ``*_INSTANCE_ID``): they leave their group when they stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import pytest

from bus.contract.envelope import OutRecord
from bus.contract.topics import Topic
from bus.kafka import in_hand
from bus.kafka.processor import Processor, Record
from bus.runtime.errors import SharpstreamError
from bus.runtime.settings import KafkaSettings
from tests.bus.bridge_servers import assert_once_each, make_topic, numbered, produce, read_all, until, values

pytestmark = pytest.mark.stack

PARTITIONS = 6
SESSION_S = 300.0
"""Far longer than `until` waits: a member that stopped without leaving would fail the test."""


class Group:
    """Members of one group that copy numbers from one topic into another."""

    def __init__(self, kafka: KafkaSettings, group: str, given: Topic, retry: Topic, out: Topic) -> None:
        self._kafka, self._group, self._given, self._retry, self._out = kafka, group, given, retry, out
        self._tasks: dict[Processor, asyncio.Task[None]] = {}
        self.sent = 0

    async def _handle(self, record: Record) -> Sequence[OutRecord]:
        return [numbered(self._out.name, "k", int(record.value or b""))]

    def _give_up(self, record: Record, error: SharpstreamError) -> Sequence[OutRecord]:
        raise AssertionError(f"{record.value!r} failed") from error

    async def start(self) -> Processor:
        made = Processor(
            self._kafka,
            group=self._group,
            topics=[self._given],
            retries=[self._retry],
            dead=self._retry,
            handle=self._handle,
            give_up=self._give_up,
            instance_id=None,
            max_in_flight=4,
            session_timeout_s=SESSION_S,
            heartbeat_s=0.3,
        )
        self._tasks[made] = asyncio.ensure_future(made.run())
        await self.shared_out()
        return made

    async def stop(self, member: Processor) -> None:
        """Stop as SIGTERM does, and wait until the others have its partitions."""
        await member.stop()
        await self._tasks.pop(member)
        await self.shared_out()

    async def shared_out(self) -> None:
        """Wait until each partition is open at one member, and each member has some."""

        async def shared() -> bool:
            for task in self._tasks.values():
                if task.done():
                    task.result()
            held = [
                {tp for tp in each._partitions if tp.topic == self._given.name}
                for each in self._tasks
                if each.ready
            ]
            whole = len(set().union(*held)) == sum(map(len, held)) == PARTITIONS
            return len(held) == len(self._tasks) and all(held) and whole

        await until(shared, what="every partition to be held once")

    async def work(self) -> None:
        """Send a number into each partition, and wait until all have been copied."""
        count = PARTITIONS * 4  # by keys, so more than the partitions
        numbers = range(self.sent, self.sent + count)
        await produce(self._kafka, [numbered(self._given.name, f"key {n}", n) for n in numbers])
        self.sent += count

        async def copied() -> bool:
            return len(await read_all(self._kafka, self._out.name)) >= self.sent

        await until(copied, what=f"{self.sent} results")

    async def close(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)


async def test_two_rolls_leave_no_partition_without_a_member(
    kafka_settings: KafkaSettings, unique: Callable[[str], str]
) -> None:
    given = await make_topic(kafka_settings, unique("in"), partitions=PARTITIONS)
    retry, out = [await make_topic(kafka_settings, unique(name)) for name in ("retry", "out")]
    group = Group(kafka_settings, unique("group"), given, retry, out)
    try:
        members = [await group.start(), await group.start()]
        await group.work()
        for _ in range(2):
            for old in tuple(members):
                members.append(await group.start())  # as a deployment rolls: the new one first
                await group.stop(old)
                members.remove(old)
                await group.work()
        names = {member._name for member in members}
        assert len(names) == 2, "a successor could not find out which of them is gone"
        assert_once_each(values(await read_all(kafka_settings, out.name)), group.sent)
        assert not await in_hand.gone(kafka_settings, group._group, "another", f"{names.pop()}/1")
        assert await in_hand.gone(kafka_settings, group._group, "another", "left/1")
    finally:
        await group.close()
