"""What the tests of retention share."""

from __future__ import annotations

import asyncpg
import pytest

from gateway.operations.blob_deletion import Removals
from gateway.settings import Settings


@pytest.fixture
async def settings(settings: Settings) -> Settings:
    """Leave the turn to another gateway: that at the start would do what a test has the job do."""
    connection = await asyncpg.connect(settings.database.url.get_secret_value())
    await connection.execute("INSERT INTO chores VALUES ('retention', now() + interval '1 hour')")
    await connection.close()
    return settings


@pytest.fixture
def removals_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let requested removals wait, so that a test can read them."""

    async def work(_self: Removals) -> int:
        return 0

    monkeypatch.setattr(Removals, "work", work)
