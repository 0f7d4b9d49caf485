"""Lets many preparations run together, or one that may end the process alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Exclusion:
    """Shared by all partitions of one process. Who waits to be alone goes before newcomers."""

    def __init__(self) -> None:
        self._changed = asyncio.Condition()
        self._together = 0
        self._alone = 0

    @asynccontextmanager
    async def together(self) -> AsyncIterator[None]:
        """Run beside others."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self._alone)
            self._together += 1
        try:
            yield
        finally:
            await self._end(together=1)

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Run while nothing else does."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self._alone)
            self._alone = 1
            try:
                await self._changed.wait_for(lambda: not self._together)
            except BaseException:
                self._alone = 0
                self._changed.notify_all()
                raise
        try:
            yield
        finally:
            await self._end(alone=1)

    async def _end(self, *, together: int = 0, alone: int = 0) -> None:
        async with self._changed:
            self._together -= together
            self._alone -= alone
            self._changed.notify_all()
