"""Runs retention in a process of its own, which says when it reaches a statement and then waits to be killed.

``python -m tests.gateway.retention.worker DATABASE_URL WORD``: stops behind the first such statement.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import asyncpg

from bus.contract.retention import Policy
from bus.testing import MemoryBlobs
from gateway.operations.blob_deletion import Removals
from gateway.retention.job import Retention
from gateway.retention.repository import Policies


async def main(url: str, word: str) -> None:
    """Work until the statement."""

    class Stopping(asyncpg.Connection):
        async def execute(self, query: str, *args: Any, timeout: float | None = None) -> str:
            done = await super().execute(query, *args, timeout=timeout)
            if word in query:
                sys.stdout.write("reached\n")
                sys.stdout.flush()
                await asyncio.sleep(3600)
            return done

    async with asyncpg.create_pool(url, min_size=1, max_size=1, connection_class=Stopping) as pool:
        policies = Policies(pool, Policy())
        await Retention(pool, policies, Removals(pool, MemoryBlobs())).work()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
