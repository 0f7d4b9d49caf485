"""Copies the store's objects into a backup's folder and back. No object is ever held in memory whole."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Final, TypeVar
from uuid import UUID

import msgspec

from bus.blob_copies import CHUNK_BYTES, BlobCopies, Listed
from bus.blobs import BlobMissingError
from ledger.backup.errors import BackupDamagedError
from ledger.backup.folder import Folder, StoredObject

T = TypeVar("T")
AT_ONCE: Final = 8
Copied = Callable[[int], None]
"""Called with the size of each object that was copied."""
Owners = Callable[[list[str]], Awaitable[dict[str, UUID]]]
"""Returns the accounts that own the objects of these keys, where they are known."""


class Previous:
    """An earlier backup; an object that has not changed since becomes a link to its file there.

    Raises `BackupError` unless it is finished and whole.
    """

    def __init__(self, root: Path) -> None:
        self._folder = Folder(root)
        self._folder.read()
        self._known = {each.key: each for each in self._folder.objects()}

    def link(self, found: Listed, to: Path) -> StoredObject | None:
        """Return the object, now in both folders; None where it is another one or on another disk."""
        known = self._known.get(found.key)
        if known is None or (known.etag, known.bytes) != (found.etag, found.bytes):
            return None
        try:
            os.link(self._folder.object_path(known.key), to)
        except OSError:
            return None
        return known


async def save(store: BlobCopies, folder: Folder, previous: Previous | None, copied: Copied) -> None:
    """Write all objects and their listing."""
    with folder.listing.open("xb") as listing:

        async def one(found: Listed) -> None:
            to = folder.object_path(found.key)
            to.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            stored = previous.link(found, to) if previous else None
            stored = stored or await _save(store, found, to)
            if stored is not None:
                listing.write(msgspec.json.encode(stored) + b"\n")
                copied(stored.bytes)

        async for page in store.listing():
            await _each(page, one)


async def _save(store: BlobCopies, found: Listed, to: Path) -> StoredObject | None:
    """Return the object that was written; None if it is gone by now, as an upload that was used is."""
    digest, size = hashlib.sha256(), 0
    try:
        media_type, chunks = await store.download(found.key)
    except BlobMissingError:
        return None
    with to.open("xb") as file:
        async for chunk in chunks:
            digest.update(chunk)
            size += len(chunk)
            file.write(chunk)
    return StoredObject(
        key=found.key, bytes=size, etag=found.etag, sha256=digest.hexdigest(), media_type=media_type
    )


async def put_back(store: BlobCopies, folder: Folder, owners: Owners, copied: Copied) -> int:
    """Put all objects that the store lacks; return how many it had already. Raises `BackupDamagedError`.

    ``owners``: an account may have an encryption key of its own.
    """
    there = {each.key: each.bytes async for page in store.listing() for each in page}
    kept = 0

    async def some(page: list[StoredObject]) -> None:
        of = await owners([stored.key for stored in page])

        async def one(stored: StoredObject) -> None:
            nonlocal kept
            if there.get(stored.key) == stored.bytes:
                kept += 1
            else:
                await _put(store, folder, stored, of.get(stored.key))
            copied(stored.bytes)

        await _each(page, one)

    page: list[StoredObject] = []
    for stored in folder.objects():
        page.append(stored)
        if len(page) == 1000:
            await some(page)
            page = []
    await some(page)
    return kept


async def _put(store: BlobCopies, folder: Folder, stored: StoredObject, owner: UUID | None) -> None:
    path = folder.object_path(stored.key)
    if not path.is_file():
        raise BackupDamagedError(f"{path} is missing: put back a whole copy of the backup.")
    async with aclosing(_chunks(path)) as chunks:
        put = await store.put(stored.key, chunks, stored.media_type, owner=owner)
    if (put.sha256, put.bytes) != (stored.sha256, stored.bytes):
        await store.delete(stored.key)
        raise BackupDamagedError(f"{path} is not what was backed up: put back a whole copy of the backup.")


async def _chunks(path: Path) -> AsyncGenerator[bytes, None]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


async def _each(items: list[T], work: Callable[[T], Awaitable[None]]) -> None:
    """Do the work for all, a few at once; the first error stops the others and is raised as itself."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(item: T) -> None:
        async with gate:
            await work(item)

    tasks = [asyncio.ensure_future(one(item)) for item in items]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
