"""Fan-out: rings, bounded readers, closing."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from gateway.cursor import Cursor, partition_of
from gateway.hub import Hub
from gateway.stream import StreamEvent


def new_hub(**options: int) -> Hub:
    hub = Hub(epoch=1, partitions=12, **{"ring_events": 3, "reader_queue": 3, **options})
    hub.settle({})
    return hub


def event(account: UUID, offset: int, subject: str = "s") -> StreamEvent:
    return StreamEvent(
        cursor=Cursor(1, partition_of(account, 12), offset),
        account_id=account,
        id=str(uuid4()),
        type="generation.requested.v1",
        source="/test",
        time=datetime.now(UTC),
        subject=subject,
        body=b"{}",
    )


async def test_a_reader_gets_its_account_and_subject_only():
    hub, mine, other = new_hub(), uuid4(), uuid4()
    with hub.reader(mine, "a") as reader, hub.reader(mine) as whole:
        wanted = event(mine, 0, "a")
        for item in (wanted, event(mine, 1, "b"), event(other, 2, "a")):
            hub.publish(item)
        assert await reader.take(1) == [wanted]
        assert len(await whole.take(1)) == 2


async def test_a_slow_reader_is_cut_and_keeps_nothing():
    hub, account = new_hub(), uuid4()
    with hub.reader(account) as reader:
        for offset in range(4):
            hub.publish(event(account, offset))
        assert reader.dropped
        assert await reader.take(1) == []


async def test_the_ring_forgets_and_says_from_where_it_still_knows():
    hub, account = new_hub(), uuid4()
    for offset in (0, 2, 4, 9, 11):
        hub.publish(event(account, offset))
    with hub.reader(account) as reader:
        assert [item.cursor.offset for item in reader.recent] == [4, 9, 11]
        assert reader.floor == (1, 3)


async def test_a_record_read_again_after_a_reconnect_is_ignored():
    hub, account = new_hub(), uuid4()
    with hub.reader(account) as reader:
        hub.publish(event(account, 5))
        hub.publish(event(account, 5))
        hub.publish(event(account, 4))
        assert len(await reader.take(1)) == 1
    assert hub.positions()[partition_of(account, 12)] == 6


async def test_take_returns_nothing_after_the_timeout():
    with new_hub().reader(uuid4()) as reader:
        assert await reader.take(0.01) == []


async def test_closing_wakes_the_waiting_and_refuses_the_late():
    hub = new_hub()
    with hub.reader(uuid4()) as reader:
        waiting = asyncio.create_task(reader.take(60))
        await asyncio.sleep(0)
        hub.close()
        assert await waiting == []
        assert reader.dropped
    with hub.reader(uuid4()) as late:
        assert late.dropped


async def test_readers_that_left_are_forgotten():
    hub, account = new_hub(), uuid4()
    with hub.reader(account):
        pass
    assert not hub._readers


async def test_before_it_is_settled_nobody_can_join():
    hub = Hub(epoch=1, partitions=12, ring_events=1, reader_queue=1)
    with pytest.raises(TimeoutError):
        await hub.wait_settled(0.01)
