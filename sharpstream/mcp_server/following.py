"""Waits for a scene and reports its stages while it does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from sharpstream.client import AsyncClient, Event, Scene, ServiceError
from sharpstream.client.errors import TIMED_OUT
from sharpstream.client.models.events import PROGRESS_EVENT, STARTED_EVENT

Report: TypeAlias = Callable[[float, float | None, str | None], Awaitable[None]]
"""Takes the part that is done, of 1, and words for people."""
_STARTED: Final = 0.05


class Rising:
    """Passes progress on where it rises: the protocol forbids that a report repeats or falls."""

    def __init__(self, report: Report) -> None:
        self._report, self._last = report, -1.0

    async def at(self, fraction: float, words: str) -> None:
        """Report that this part (0 to 1) is done."""
        if fraction > self._last:
            self._last = fraction
            await self._report(fraction, 1.0, words)


async def ended(client: AsyncClient, scene_id: str, progress: Rising, *, timeout_s: float) -> Scene:
    """Return the scene once it has ended, however it did. Raises `ServiceError` timed_out."""
    try:
        async with asyncio.timeout(timeout_s):
            await progress.at(0.0, "queued")
            async for event in client.follow(scene_id):
                if event.ends:
                    break
                if (stage := _stage(event)) is not None:
                    await progress.at(*stage)
            return await client.wait(scene_id, timeout_s=timeout_s)
    except TimeoutError as error:
        raise ServiceError(
            TIMED_OUT,
            f"Scene {scene_id} is not finished after {timeout_s:g} s. The service goes on with it: call"
            " wait_for_scene again.",
        ) from error


def _stage(event: Event) -> tuple[float, str] | None:
    if event.type == STARTED_EVENT:
        return _STARTED, "started"
    if event.type == PROGRESS_EVENT:
        done = min(max(float(event.data.get("fraction", 0)), 0.0), 1.0)
        return _STARTED + (1 - _STARTED) * done, str(event.data.get("stage"))
    return None
