"""Repeats background work for ever: an error of one round is logged and counted, and never the last round.

Each work has its own loop, so one that fails or hangs stops no other.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Final, NoReturn

import structlog
from prometheus_client import Counter

from bus.runtime.tasks import check_cancelled

log = structlog.stdlib.get_logger(__name__)

FAILED: Final = Counter("sharpstream_periodic_failed", "Rounds of background work that failed", ["work"])


async def repeat(
    name: str,
    work: Callable[[], Awaitable[object]],
    *,
    every_s: float,
    spread: float = 0.5,
    at_once: bool = False,
) -> NoReturn:
    """Await ``work()`` about every ``every_s`` seconds until cancelled, the first time after a pause.

    ``spread`` is the random share of the pause, which keeps processes apart. ``at_once``: without the first
    pause.
    """
    FAILED.labels(name)  # Prometheus sees no rise in a counter that appears with its first value
    if not at_once:
        await _pause(every_s, spread)
    while True:
        try:
            await work()
        except asyncio.CancelledError as error:
            check_cancelled()
            _failed(name, error)  # something inside was cancelled, not this loop
        except Exception as error:  # noqa: BLE001  (whatever failed, the next round may succeed)
            _failed(name, error)
        check_cancelled()
        await _pause(every_s, spread)


async def _pause(every_s: float, spread: float) -> None:
    await asyncio.sleep(every_s * random.uniform(1 - spread, 1 + spread))  # noqa: S311


def _failed(name: str, error: BaseException) -> None:
    FAILED.labels(name).inc()
    log.warning("periodic_work_failed", work=name, error=repr(error), exc_info=error)
