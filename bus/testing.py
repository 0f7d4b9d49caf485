"""In-memory implementations that ship with the package, for tests and benchmarks."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import UUID

from bus.blob_bytes import Buffer
from bus.blobs import BlobCorruptError, BlobMissingError, BlobStoreError
from bus.contract.blob_ref import BlobRef


class MemoryBlobs:
    """A blob store in a dictionary, which raises the errors of `BlobStore`."""

    def __init__(self) -> None:
        self.objects: dict[str, tuple[bytes, str]] = {}
        self.owners: dict[str, UUID | None] = {}
        """The account named for each object, whose key would encrypt it."""
        self.written: dict[str, datetime] = {}
        """The times when objects were written; without one it is now."""

    async def put(
        self, key: str, data: Buffer | AsyncIterator[bytes], media_type: str, *, owner: UUID | None = None
    ) -> BlobRef:
        """Store the bytes and return the blob reference."""
        if isinstance(data, bytes | bytearray | memoryview):
            body = bytes(data)
        else:
            body = b"".join([chunk async for chunk in data])
        self.objects[key] = (body, media_type)
        self.owners[key] = owner
        digest = hashlib.sha256(body).hexdigest()
        return BlobRef(key=key, sha256=digest, bytes=len(body), media_type=media_type)

    async def get(self, ref: BlobRef) -> bytes:
        """Return the bytes. Raises `BlobMissingError` or `BlobCorruptError`."""
        if ref.key not in self.objects:
            raise BlobMissingError(f"The object {ref.key} is not in the store.", key=ref.key)
        body, _ = self.objects[ref.key]
        if hashlib.sha256(body).hexdigest() != ref.sha256:
            raise BlobCorruptError(
                f"The object {ref.key} is not what was stored; upload it again.", key=ref.key
            )
        return body

    async def presign(self, key: str, *, filename: str | None = None) -> str:
        """Return a URL in the right format that cannot be opened."""
        return f"memory:///{key}" + (f"?filename={filename}" if filename else "")

    async def presign_put(self, key: str, *, size: int, media_type: str, seconds: int) -> str:
        """Return a URL in the right format that cannot be opened."""
        return f"memory:///{key}?bytes={size}&type={media_type}&seconds={seconds}"

    async def read(self, key: str, *, most: int) -> tuple[bytes, str]:
        """Return the bytes and their digest. Raises `BlobMissingError`."""
        if key not in self.objects:
            raise BlobMissingError(f"The object {key} is not in the store.", key=key)
        body, _ = self.objects[key]
        return body[: most + 1], hashlib.sha256(body).hexdigest()

    async def stream(self, key: str) -> AsyncIterator[bytes]:
        """Yield the bytes. Raises `BlobMissingError`."""
        yield (await self.read(key, most=len(self.objects.get(key, (b"", ""))[0])))[0]

    async def copy(
        self, key: str, to: str, *, version: str, media_type: str, owner: UUID | None = None
    ) -> None:
        """Copy the object as this type. Raises `BlobStoreError` where it was changed."""
        body, _ = self.objects[key]
        if hashlib.sha256(body).hexdigest() != version:
            raise BlobStoreError(f"The object {key} was changed.", key=key)
        self.objects[to] = (body, media_type)
        self.owners[to] = owner

    async def delete(self, key: str) -> None:
        """Remove the object; a missing one is fine."""
        self.objects.pop(key, None)

    async def pages(self, prefix: str) -> AsyncIterator[list[tuple[str, datetime]]]:
        """Yield the keys below ``prefix`` and when they were written: all of them, just now."""
        yield [(key, self.written.get(key, datetime.now(UTC))) for key in await self.keys(prefix)]

    async def keys(self, prefix: str) -> list[str]:
        """Return the keys of all objects below ``prefix``, in order."""
        return sorted(key for key in self.objects if key.startswith(prefix))
