from __future__ import annotations

import aiohttp
import pytest

from bus.runtime.health import HealthServer
from sharpstream.stack import ports


@pytest.mark.parametrize(
    ("ready", "note", "status", "said"),
    [
        (True, None, 200, {"status": "ready"}),
        (False, None, 503, {"status": "starting"}),
        (True, "half of it", 200, {"status": "ready", "note": "half of it"}),
    ],
)
async def test_readiness_with_a_note_for_people(
    ready: bool, note: str | None, status: int, said: dict[str, str]
) -> None:
    port = ports.choose(set())
    async with (
        HealthServer("127.0.0.1", port, lambda: ready, lambda: note),
        aiohttp.ClientSession() as http,
        http.get(f"http://127.0.0.1:{port}/health/ready") as answer,
    ):
        assert (answer.status, await answer.json()) == (status, said)
