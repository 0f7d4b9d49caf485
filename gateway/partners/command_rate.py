"""Spreads a partner's commands over time, so that no partner takes the machine from the others.

Commands beyond the rate are not refused: they wait in their topic, where they hold up only this partner.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Final

BURST_S: Final = 10.0
"""The commands of so many seconds may come at once."""


class CommandRate:
    """The rates of this process's partners, each as the time at which its burst is whole again (GCRA)."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock, self._sleep = clock, sleep
        self._whole_at: dict[Hashable, float] = {}

    async def turn(self, partner: Hashable, per_minute: int) -> None:
        """Wait until this partner's next command may begin."""
        now = self._clock()
        whole_at = max(self._whole_at.get(partner, 0.0), now) + 60 / per_minute
        self._whole_at[partner] = whole_at
        early_s = whole_at - now - BURST_S
        if early_s > 0:
            await self._sleep(early_s)
