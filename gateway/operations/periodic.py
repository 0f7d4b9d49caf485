"""Runs periodic work, such as deleting expired uploads; gateways may run it concurrently."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import asyncpg
import structlog

_log = structlog.stdlib.get_logger(__name__)
EVERY_S: Final = 60.0


async def sweep(jobs: Sequence[Callable[[], Awaitable[None]]]) -> None:
    """Run the jobs about once a minute, until cancelled."""
    while True:
        await asyncio.sleep(EVERY_S * random.uniform(0.5, 1.5))  # noqa: S311  (jitter among gateways)
        for job in jobs:
            try:
                await job()
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
                _log.warning("sweep_failed", error=repr(error))
