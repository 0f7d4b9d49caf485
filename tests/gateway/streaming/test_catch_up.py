"""The join of past, recent and live events: no gap and no repeat in any interleaving."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from gateway.streaming.catch_up import Join
from gateway.streaming.cursor import BEGINNING, Cursor, partition_of
from gateway.streaming.event import StreamEvent
from gateway.streaming.hub import Hub
from gateway.streaming.subscriber import StreamLimits, Wanted

ACCOUNT = UUID(int=1)
PARTITION = partition_of(ACCOUNT, 12)
OTHER = next(UUID(int=n) for n in range(2, 1000) if partition_of(UUID(int=n), 12) == PARTITION)
ENDING = "generation.completed.v1"


def event(offset: int, *, account: UUID = ACCOUNT, kind: str = "generation.requested.v1", epoch: int = 1):
    return StreamEvent(
        cursor=Cursor(epoch, PARTITION, offset),
        account_id=account,
        id=str(offset),
        type=kind,
        source="/test",
        time=datetime(2026, 1, 1, tzinfo=UTC),
        subject="s",
        body=b"{}",
    )


def new_hub(size: int) -> Hub:
    return Hub(
        epoch=1, partitions=12, ring_events=size, limits=StreamLimits(events=10**6, bytes=10**9, stall_s=1)
    )


@st.composite
def logs(draw):
    """A partition: offsets with holes (control records), events of two accounts, and where our job ends."""
    gaps = draw(st.lists(st.integers(1, 3), min_size=1, max_size=30))
    offsets, offset = [], draw(st.integers(0, 5))
    for gap in gaps:
        offsets.append(offset)
        offset += gap
    mine = draw(st.lists(st.booleans(), min_size=len(offsets), max_size=len(offsets)))
    ours = [o for o, is_mine in zip(offsets, mine, strict=True) if is_mine]
    end = ours[-1] if ours and draw(st.booleans()) else None
    return [
        event(o, account=ACCOUNT if is_mine else OTHER, kind=ENDING if o == end else "x")
        for o, is_mine in zip(offsets, mine, strict=True)
    ]


@given(data=st.data(), log=logs(), size=st.integers(1, 6), page_size=st.integers(1, 4), job=st.booleans())
def test_every_interleaving_yields_every_event_once_and_in_order(data, log, size, page_size, job):
    """Steps: the hub receives the next record, the ledger projects the next, the reader takes what it can.

    A job's stream ends with its ending, an account's does not; the log is read page by page.
    """
    endings = [ENDING] if job else []
    ready_at = data.draw(st.integers(0, len(log)))  # the ledger had projected this much when the hub began
    hub = new_hub(size)
    hub.set_floors({PARTITION: log[ready_at - 1].cursor.offset + 1 if ready_at else 0})
    heard = ready_at
    for _ in range(data.draw(st.integers(0, len(log)))):
        if heard < len(log):
            hub.publish(log[heard])
            heard += 1
    projected = data.draw(st.integers(ready_at, len(log)))
    ours = [e for e in log if e.account_id == ACCOUNT]
    # The client has seen none, some or all of the history, or begins at the hub's position.
    known = data.draw(st.integers(0, len(ours)))
    after = ours[known - 1].cursor.position if known else BEGINNING
    if not job and data.draw(st.booleans()):
        after = hub.now(ACCOUNT)
        known = sum(e.cursor.position <= after for e in ours)

    out: list[StreamEvent] = []

    async def read() -> None:
        nonlocal heard, projected
        with hub.reader(Wanted(account_id=ACCOUNT)) as reader:
            join = Join(after=after, floor=hub.floor(ACCOUNT), endings=endings)
            recent, steps = None, 0
            while not join.ended:
                steps += 1
                # After enough steps everything is received and projected, so that the rest is deterministic.
                step = data.draw(st.sampled_from("hpr")) if steps < 60 else "hpr"[steps % 3]
                if step == "h" and heard < len(log):
                    hub.publish(log[heard])
                    heard += 1
                elif step == "p" and projected < len(log):
                    projected += 1
                elif step == "r" and join.needs_past:
                    reached = (1, log[projected - 1].cursor.offset + 1) if projected else (0, 0)
                    found = [e for e in log[:projected] if e.account_id == ACCOUNT]
                    found = [e for e in found if e.cursor.position > join.seen or e.type in endings]
                    page = found[:page_size]
                    out.extend(join.past(page, reached if len(page) < page_size else (0, 0)))
                elif step == "r" and recent is None:
                    recent = hub.listen(reader)
                    join.floor = hub.floor(ACCOUNT)
                elif step == "r":
                    out.extend(join.take(recent))
                    recent = []
                    out.extend(join.take(reader.queued()))
                if steps > 400 and heard == len(log) == projected and recent == [] and not reader._queue:
                    break
            assert join.ended == (job and any(e.type == ENDING for e in ours))

    asyncio.run(read())
    assert out == ours[known:]


def test_an_ending_that_was_seen_before_ends_the_stream_without_a_repeat():
    join = Join(after=(1, 5), floor=(1, 0), endings=[ENDING])
    assert list(join.past([event(5, kind=ENDING)], (1, 6))) == []
    assert join.ended


def test_progress_passes_without_moving_the_cursor():
    join = Join(after=BEGINNING, floor=(1, 0))
    progress = event(0)
    progress.cursor = None
    assert list(join.take([progress, progress])) == [progress, progress]
    assert join.seen == BEGINNING


def test_history_of_an_older_epoch_comes_first():
    join = Join(after=BEGINNING, floor=(2, 0))
    old, new = event(900, epoch=1), event(0, epoch=2)
    assert list(join.past([old, new], (2, 1))) == [old, new]
    assert list(join.take([new])) == []


def test_a_client_that_has_seen_all_below_the_ring_reads_no_log():
    assert not Join(after=(1, 4), floor=(1, 5)).needs_past
    assert Join(after=(1, 3), floor=(1, 5)).needs_past
    assert Join(after=(1, 4), floor=(1, 5), endings=[ENDING]).needs_past
