"""The bytes of an object on their way to the store: their hash, and the parts of a streamed upload."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import Final, TypeAlias

PART_BYTES: Final = 8 * 1024 * 1024
"""Size of one part of a streamed upload; S3 wants at least 5 MiB."""
PIECE_BYTES: Final = 256 * 1024
"""What is held at once of an object that is passed on."""

Buffer: TypeAlias = bytes | bytearray | memoryview


async def sha256_of(data: Buffer) -> str:
    """Hash off the loop above 1 MiB: 66 MB take about 40 ms even with SHA instructions."""
    if memoryview(data).nbytes <= 1024 * 1024:
        return hashlib.sha256(data).hexdigest()
    return await asyncio.to_thread(lambda: hashlib.sha256(data).hexdigest())


async def parts_of(data: AsyncIterator[bytes]) -> AsyncIterator[tuple[bytes, bool]]:
    """Regroup a stream into parts of `PART_BYTES`; the flag marks the last, possibly empty one."""
    buffer = bytearray()
    async for chunk in data:
        buffer += chunk
        while len(buffer) > PART_BYTES:
            yield bytes(buffer[:PART_BYTES]), False
            del buffer[:PART_BYTES]
    yield bytes(buffer), True
