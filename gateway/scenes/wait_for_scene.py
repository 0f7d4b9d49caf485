"""``Prefer: wait=N`` (RFC 7240): hold the answer until the scene has ended, or N seconds have passed.

Woken by the events that the hub hands on, never by looking at the database again and again. It is a
preference: where an account waits for too much at once already, the answer simply comes at once.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from typing import Final
from uuid import UUID

from gateway.scenes.presenter import ENDED, scene_out
from gateway.scenes.repository import SceneRow
from gateway.scenes.schemas import SceneOut
from gateway.services import Services

MOST_SECONDS: Final = 60
"""More is taken for this: proxies cut silent requests soon after."""
_WAIT: Final = re.compile(r"(?:^|[,;])\s*wait\s*=\s*\"?([0-9]{1,6})\"?\s*(?=$|[,;])", re.IGNORECASE)
_PAUSES_S: Final = (0.005, 0.02, 0.05, 0.1, 0.2, 0.5)
"""Once the end is heard: until the ledger has written it, which takes milliseconds; the last one repeats."""


def wished(prefer: str | None) -> int | None:
    """Return the seconds that a header ``Prefer`` asks for, at most `MOST_SECONDS`, or None."""
    match = _WAIT.search(prefer or "")
    return min(int(match[1]), MOST_SECONDS) if match else None


async def wait_for_scene(
    services: Services, account_id: UUID, generation_id: UUID, seconds: float
) -> SceneOut | None:
    """Return the scene once it has ended; None where it has not in time, or is not the account's."""
    deadline = asyncio.get_running_loop().time() + seconds
    with services.waiters.seat(account_id, str(generation_id)) as end:
        # Read after the place was taken: what ends from here on is heard.
        row = await services.scenes.get(account_id, generation_id)
        if row is not None and row.status not in ENDED and end is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(end.wait(), seconds)
            row = await _written(services, account_id, generation_id, deadline)
    return await scene_out(services, row) if row and row.status in ENDED else None


async def _written(
    services: Services, account_id: UUID, generation_id: UUID, deadline: float
) -> SceneRow | None:
    """Return the row once the ledger has written what the event told, so that a later read agrees."""
    loop, tries = asyncio.get_running_loop(), 0
    while True:
        row = await services.scenes.get(account_id, generation_id)
        left = deadline - loop.time()
        if row is None or row.status in ENDED or left <= 0 or services.waiters.closed:
            return row
        await asyncio.sleep(min(left, _PAUSES_S[min(tries, len(_PAUSES_S) - 1)]))
        tries += 1
