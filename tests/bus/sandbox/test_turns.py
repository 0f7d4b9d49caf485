"""Slots are shared among accounts."""

from __future__ import annotations

import asyncio

import pytest

from bus.sandbox.turns import Turns


async def begun(turns: Turns, account: str, order: list[str]) -> None:
    await turns.take(account)
    order.append(account)


async def test_one_account_never_has_more_than_half() -> None:
    turns, order = Turns(2), []
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
    turns, order = Turns(1), []
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
    turns = Turns(1)
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
