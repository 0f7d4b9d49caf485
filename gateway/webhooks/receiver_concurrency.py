"""Limits deliveries in flight, in total and for each receiver, whose limit falls when it times out.

Otherwise a receiver that never answers would hold its whole share until its timeouts.
"""

from __future__ import annotations

from collections import Counter
from typing import Final
from uuid import UUID

BEGIN: Final = 4
"""Deliveries in flight to a receiver that is not known yet."""
REMEMBERED: Final = 10_000
"""Receivers whose limits are kept; beyond that the least recently used start again at `BEGIN`."""


class ReceiverConcurrency:
    """Counts deliveries in flight. A success doubles a receiver's share, at most to ``per_receiver``.

    A timeout cuts it to 1.
    """

    def __init__(self, *, total: int, per_receiver: int) -> None:
        self._total, self.per_receiver = total, per_receiver
        self._busy: Counter[UUID] = Counter()
        self._limits: dict[UUID, int] = {}

    @property
    def busy(self) -> int:
        """Deliveries in flight."""
        return self._busy.total()

    @property
    def free(self) -> int:
        """The number of free slots in total."""
        return self._total - self.busy

    @property
    def beginning(self) -> int:
        """The limit of a receiver that is not in `rooms`."""
        return min(BEGIN, self.per_receiver)

    def rooms(self) -> dict[UUID, int]:
        """Return the free slots of each known receiver."""
        known = self._limits.keys() | self._busy.keys()
        return {receiver: max(0, self._limit(receiver) - self._busy[receiver]) for receiver in known}

    def begin(self, receiver: UUID) -> None:
        """Count one more in flight."""
        self._busy[receiver] += 1

    def end(self, receiver: UUID, *, answered: bool) -> None:
        """Count one less; ``answered``: the receiver responded, with any status."""
        self._busy[receiver] -= 1
        if not self._busy[receiver]:
            del self._busy[receiver]
        limit = min(2 * self._limit(receiver), self.per_receiver) if answered else 1
        self._limits.pop(receiver, None)  # reinserted at the end: least recently used order
        self._limits[receiver] = limit
        while len(self._limits) > REMEMBERED:
            del self._limits[next(iter(self._limits))]

    def _limit(self, receiver: UUID) -> int:
        return self._limits.get(receiver, self.beginning)
