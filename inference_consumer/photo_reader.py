"""Decodes photos in confined worker processes; the pixels come back in shared memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from uuid import UUID

import numpy as np

from bus.contract.limits import MAX_PHOTO_PIXELS
from bus.runtime.errors import SharpstreamError
from bus.sandbox import pool
from bus.sandbox.pool import Pool
from bus.sandbox.shared_bytes import shared
from inference_consumer import errors
from inference_consumer.models import Photo
from photo import errors as photo_errors
from photo.errors import PhotoError
from photo.tasks import Decoded
from photo.workers import CONFINEMENT, TASKS

_CHANNELS: Final = 3
_ERRORS: Final[dict[str, type[SharpstreamError]]] = {
    found.code: found
    for found in vars(photo_errors).values()
    if isinstance(found, type) and issubclass(found, PhotoError | photo_errors.FocalLengthError)
}


class PhotoReader:
    """`photo.reader.read`, run by ``workers``."""

    def __init__(self, workers: Pool) -> None:
        self._workers = workers

    async def decode(
        self, data: bytes, account_id: UUID, *, focal_px: float | None, focal_mm: float | None
    ) -> Photo:
        """Return the upright photo.

        Raises `PhotoError` or `FocalLengthError`; `PhotoReaderError` for a worker that died or exceeded the
        deadline: another attempt may succeed.
        """
        try:
            async with shared(data) as photo:
                found, pixels = await self._workers.call(
                    "decode",
                    account_id,
                    (photo,),
                    focal_px,
                    focal_mm,
                    returns=Decoded,
                    output_bytes=MAX_PHOTO_PIXELS * _CHANNELS,
                )
        except pool.TaskFailedError as error:
            kind = _ERRORS.get(error.code)
            if kind is None:  # a worker that was taken over may say anything
                raise PhotoError("The photo cannot be read.", code="photo_unreadable") from error
            failed = kind(error.message)
            failed.details.update(error.details)
            raise failed from error
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
        shape = (found.height, found.width, _CHANNELS)
        return Photo(
            pixels=np.frombuffer(pixels, np.uint8).reshape(shape),
            focal_px=found.focal_px,
            focal_source=found.focal_source,
        )


@asynccontextmanager
async def opened(threads: int) -> AsyncIterator[PhotoReader]:
    """Start the workers for the body: ``threads`` for one account, twice that in all."""
    async with pool.opened(Pool(TASKS, CONFINEMENT, each=threads)) as workers:
        yield PhotoReader(workers)
