"""Reads photos in confined worker processes, and gives the errors of that their codes for callers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar
from uuid import UUID

import structlog

from bus.sandbox import pool
from bus.sandbox.confinement import Confinement
from bus.sandbox.pool import Pool, SharedBytes
from gateway.errors import DomainError
from gateway.http.problems import PROBLEMS
from gateway.scenes.photo_check import PhotoFacts

T = TypeVar("T")
log = structlog.stdlib.get_logger(__name__)

TASKS: Final = "gateway.scenes.photo_tasks"
CONFINEMENT: Final = Confinement(address_space_bytes=1024**3, threads=True)  # libheif starts one a picture


class PhotoReader:
    """The functions of `gateway.scenes.photo_check`, run by ``workers`` for one account at a time."""

    def __init__(self, workers: Pool) -> None:
        self._workers = workers

    async def inspect(self, photo: SharedBytes, account_id: UUID) -> PhotoFacts:
        """Read the header only. Raises `DomainError`."""
        return await self._read("inspect", photo, account_id, returns=PhotoFacts)

    async def verify(self, photo: SharedBytes, account_id: UUID) -> None:
        """Read to the last pixel. Raises `DomainError`."""
        await self._read("verify", photo, account_id, returns=Any)

    async def _read(self, task: str, photo: SharedBytes, account_id: UUID, *, returns: type[T]) -> T:
        try:
            try:
                return (await self._workers.call(task, account_id, (photo,), returns=returns)).value
            except pool.WorkerDiedError:  # perhaps for another's sake: the machine ran out of memory
                return (await self._workers.call(task, account_id, (photo,), returns=returns)).value
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


@asynccontextmanager
async def opened(threads: int) -> AsyncIterator[PhotoReader]:
    """Start the workers for the body: ``threads`` for one account, twice that in all."""
    async with pool.opened(Pool(TASKS, CONFINEMENT, each=threads)) as workers:
        yield PhotoReader(workers)
