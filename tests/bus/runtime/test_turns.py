"""Slots are shared among accounts."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from bus.runtime.turns import Turns

HOSTILE, HONEST = uuid4(), uuid4()


async def begun(turns: Turns, account: str, order: list[str]) -> None:
    await turns.take(account)
    order.append(account)


async def test_one_account_never_has_more_than_half() -> None:
    turns, order = Turns(4, 2), []
    hostile = [asyncio.ensure_future(begun(turns, "hostile", order)) for _ in range(5)]
    await asyncio.sleep(0)
    assert order == ["hostile"] * 2
    await asyncio.gather(begun(turns, "honest", order), begun(turns, "other", order))
    assert order == ["hostile", "hostile", "honest", "other"]
    turns.give_back("honest")
    await asyncio.sleep(0)
    assert len(order) == 4, "a free slot of another half"
    for task in hostile:
        task.cancel()


async def test_waiting_accounts_take_turns() -> None:
    turns, order = Turns(2, 1), []
    await turns.take("x")
    await turns.take("y")
    waiting = [
        asyncio.ensure_future(begun(turns, account, order)) for account in ("a", "a", "a", "b", "b", "c")
    ]
    await asyncio.sleep(0)
    turns.give_back("x")
    for count in range(1, 6):
        await asyncio.sleep(0)
        assert len(order) == count
        turns.give_back(order[-1])
    await asyncio.gather(*waiting)
    assert order == ["a", "b", "c", "a", "b", "a"]


@pytest.mark.parametrize("granted", [True, False])
async def test_a_cancelled_request_leaves_its_slot(granted: bool) -> None:
    turns = Turns(2, 1)
    await turns.take("a")
    waiting = asyncio.ensure_future(turns.take("a"))
    await asyncio.sleep(0)
    if granted:
        turns.give_back("a")
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    if not granted:
        turns.give_back("a")
    async with asyncio.timeout(1):
        await turns.take("a")


async def test_the_account_with_the_fewest_running_goes_next() -> None:
    turns, order, gates = Turns(2), [], {}

    async def job(account, name: str) -> None:
        gates[name] = asyncio.Event()
        async with turns.of(account):
            order.append(name)
            await gates[name].wait()

    jobs = [asyncio.create_task(job(HOSTILE, f"hostile {number}")) for number in range(5)]
    await asyncio.sleep(0)
    jobs += [asyncio.create_task(job(HONEST, f"honest {number}")) for number in range(2)]
    await asyncio.sleep(0.01)
    assert order == ["hostile 0", "hostile 1"]
    gates["hostile 0"].set()
    await asyncio.sleep(0.01)
    assert order[2:] == ["honest 0"]
    gates["hostile 1"].set()
    await asyncio.sleep(0.01)
    assert order[3:] == ["hostile 2"], "one each"
    for _ in range(4):
        for gate in gates.values():
            gate.set()
        await asyncio.sleep(0.01)
    await asyncio.gather(*jobs)
    assert len(order) == 7


async def test_cancelled_waiters_and_failed_jobs_give_up_their_turns() -> None:
    turns = Turns(1)

    async def job(*, fail: bool = False) -> None:
        async with turns.of(HOSTILE):
            await asyncio.sleep(0)
            if fail:
                raise ZeroDivisionError

    waiting = [asyncio.create_task(job()) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    waiting[2].cancel()
    await asyncio.gather(*waiting, asyncio.create_task(job(fail=True)), return_exceptions=True)
    async with turns.of(HONEST):
        assert not turns._waiting
        assert turns._free == 0
    assert (turns._free, turns._held) == (1, {})


async def test_long_queues_hold_up_no_newcomer() -> None:
    turns, order = Turns(2), []
    running = [asyncio.ensure_future(begun(turns, account, order)) for account in ("a", "b")]
    waiting = [asyncio.ensure_future(begun(turns, account, order)) for account in ("a", "b") * 3]
    await asyncio.sleep(0)
    waiting.append(asyncio.ensure_future(begun(turns, "newcomer", order)))
    await asyncio.sleep(0)
    for account in ("a", "b", "a"):
        turns.give_back(account)
        await asyncio.sleep(0)
    assert "newcomer" in order
    for task in (*running, *waiting):
        task.cancel()
