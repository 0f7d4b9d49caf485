"""Of the exports in hand, an account that has none running goes before the further ones of another."""

from __future__ import annotations

import asyncio
from uuid import uuid4

from export_consumer.turns import Turns

HOSTILE, HONEST = uuid4(), uuid4()


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
    assert (turns._free, turns._running) == (1, {})
