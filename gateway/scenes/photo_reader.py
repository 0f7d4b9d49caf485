"""Reads photos, and gives what the reader says and what befalls its workers as errors of the domain."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, TypeVar
from uuid import UUID

import structlog

from bus.sandbox import pool
from bus.sandbox.pool import SharedBytes
from gateway.errors import DomainError
from gateway.scenes.photo_errors import refused
from photo import workers
from photo.errors import PhotoError
from photo.reader import Facts

T = TypeVar("T")
log = structlog.stdlib.get_logger(__name__)

AS_JPEG: Final = "save it again as an ordinary JPEG, and send that."


class PhotoReader:
    """The checks of a photo that is sent. ``raw`` raises the reader's own errors."""

    def __init__(self, raw: workers.PhotoReader) -> None:
        self.raw = raw

    async def inspect(self, photo: SharedBytes, account_id: UUID) -> Facts:
        """Return the facts, from the header alone. Raises `DomainError`."""
        return await self._read(lambda: self.raw.inspect(photo, account_id))

    async def verify(self, photo: SharedBytes, account_id: UUID) -> None:
        """Read to the last pixel. Raises `DomainError`."""
        await self._read(lambda: self.raw.verify(photo, account_id))

    async def _read(self, call: Callable[[], Awaitable[T]]) -> T:
        try:
            try:
                return await call()
            except pool.WorkerDiedError:  # perhaps for another's sake: the machine ran out of memory
                return await call()
        except PhotoError as error:
            raise refused(error) from error
        except (pool.DeadlineError, pool.MemoryLimitError) as error:
            raise DomainError(
                "photo_too_complex",
                f"The photo takes more time or memory to read than a photo may; {AS_JPEG}",
            ) from error
        except (pool.WorkerDiedError, pool.TaskRaisedError) as error:
            log.warning("photo_reader_failed", error=error.message)
            raise DomainError("photo_unreadable", f"The photo makes its decoder fail; {AS_JPEG}") from error


@asynccontextmanager
async def opened(threads: int) -> AsyncIterator[PhotoReader]:
    """Start the workers for the body: ``threads`` for one account, twice that in all."""
    async with workers.opened(threads) as raw:
        yield PhotoReader(raw)
