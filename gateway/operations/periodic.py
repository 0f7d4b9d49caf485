"""Runs the gateway's periodic work, such as deleting expired uploads; gateways may run it concurrently."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from bus.runtime.periodic import repeat
from bus.runtime.tasks import first_of

EVERY_S: Final = 60.0


async def sweep(jobs: Mapping[str, Callable[[], Awaitable[None]]]) -> None:
    """Run each job about once a minute, until cancelled; one that fails or hangs stops no other."""
    await first_of(*(repeat(name, job, every_s=EVERY_S) for name, job in jobs.items()))
