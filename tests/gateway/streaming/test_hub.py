"""The hub's fan-out: rings, readers without tasks of their own, limits, closing."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from gateway.streaming.catch_up import Join
from gateway.streaming.cursor import Cursor, partition_of
from gateway.streaming.event import HEARTBEAT, StreamEvent
from gateway.streaming.hub import SLICE, Hub
from gateway.streaming.subscriber import StreamLimits, Wanted
from tests.gateway.conftest import until

BEGINNING = (0, -1)


def new_hub(*, ring_events: int = 3, **limits: float) -> Hub:
    wide = {"events": 3, "bytes": 100_000, "stall_s": 30, **limits}
    hub = Hub(epoch=1, partitions=12, ring_events=ring_events, limits=StreamLimits(**wide))
    hub.set_floors({})
    return hub


def event(account: UUID, offset: int, subject: str = "s", kind: str = "generation.requested.v1"):
    return StreamEvent(
        cursor=Cursor(1, partition_of(account, 12), offset),
        account_id=account,
        id=str(uuid4()),
        type=kind,
        source="/test",
        time=datetime.now(UTC),
        subject=subject,
        body=b"{}",
    )


class Client:
    """The other end of the socket; takes chunks at once, or nothing until `may` is set."""

    def __init__(self) -> None:
        self.got: list[bytes] = []
        self.complete = self.cut = False
        self.may = asyncio.Event()
        self.may.set()

    async def take(self, chunk: bytes, more: bool) -> None:
        await self.may.wait() if not self.may.is_set() else None
        self.got += [chunk] if chunk else []
        self.complete = not more

    def hang_up(self) -> None:
        self.cut = True


@contextmanager
def following(hub: Hub, account: UUID, *, endings=(), **wanted):
    client = Client()
    with hub.reader(Wanted(account_id=account, **wanted)) as reader:
        reader.open(client.take, client.hang_up)
        client.recent = hub.listen(reader)
        reader.go_live(Join(after=BEGINNING, floor=hub.floor(account), endings=endings))
        client.reader = reader
        yield client


async def test_a_reader_gets_its_account_subject_and_types_only():
    hub, mine, other = new_hub(), uuid4(), uuid4()
    with (
        following(hub, mine, subject="a") as job,
        following(hub, mine) as whole,
        following(hub, mine, types=frozenset({"x"})) as some,
    ):
        wanted, typed = event(mine, 0, "a"), event(mine, 1, "b", "x")
        for item in (wanted, typed, event(other, 2, "a")):
            hub.publish(item)
        await hub.flushed()
        assert job.got == [wanted.frame]
        assert b"".join(whole.got) == wanted.frame + typed.frame
        assert some.got == [typed.frame]


async def test_a_frame_is_rendered_once_and_its_bytes_are_shared():
    hub, account = new_hub(), uuid4()
    with following(hub, account) as one, following(hub, account) as two:
        item = event(account, 0)
        hub.publish(item)
        await hub.flushed()
        assert one.got[0] is two.got[0] is item.frame


async def test_a_reader_has_no_task_of_its_own():
    hub, account = new_hub(), uuid4()
    before = asyncio.all_tasks()
    with following(hub, account) as client:
        hub.publish(event(account, 0))
        await hub.flushed()
        assert client.got
        assert asyncio.all_tasks() == before


async def test_more_readers_than_a_slice_all_get_events_in_order():
    hub, account = new_hub(), uuid4()
    with ExitStack() as stack:
        clients = [stack.enter_context(following(hub, account)) for _ in range(2 * SLICE + 1)]
        first, second = event(account, 0), event(account, 1)
        hub.publish(first)
        await asyncio.sleep(0)  # one slice is written
        hub.publish(second)
        await hub.flushed()
        assert {b"".join(client.got) for client in clients} == {first.frame + second.frame}


@pytest.mark.parametrize("limits", [{"events": 2}, {"bytes": 1000}])
async def test_a_slow_reader_is_dropped_with_its_queue(limits):
    hub, account = new_hub(**limits), uuid4()
    with following(hub, account) as slow, following(hub, account) as good:
        slow.may.clear()
        items = [event(account, offset) for offset in range(6)]
        for item in items:
            hub.publish(item)
            await hub.flushed()
        assert slow.reader.dropped
        assert slow.reader.queued() == []
        assert b"".join(good.got) == b"".join(item.frame for item in items)
        slow.may.set()
        await until(lambda: slow.complete)
        assert slow.got == [items[0].frame]  # a prefix without a gap, then the end
        assert not slow.cut


async def test_a_reader_within_its_limits_gets_all_events():
    hub, account = new_hub(), uuid4()
    with following(hub, account) as client:
        client.may.clear()
        items = [event(account, offset) for offset in range(3)]
        for item in items:
            hub.publish(item)
            await hub.flushed()
        client.may.set()
        await until(lambda: b"".join(client.got) == b"".join(item.frame for item in items))
        assert not client.reader.dropped


async def test_a_stalled_reader_is_disconnected():
    hub, account = new_hub(stall_s=0.01), uuid4()
    with following(hub, account) as client:
        client.may.clear()
        hub.publish(event(account, 0))
        await until(lambda: client.cut)
        assert client.reader.dropped


async def test_a_broken_socket_affects_no_other_subscriber():
    hub, account = new_hub(), uuid4()
    with following(hub, account) as broken, following(hub, account) as good:

        async def fail(chunk: bytes, more: bool) -> None:
            raise RuntimeError("broken")

        broken.reader.open(fail, broken.hang_up)
        hub.publish(event(account, 0))
        await hub.flushed()
        assert broken.cut
        assert good.got


async def test_an_ending_completes_the_response():
    hub, account = new_hub(), uuid4()
    with following(hub, account, endings=["end"]) as client:
        last = event(account, 0, kind="end")
        hub.publish(last)
        hub.publish(event(account, 1))
        await hub.flushed()
        assert (client.got, client.complete) == ([last.frame], True)


async def test_heartbeats_are_sent_only_to_idle_readers():
    hub, account = new_hub(), uuid4()
    with following(hub, account) as silent, following(hub, account) as busy:
        silent.reader.silent = busy.reader.silent = True
        item = event(account, 0)
        busy.reader.offer(item)
        hub.wake(silent.reader)
        await hub.flushed()
        assert (silent.got, busy.got) == ([HEARTBEAT], [item.frame])


async def test_the_ring_drops_old_events_and_reports_its_floor():
    hub, account = new_hub(), uuid4()
    for offset in (0, 2, 4, 9, 11):
        hub.publish(event(account, offset))
    with following(hub, account) as client:
        assert [item.cursor.offset for item in client.recent] == [4, 9, 11]
    assert hub.floor(account) == (1, 3)
    assert hub.now(account) == (1, 11)


async def test_a_record_read_again_after_a_reconnect_is_ignored():
    hub, account = new_hub(), uuid4()
    with following(hub, account) as client:
        item = event(account, 5)
        hub.publish(item)
        hub.publish(event(account, 5))
        hub.publish(event(account, 4))
        await hub.flushed()
        assert client.got == [item.frame]
    assert hub.positions()[partition_of(account, 12)] == 6


async def test_closing_ends_all_readers_and_refuses_later_ones():
    hub = new_hub()
    with following(hub, uuid4()) as client:
        hub.close()
        assert client.complete
        assert not client.reader.dropped
    with following(hub, uuid4()) as late:
        assert late.complete


async def test_readers_are_counted_by_account_and_removed():
    hub, account = new_hub(), uuid4()
    with following(hub, account), following(hub, account, subject="a"):
        assert hub.count(account) == len(hub.all()) == 2
    assert hub.count(account) == 0
    assert not hub._readers
    assert not hub._open


async def test_no_subscriber_joins_before_the_hub_is_ready():
    hub = Hub(epoch=1, partitions=12, ring_events=1, limits=StreamLimits(events=1, bytes=1, stall_s=1))
    with pytest.raises(TimeoutError):
        await hub.wait_ready(0.01)
