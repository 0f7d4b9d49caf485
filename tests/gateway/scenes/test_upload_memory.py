"""The memory for photos: charged as bytes arrive, an account's share bounded, given back whatever happens.

| class | members | source |
|---|---|---|
| the budget is spent by what sends nothing | silent bodies, announced lengths | charged in advance |
| one account takes it all | bytes, bodies at once | no share an account |
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from uuid import uuid4

import pytest

from gateway.errors import DomainError
from gateway.scenes import upload_memory
from gateway.scenes.upload_memory import Budget

ONE, OTHER = uuid4(), uuid4()


async def test_an_account_holds_half_and_gives_it_back() -> None:
    budget = Budget(100, at_once=10)
    async with budget.of(ONE) as held, budget.of(OTHER) as others:
        held.charge(50)
        with pytest.raises(DomainError, match="as many bytes") as error:
            held.charge(1)
        assert (error.value.code, error.value.retry_after_s) == ("busy", 2)
        others.charge(50)
        with pytest.raises(DomainError, match="Too many photos"):
            others.charge(1)
    with suppress(ZeroDivisionError):
        async with budget.of(ONE) as held:
            held.charge(50)
            raise ZeroDivisionError
    async with budget.of(ONE) as held:
        held.charge(50)
    assert (budget._left, budget._held, budget._slots) == (100, {}, {})


async def test_silent_bodies_hold_up_their_own_account_alone(monkeypatch) -> None:
    monkeypatch.setattr(upload_memory, "WAIT_S", 0.05)
    budget, stop = Budget(100, at_once=2), asyncio.Event()

    async def silent() -> None:
        async with budget.of(ONE):
            await stop.wait()

    held = [asyncio.create_task(silent()) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(DomainError, match="2 photos at once"):
        async with budget.of(ONE):
            pass
    async with budget.of(OTHER) as others:
        others.charge(50)
    stop.set()
    await asyncio.gather(*held)
    async with budget.of(ONE):
        pass
    assert not budget._slots


async def test_a_body_waits_for_one_of_its_account_to_end() -> None:
    budget, order = Budget(100, at_once=1), []

    async def body(number: int) -> None:
        async with budget.of(ONE):
            order.append(number)
            await asyncio.sleep(0)

    await asyncio.gather(*(body(number) for number in range(5)))
    assert order == [0, 1, 2, 3, 4]
