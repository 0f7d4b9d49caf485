"""A partner's commands are spread over time, and hold up no other partner."""

from __future__ import annotations

import asyncio

from gateway.partners.command_rate import BURST_S, CommandRate

PER_MINUTE = 60


class Clock:
    """A time that the test moves; ``passes``: also by sleeping."""

    def __init__(self, *, passes: bool = True) -> None:
        self.now, self.passes = 1000.0, passes
        self.slept: list[float] = []
        self.rate = CommandRate(lambda: self.now, self._sleep)

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if self.passes:
            self.now += seconds


async def test_a_burst_passes_and_then_one_command_an_interval() -> None:
    clock = Clock()
    for _ in range(int(BURST_S) + 5):
        await clock.rate.turn("acme", PER_MINUTE)
    assert clock.slept == [1.0] * 5


async def test_rest_restores_the_burst_and_no_more() -> None:
    clock = Clock()
    for _ in range(int(BURST_S)):
        await clock.rate.turn("acme", PER_MINUTE)
    clock.now += 3600
    for _ in range(int(BURST_S) + 2):
        await clock.rate.turn("acme", PER_MINUTE)
    assert clock.slept == [1.0, 1.0]


async def test_commands_at_once_keep_their_order_and_other_partners_do_not_wait() -> None:
    clock = Clock(passes=False)
    await asyncio.gather(*(clock.rate.turn("flood", PER_MINUTE) for _ in range(int(BURST_S) + 3)))
    await clock.rate.turn("acme", PER_MINUTE)
    assert clock.slept == [1.0, 2.0, 3.0]
