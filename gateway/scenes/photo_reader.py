"""Reads photos in confined worker processes, and gives the errors of that their codes for callers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar
from uuid import UUID

import structlog

from bus.sandbox import pool
from bus.sandbox.pool import Pool, Result
from bus.sandbox.shared_bytes import shared
from gateway.errors import DomainError
from gateway.http.problems import PROBLEMS
from photo.reader import Facts
from photo.rendition import Pictures
from photo.workers import CONFINEMENT, TASKS

T = TypeVar("T")
log = structlog.stdlib.get_logger(__name__)


_PICTURE_BYTES: Final = 16 * 1024 * 1024
"""More than 1600 x 1600 and 480 x 480 pixels take, however they are encoded."""


class PhotoReader:
    """The functions of `photo.reader`, run by ``workers`` for one account at a time."""

    def __init__(self, workers: Pool) -> None:
        self._workers = workers

    async def check(
        self, photo: bytes, account_id: UUID, inspected: Callable[[Facts], None] = lambda _: None
    ) -> Facts:
        """Read to the last pixel; ``inspected`` gets the header's facts before that. Raises `DomainError`."""
        return (await self._called("check", photo, account_id, Facts, early=inspected)).value

    async def pictures(self, photo: bytes, account_id: UUID) -> Pictures:
        """Return the photo's rendition and thumbnail (`photo.rendition`). Raises `DomainError`."""
        made = await self._called("pictures", photo, account_id, int, output_bytes=_PICTURE_BYTES)
        data = bytes(made.data)
        return Pictures(data[: made.value], data[made.value :])

    async def link_picture(self, picture: bytes, suffix: str, account_id: UUID) -> bytes:
        """Return a picture of ours, smaller and as WebP or JPEG (`photo.rendition`). Raises `DomainError`."""
        made = await self._called(
            "link_picture", picture, account_id, Any, suffix, output_bytes=_PICTURE_BYTES
        )
        return bytes(made.data)

    async def _called(
        self, task: str, photo: bytes, account_id: UUID, returns: type[T], *given: object, **options: Any
    ) -> Result[T]:
        try:
            async with shared(photo) as file:
                try:
                    return await self._workers.call(
                        task, account_id, (file,), *given, returns=returns, **options
                    )
                except pool.WorkerDiedError:  # perhaps for another's sake: the machine ran out of memory
                    return await self._workers.call(
                        task, account_id, (file,), *given, returns=returns, **options
                    )
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
            log.warning("photo_reader_failed", error=error.message)
            raise DomainError(
                "photo_unreadable",
                "The photo makes its decoder fail; save it again as an ordinary JPEG, and send that.",
            ) from error


@asynccontextmanager
async def opened(threads: int, *, waited_for: bool = True) -> AsyncIterator[PhotoReader]:
    """Have workers for the body: ``threads`` for one account, twice that in all.

    ``waited_for``: people wait for an answer, so all of them are kept started; else each starts when a photo
    first needs it, in 0.3 s.
    """
    made = Pool(TASKS, CONFINEMENT, each=threads, ready=2 * threads if waited_for else None)
    async with pool.opened(made, warm=waited_for) as workers:
        yield PhotoReader(workers)
