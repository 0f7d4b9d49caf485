"""What the tests of retention share."""

from __future__ import annotations

import pytest

from gateway.operations.blob_deletion import Removals


@pytest.fixture
def removals_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let requested removals wait, so that a test can read them."""

    async def work(_self: Removals) -> int:
        return 0

    monkeypatch.setattr(Removals, "work", work)
