"""Saves from where a scene is seen at first."""

from __future__ import annotations

from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from gateway.errors import DomainError
from gateway.scenes.schemas import StartView

# `updated_at` stays: it is the time of what the scene is, and pages wait for its views from then on.
_SAVE: Final = """
UPDATE scene_generations SET start_view = $3
WHERE id = $1 AND user_id = $2 AND deleted_at IS NULL RETURNING id"""


class StartViews:
    """The column ``start_view`` of ``scene_generations``, which nothing but its owner's request changes."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def save(self, account_id: UUID, generation_id: UUID, view: StartView) -> None:
        """Save the view; it may be saved before the scene is completed. Raises `DomainError` not_found."""
        text = msgspec.json.encode(view).decode()
        if await self._pool.fetchrow(_SAVE, generation_id, account_id, text) is None:
            raise DomainError("not_found", "You have no scene with this id.")
