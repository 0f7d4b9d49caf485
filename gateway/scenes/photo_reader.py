"""Reads photos in confined worker processes, and gives the errors of that their codes for callers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final, TypeVar
from uuid import UUID

import structlog

from bus.sandbox import pool
from bus.sandbox.confinement import Confinement
from bus.sandbox.pool import Pool, Result, SharedBytes
from gateway.errors import DomainError
from gateway.http.problems import PROBLEMS
from photo.reader import Facts

T = TypeVar("T")
log = structlog.stdlib.get_logger(__name__)

TASKS: Final = "photo.tasks"
CONFINEMENT: Final = Confinement(address_space_bytes=1024**3, threads=True)  # libheif starts one a picture

_RENDITION_BYTES: Final = 16 * 1024 * 1024
"""More than 1600 x 1600 pixels take, however they are encoded."""


class PhotoReader:
    """The functions of `photo.reader`, run by ``workers`` for one account at a time."""

    def __init__(self, workers: Pool) -> None:
        self._workers = workers

    async def inspect(self, photo: SharedBytes, account_id: UUID) -> Facts:
        """Read the header only. Raises `DomainError`."""
        return await self._read("inspect", photo, account_id, returns=Facts)

    async def verify(self, photo: SharedBytes, account_id: UUID) -> None:
        """Read to the last pixel. Raises `DomainError`."""
        await self._read("verify", photo, account_id, returns=Any)

    async def rendition(self, photo: SharedBytes, account_id: UUID) -> bytes:
        """Return the photo's rendition (`photo.rendition`). Raises `DomainError`."""
        return bytes((await self._called("rendition", photo, account_id, Any, _RENDITION_BYTES)).data)

    async def _read(self, task: str, photo: SharedBytes, account_id: UUID, *, returns: type[T]) -> T:
        return (await self._called(task, photo, account_id, returns)).value

    async def _called(
        self, task: str, photo: SharedBytes, account_id: UUID, returns: type[T], output_bytes: int = 0
    ) -> Result[T]:
        try:
            return await self._tried(task, photo, account_id, returns, output_bytes)
        except pool.TaskFailedError as error:
            known = error.code in PROBLEMS  # a worker that was taken over may say anything
            failed = DomainError(error.code if known else "photo_unreadable", error.message)
            failed.details.update(error.details)
            raise failed from error
        except (pool.DeadlineError, pool.MemoryLimitError) as error:
            raise DomainError(
                "photo_too_complex",
                "The photo takes more time or memory to read than a photo may; save it again as an ordinary"
                " JPEG, and send that.",
            ) from error
        except (pool.WorkerDiedError, pool.TaskRaisedError) as error:
            log.warning("photo_reader_failed", task=task, error=error.message)
            raise DomainError(
                "photo_unreadable",
                "The photo makes its decoder fail; save it again as an ordinary JPEG, and send that.",
            ) from error

    async def _tried(
        self, task: str, photo: SharedBytes, account_id: UUID, returns: type[T], output_bytes: int
    ) -> Result[T]:
        call = partial(
            self._workers.call, task, account_id, (photo,), returns=returns, output_bytes=output_bytes
        )
        try:
            return await call()
        except pool.WorkerDiedError:  # perhaps for another's sake: the machine ran out of memory
            return await call()


@asynccontextmanager
async def opened(threads: int) -> AsyncIterator[PhotoReader]:
    """Start the workers for the body: ``threads`` for one account, twice that in all."""
    async with pool.opened(Pool(TASKS, CONFINEMENT, each=threads)) as workers:
        yield PhotoReader(workers)
