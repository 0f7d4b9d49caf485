"""Finds out which model runs, with its network, from the setting and the newest completed scene.

The gateway does not know the inference role's processes. A worker may change its network by itself, once a
better one has been fetched, and every completed scene names the one that made it.
"""

from __future__ import annotations

from typing import Final

import asyncpg

from bus.contract.models import MODELS, matches

# The index of updated_at is read from its end up to the first completed scene, usually the first row.
_NEWEST: Final = """
SELECT metadata #>> '{model,name}' FROM scene_generations
WHERE status = 'completed' AND updated_at > now() - interval '30 days'
ORDER BY updated_at DESC LIMIT 1"""


async def running_model(pool: asyncpg.Pool, stated: str) -> str:
    """Return the name of the running model; ``stated`` is GATEWAY_MODEL, such as ``card`` or ``layered``.

    The setting decides on the model, the newest scene on its network. Where that is unknown it is the model's
    first one in the catalogue.
    """
    newest: str | None = await pool.fetchval(_NEWEST)
    if newest is not None and matches(stated, newest):
        return newest
    return next((name for name in MODELS if matches(stated, name)), stated)
