"""Bytes that workers read without a copy of their own: a memory file."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from bus.sandbox import wire

INLINE_BYTES: Final = 1024 * 1024
"""More than this is copied by a thread: 50 MB would stop the event loop for 20 ms."""


class SharedBytes:
    """Bytes in a memory file, for one or more calls. Made by `shared`."""

    def __init__(self, data: bytes) -> None:
        self.size = len(data)
        self.descriptor = wire.memory_file_of(data)

    def close(self) -> None:
        """Close it; a call that still runs has its own descriptor."""
        os.close(self.descriptor)


@asynccontextmanager
async def shared(data: bytes) -> AsyncIterator[SharedBytes]:
    """Share ``data`` for the body."""
    small = len(data) <= INLINE_BYTES
    made = SharedBytes(data) if small else await asyncio.to_thread(SharedBytes, data)
    try:
        yield made
    finally:
        made.close()
