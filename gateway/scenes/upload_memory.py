"""How much memory uploads may take together: a flood is told to come again, before it is read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.errors import DomainError


class Budget:
    """Bytes of photos that this process holds at once; who finds it spent comes again."""

    def __init__(self, most: int) -> None:
        self._left = most

    @asynccontextmanager
    async def of(self, size: int) -> AsyncIterator[None]:
        """Hold ``size`` bytes inside. Raises `DomainError` busy."""
        if size > self._left:
            raise DomainError(
                "busy", "Too many photos arrive at once; try again in a moment.", retry_after_s=2
            )
        self._left -= size
        try:
            yield
        finally:
            self._left += size
