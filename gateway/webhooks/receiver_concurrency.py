"""How many deliveries may be under way: in all, and to one receiver, the fewer the worse it answers.

A receiver that swallows connections would otherwise hold its whole share for as long as timeouts last.
"""

from __future__ import annotations

from collections import Counter
from typing import Final
from uuid import UUID

BEGIN: Final = 4
"""At once to a receiver of which nothing is known yet."""
REMEMBERED: Final = 10_000
"""Receivers whose limits are kept; beyond that the ones that are known longest begin anew."""


class Lanes:
    """Counts what is under way. A success doubles a receiver's share up to ``per_lane``, silence leaves 1."""

    def __init__(self, *, total: int, per_lane: int) -> None:
        self._total, self.per_lane = total, per_lane
        self._busy: Counter[UUID] = Counter()
        self._limits: dict[UUID, int] = {}

    @property
    def busy(self) -> int:
        """Deliveries under way."""
        return self._busy.total()

    @property
    def free(self) -> int:
        """How many more may begin."""
        return self._total - self.busy

    @property
    def beginning(self) -> int:
        """The share of a receiver that is not in `rooms`."""
        return min(BEGIN, self.per_lane)

    def rooms(self) -> dict[UUID, int]:
        """Return how many more may begin, for each receiver that is known."""
        known = self._limits.keys() | self._busy.keys()
        return {lane: max(0, self._limit(lane) - self._busy[lane]) for lane in known}

    def begin(self, lane: UUID) -> None:
        """Count one more under way."""
        self._busy[lane] += 1

    def end(self, lane: UUID, *, answered: bool) -> None:
        """Count one less; ``answered``: the receiver was there, whatever it said."""
        self._busy[lane] -= 1
        if not self._busy[lane]:
            del self._busy[lane]
        limit = min(2 * self._limit(lane), self.per_lane) if answered else 1
        self._limits.pop(lane, None)  # the last one used is the last one forgotten
        self._limits[lane] = limit
        while len(self._limits) > REMEMBERED:
            del self._limits[next(iter(self._limits))]

    def _limit(self, lane: UUID) -> int:
        return self._limits.get(lane, self.beginning)
