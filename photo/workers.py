"""Reads photos in confined worker processes, shared among accounts; pixels come back in shared memory.

The roles call `PhotoReader` alone, so that where photos are decoded is decided here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar
from uuid import UUID

import numpy as np

from bus.contract.limits import MAX_PHOTO_PIXELS
from bus.runtime.errors import PermanentError
from bus.sandbox import pool
from bus.sandbox.confinement import Confinement
from bus.sandbox.pool import Pool, Result, SharedBytes
from photo import errors
from photo.reader import Facts, Picture
from photo.tasks import Decoded

T = TypeVar("T")

TASKS: Final = "photo.tasks"
CONFINEMENT: Final = Confinement(address_space_bytes=1024**3, threads=True)  # libheif starts one a picture
RENDITION_BYTES: Final = 16 * 1024**2
"""More than WebP makes of 1600 x 1600 pixels of noise."""
_CHANNELS: Final = 3
_ERRORS: Final[dict[str, type[PermanentError]]] = {
    found.code: found
    for found in vars(errors).values()
    if isinstance(found, type) and issubclass(found, errors.PhotoError | errors.FocalLengthError)
}


class PhotoReader:
    """The functions of `photo.reader`, run by ``workers`` for one account at a time.

    All raise `PhotoError` or `FocalLengthError`, the verdict on the photo, and the errors of `Pool.call` for
    a worker that died, or exceeded its time or memory.
    """

    def __init__(self, workers: Pool) -> None:
        self._workers = workers

    async def inspect(self, photo: SharedBytes, account_id: UUID) -> Facts:
        """Return the facts, from the header alone."""
        return (await self._call("inspect", account_id, photo, returns=Facts)).value

    async def verify(self, photo: SharedBytes, account_id: UUID) -> None:
        """Read to the last pixel."""
        await self._call("verify", account_id, photo, returns=Any)

    async def read(
        self, photo: SharedBytes, account_id: UUID, *, focal_px: float | None, focal_mm: float | None
    ) -> Picture:
        """Return the photo for a model; its pixels are read-only."""
        most = MAX_PHOTO_PIXELS * _CHANNELS
        made = await self._call(
            "read", account_id, photo, [focal_px, focal_mm], returns=Decoded, output_bytes=most
        )
        found, pixels = made
        return Picture(
            np.frombuffer(pixels, np.uint8).reshape(found.height, found.width, _CHANNELS),
            found.facts,
            found.focal_px,
            found.focal_source,
        )

    async def rendition(self, photo: SharedBytes, account_id: UUID) -> bytes:
        """Return the file for eyes (`photo.rendition`)."""
        made = await self._call("rendition", account_id, photo, returns=Any, output_bytes=RENDITION_BYTES)
        return bytes(made.data)

    async def _call(
        self,
        task: str,
        account_id: UUID,
        photo: SharedBytes,
        arguments: Sequence[Any] = (),
        *,
        returns: type[T],
        output_bytes: int = 0,
    ) -> Result[T]:
        try:
            return await self._workers.call(
                task, account_id, (photo,), *arguments, returns=returns, output_bytes=output_bytes
            )
        except pool.TaskFailedError as error:
            kind = _ERRORS.get(error.code)
            if kind is None:  # a worker that was taken over may say anything
                raise errors.PhotoError("The photo cannot be read.", code="photo_unreadable") from error
            failed = kind(error.message)
            failed.details.update(error.details)
            raise failed from error


@asynccontextmanager
async def opened(threads: int) -> AsyncIterator[PhotoReader]:
    """Start the workers for the body: ``threads`` for one account, twice that in all."""
    async with pool.opened(Pool(TASKS, CONFINEMENT, each=threads)) as workers:
        yield PhotoReader(workers)
