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


async def test_metrics_say_whether_the_role_is_ready() -> None:
    port, ready = ports.choose(set()), True
    async with (
        HealthServer("127.0.0.1", port, lambda: ready),
        aiohttp.ClientSession() as http,
    ):
        for ready in (True, False):
            async with http.get(f"http://127.0.0.1:{port}/metrics") as answer:
                lines = (await answer.text()).splitlines()
            assert f"sharpstream_ready {float(ready)}" in lines
            assert any(line.startswith("sharpstream_received_bytes_total") for line in lines)
            assert any(line.startswith("process_resident_memory_bytes") for line in lines)
