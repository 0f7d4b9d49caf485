"""Supervises the parts of a role: one that stops for good ends the process, which is then restarted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from bus.runtime import tasks


@asynccontextmanager
async def watched(stop: Callable[[], None], *work: Coroutine[Any, Any, Any]) -> AsyncIterator[None]:
    """Run ``work`` beside the body; when one of it ends, call ``stop`` and raise its error after the body."""
    together = asyncio.create_task(tasks.first_of(*work))
    together.add_done_callback(lambda _: stop())
    try:
        yield
    except BaseException:
        await tasks.end([together])
        raise
    if together.done():
        together.result()
    await tasks.end([together])
