"""Has the picture and the viewer's file of a scene made, once, when somebody opens it."""

from __future__ import annotations

import asyncpg

from gateway.outbox import SOURCE
from gateway.scenes.repository import SceneRow, splat_of
from gateway.trace import Trace
from ledger.db import scene_views
from ledger.db.scene_views import VIEWS, CompletedScene


class Views:
    """Orders the views of opened scenes; the export consumer makes them (decision 27)."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def order_missing(self, scene: SceneRow, trace: Trace) -> None:
        """Order what a completed scene lacks; one that was ordered before is not ordered again.

        The caller has checked that the reader may see the scene.
        """
        made = scene.preview_url and scene.viewer_url
        if scene.status != "completed" or scene.result_erased_at or made:
            return
        exports = [view.id_for(scene.id) for view in VIEWS]
        if await scene_views.count_ordered(self._pool, exports) == len(exports):
            return
        opened = CompletedScene(scene.id, scene.user_id, splat_of(scene), trace.correlation_id)
        async with self._pool.acquire() as connection, connection.transaction():
            await scene_views.hold(connection, [scene.id])
            await scene_views.order(connection, [opened], VIEWS, source=SOURCE)
