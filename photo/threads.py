"""Reads photos away from the event loop, on threads of this process.

The roles call `PhotoReader` alone, so that where photos are decoded is decided here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from photo import reader
from photo.reader import Facts, Picture
from photo.rendition import encode
from photo.turns import Pixels

T = TypeVar("T")


class PhotoReader:
    """Reads up to ``threads`` photos at once; the others wait. Closed by `close`."""

    def __init__(self, threads: int) -> None:
        reader.prepare()
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="photo")

    async def inspect(self, data: bytes) -> Facts:
        """Return the facts (`photo.reader.inspect`). Raises `PhotoError`."""
        return await self._on(partial(reader.inspect, data))

    async def verify(self, data: bytes) -> None:
        """Read to the last pixel (`photo.reader.verify`). Raises `PhotoError`."""
        await self._on(partial(reader.verify, data))

    async def read(self, data: bytes, *, focal_px: float | None, focal_mm: float | None) -> Picture:
        """Return the photo for a model (`photo.reader.read`). Raises `PhotoError` or `FocalLengthError`."""
        return await self._on(partial(reader.read, data, focal_px=focal_px, focal_mm=focal_mm))

    async def rendition(self, data: bytes) -> bytes:
        """Return the rendition of a photo (`photo.rendition`). Raises `PhotoError`."""
        return await self._on(partial(reader.rendition_of, data))

    async def rendition_of(self, pixels: Pixels) -> bytes:
        """Return the rendition of pixels that were read."""
        return await self._on(partial(encode, pixels))

    def close(self) -> None:
        """Give up the waiting calls; running ones end by themselves."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _on(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)
