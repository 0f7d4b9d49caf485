"""Waits for what other threads or processes do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def until(true: Callable[[], bool]) -> None:
    """Return once it is true. Fails after a minute."""
    async with asyncio.timeout(60):
        while not true():  # noqa: ASYNC110 - others change it
            await asyncio.sleep(0.01)
