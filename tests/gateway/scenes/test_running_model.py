"""Which model runs, with its network."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from gateway.scenes.running_model import running_model
from tests.gateway.rows import put_scene


async def test_the_running_network_is_the_newest_completed_scenes(api):
    """The worker changes its network by itself; an older or failed scene says nothing."""
    pool, account = api.services.pool, await api.account_id(await api.person())
    assert await running_model(pool, "layered") == "layered/bundled"
    now = datetime.now(UTC)

    async def made(by: str, *, age_s: float, status: str = "completed") -> None:
        metadata = json.dumps({"model": {"name": by}})
        await put_scene(api, account, status, metadata=metadata, updated_at=now - timedelta(seconds=age_s))

    await made("layered/bundled", age_s=20)
    await made("layered/moge2-s", age_s=10)
    await made("layered/moge2-b", age_s=5, status="failed")
    assert await running_model(pool, "layered") == "layered/moge2-s"
    assert await running_model(pool, "layered/moge2-b") == "layered/moge2-b"  # stated with its network
    assert await running_model(pool, "card") == "card"
    assert await running_model(pool, "ours") == "ours"  # a model that the catalogue lacks
    await made("layered/home", age_s=1)
    assert await running_model(pool, "layered") == "layered/home"
