"""A worker as a process that is frozen in the middle of its first removal, for tests that kill it."""

from __future__ import annotations

import asyncio
import sys
import time

import asyncpg

from bus.testing import MemoryBlobs
from gateway.operations.blob_deletion import Removals


class Stuck(MemoryBlobs):
    """Says when it is entered, and never comes back."""

    async def delete(self, key: str) -> None:
        print(key, flush=True)  # noqa: T201  (heard by the test)
        time.sleep(3600)  # noqa: ASYNC251  (the whole loop stands still)


async def main() -> None:
    async with asyncpg.create_pool(sys.argv[1], min_size=1, max_size=1) as pool:
        await Removals(pool, Stuck()).run()


if __name__ == "__main__":
    asyncio.run(main())
