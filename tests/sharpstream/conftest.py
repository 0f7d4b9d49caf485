"""The fake service, once on the test's own loop and once on a thread for whole commands."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.sharpstream.client.service import FakeService, serving


@pytest.fixture
async def service() -> AsyncIterator[FakeService]:
    """The fake service on the test's loop."""
    async with serving() as running:
        yield running


@pytest.fixture
def beside() -> Iterator[FakeService]:
    """The fake service on its own thread, for tests that run the command in this process or another."""
    started, stop = threading.Event(), asyncio.Event()
    held: list[FakeService] = []
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        async with serving() as running:
            held.append(running)
            started.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    started.wait()
    try:
        yield held[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A file; the fake service does not read it."""
    path = tmp_path / "coffee.jpg"
    path.write_bytes(b"\xff\xd8 a photo \xff\xd9" * 10_000)
    return path
