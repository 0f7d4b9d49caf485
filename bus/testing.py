"""Fakes that ship with the package: real implementations in memory, for tests and benchmarks."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator

from bus.blobs import BlobCorruptError, BlobMissingError, Buffer
from bus.messages import BlobRef


class MemoryBlobs:
    """A blob store in a dictionary, with the errors of the real one."""

    def __init__(self) -> None:
        self.objects: dict[str, tuple[bytes, str]] = {}

    async def put(self, key: str, data: Buffer | AsyncIterator[bytes], media_type: str) -> BlobRef:
        """Store the bytes and return the claim check."""
        if isinstance(data, bytes | bytearray | memoryview):
            body = bytes(data)
        else:
            body = b"".join([chunk async for chunk in data])
        self.objects[key] = (body, media_type)
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
        """Return a URL of the right shape that leads nowhere."""
        return f"memory:///{key}" + (f"?filename={filename}" if filename else "")

    async def delete(self, key: str) -> None:
        """Remove the object; a missing one is fine."""
        self.objects.pop(key, None)
