"""Exponential backoff with jitter."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable
from typing import Final

FIRST_S: Final = 0.2
LONGEST_S: Final = 5.0


class Backoff:
    """The waits of one retry loop: bounds from ``first_s``, each ``factor`` times the last, to ``longest_s``.

    ``jitter`` is the share of a wait that is random. 1 is full jitter: a wait lies anywhere between 0 and its
    bound, so that processes that lost the same broker do not all reconnect at once. Where attempts are
    limited, a smaller share keeps a lower limit on their total time. ``spread`` draws from [0, 1).
    """

    def __init__(
        self,
        first_s: float = FIRST_S,
        longest_s: float = LONGEST_S,
        *,
        factor: float = 2.0,
        jitter: float = 1.0,
        spread: Callable[[], float] = random.random,
    ) -> None:
        self._first_s, self._longest_s, self._factor, self._jitter = first_s, longest_s, factor, jitter
        self._spread = spread
        self.reset()

    def reset(self) -> None:
        """Start again with the first wait; call it once an attempt has succeeded."""
        self._bound_s = min(self._first_s, self._longest_s)
        self._draw()

    @property
    def wait_s(self) -> float:
        """The next wait in seconds, to the millisecond; for the log line before it."""
        return self._wait_s

    def next_s(self) -> float:
        """Return the next wait in seconds and lengthen the one after it."""
        wait_s = self._wait_s
        self._bound_s = min(self._factor * self._bound_s, self._longest_s)
        self._draw()
        return wait_s

    async def sleep(self, stop: asyncio.Event | None = None) -> None:
        """Wait for `next_s`, or until ``stop`` is set."""
        wait_s = self.next_s()
        if stop is None:
            await asyncio.sleep(wait_s)
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await stop.wait()

    def _draw(self) -> None:
        self._wait_s = round(self._bound_s * (1 - self._jitter * self._spread()), 3)
