"""Load shedding: limits the memory of all uploads together; beyond it they get 503 and Retry-After unread."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.errors import DomainError


class Budget:
    """The bytes of photos that this process may hold at once."""

    def __init__(self, most: int) -> None:
        self._left = most

    @asynccontextmanager
    async def of(self, size: int) -> AsyncIterator[None]:
        """Reserve ``size`` bytes for the body. Raises `DomainError` busy."""
        if size > self._left:
            raise DomainError(
                "busy", "Too many photos arrive at once; try again in a moment.", retry_after_s=2
            )
        self._left -= size
        try:
            yield
        finally:
            self._left += size
