"""Reads photos for the model, and gives what befalls the reader's workers as failed attempts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from bus.sandbox import pool
from inference_consumer import errors
from inference_consumer.models import Photo
from photo import workers


class PhotoReader:
    """`photo.workers.PhotoReader` for this role."""

    def __init__(self, raw: workers.PhotoReader) -> None:
        self._raw = raw

    async def decode(
        self, data: bytes, account_id: UUID, *, focal_px: float | None, focal_mm: float | None
    ) -> Photo:
        """Return the upright photo.

        Raises `PhotoError` or `FocalLengthError` of `photo.errors`; `PhotoReaderError` for a worker that died
        or exceeded the deadline: another attempt may succeed.
        """
        try:
            async with pool.shared(data) as photo:
                read = await self._raw.read(photo, account_id, focal_px=focal_px, focal_mm=focal_mm)
        except pool.MemoryLimitError as error:
            raise errors.PhotoTooComplexError(
                "The photo takes more memory to read than a photo may; save it again as an ordinary JPEG."
            ) from error
        except pool.DeadlineError as error:
            raise errors.PhotoReaderError(
                f"Reading the photo was given up: {error.message}", code=errors.PhotoTooComplexError.code
            ) from error
        except (pool.WorkerDiedError, pool.TaskRaisedError) as error:
            raise errors.PhotoReaderError(f"Reading the photo failed: {error.message}") from error
        return Photo(pixels=read.pixels, focal_px=read.focal_px, focal_source=read.focal_source)


@asynccontextmanager
async def opened(threads: int) -> AsyncIterator[PhotoReader]:
    """Start the workers for the body: ``threads`` for one account, twice that in all."""
    async with workers.opened(threads) as raw:
        yield PhotoReader(raw)
