"""A blob deletion process that blocks in its first removal, for tests that kill it."""

from __future__ import annotations

import asyncio
import sys
import time

import asyncpg

from bus.testing import MemoryBlobs
from gateway.operations.blob_deletion import Removals


class Stuck(MemoryBlobs):
    """Prints the key when `delete` is called, and never returns."""

    async def delete(self, key: str) -> None:
        print(key, flush=True)  # noqa: T201  (read by the test)
        time.sleep(3600)  # noqa: ASYNC251  (blocks the whole event loop)


async def main() -> None:
    async with asyncpg.create_pool(sys.argv[1], min_size=1, max_size=1) as pool:
        await Removals(pool, Stuck()).run()


if __name__ == "__main__":
    asyncio.run(main())
