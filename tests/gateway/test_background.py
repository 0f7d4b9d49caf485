"""Background work that ends, which it never should, ends the gateway's process."""

from __future__ import annotations

import asyncio

import pytest

from bus.runtime.process import _innermost
from bus.runtime.settings import RoleSettings
from gateway import serving
from gateway.settings import Settings
from gateway.streaming.supervisor import StreamSupervisor

pytestmark = pytest.mark.stack


@pytest.mark.parametrize("raised", [KeyError("what was not thought of"), None], ids=["error", "return"])
async def test_the_process_ends_with_its_background_work(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, raised: Exception | None
) -> None:
    async def run(_: StreamSupervisor) -> None:
        if raised:
            raise raised

    monkeypatch.setattr(StreamSupervisor, "run", run)
    monkeypatch.setattr(settings.gateway, "port", 0)
    async with asyncio.timeout(60):
        with pytest.raises(Exception) as found:  # noqa: PT011  (Litestar's lifespan wraps it in a group)
            await serving.serve(settings, RoleSettings(health_port=0))
    assert isinstance(_innermost(found.value), type(raised) if raised else serving.BackgroundEndedError)
