"""``Prefer: wait=N`` (RFC 7240): hold the answer until the scene has ended, or N seconds have passed.

The hub's events wake the waiting request. The row is polled only after the ending, for the milliseconds until
the ledger has written it. Waiting is a preference: where an account has too many waiting requests already,
the answer comes at once.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from typing import Final
from uuid import UUID

from gateway.scenes.presenter import Presenter
from gateway.scenes.renditions import ENDED
from gateway.scenes.repository import SceneRow, Scenes
from gateway.scenes.schemas import SceneOut
from gateway.streaming.waiters import Waiters

MOST_SECONDS: Final = 60
"""Longer waits are cut to this: proxies close silent requests soon after."""
_WAIT: Final = re.compile(r"(?:^|[,;])\s*wait\s*(?:=\s*\"?([0-9]{1,6})\"?\s*)?(?=$|[,;])", re.IGNORECASE)
_PAUSES_S: Final = (0.005, 0.02, 0.05, 0.1, 0.2, 0.5)
"""Pauses after the ending, until the ledger has written it (milliseconds); the last one repeats."""


def requested_seconds(prefer: str | None) -> int | None:
    """Return the seconds that a ``Prefer`` header requests, at most `MOST_SECONDS`, or None.

    A bare ``wait`` is how others document it, though RFC 7240 gives it a number: `MOST_SECONDS`.
    """
    match = _WAIT.search(prefer or "")
    return min(int(match[1] or MOST_SECONDS), MOST_SECONDS) if match else None


class SceneWaiter:
    """Waits for the end of scenes."""

    def __init__(self, scenes: Scenes, waiters: Waiters, presenter: Presenter) -> None:
        self._scenes = scenes
        self._waiters = waiters
        self._presenter = presenter

    def full(self, account_id: UUID) -> bool:
        """Return whether all waiting slots of the account are taken."""
        return self._waiters.full(account_id)

    async def wait(self, account_id: UUID, generation_id: UUID, seconds: float) -> SceneOut | None:
        """Return the scene once it has ended; None where it has not ended in time or is not the account's."""
        deadline = asyncio.get_running_loop().time() + seconds
        with self._waiters.subscription(account_id, str(generation_id)) as end:
            # Read after the subscription began, which receives every ending from here on.
            row = await self._scenes.get(account_id, generation_id)
            if row is not None and row.status not in ENDED and end is not None:
                with suppress(TimeoutError):
                    await asyncio.wait_for(end.wait(), seconds)
                row = await self._written(account_id, generation_id, deadline)
        return await self._presenter.scene_out(row) if row and row.status in ENDED else None

    async def _written(self, account_id: UUID, generation_id: UUID, deadline: float) -> SceneRow | None:
        """Return the row once the ledger has written what the event said, so that a later read agrees."""
        loop, tries = asyncio.get_running_loop(), 0
        while True:
            row = await self._scenes.get(account_id, generation_id)
            left = deadline - loop.time()
            if row is None or row.status in ENDED or left <= 0 or self._waiters.closed:
                return row
            await asyncio.sleep(min(left, _PAUSES_S[min(tries, len(_PAUSES_S) - 1)]))
            tries += 1
