"""The blob store as its backup sees it: every object with its size and version, as bytes in a stream."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bus.blobs import BlobStore, translated

KINDS: Final = ("originals/", "results/", "exports/", "uploads/")
"""The prefixes of all keys that this system writes."""
CHUNK_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Listed:
    """An object in a listing. ``etag`` changes with its content."""

    key: str
    bytes: int
    etag: str
    modified: datetime


class BlobCopies(BlobStore):
    """A blob store of which everything can be listed and read without a blob reference."""

    async def listing(self) -> AsyncIterator[list[Listed]]:
        """Yield all objects of this system, up to 1,000 at a time. Raises `BlobStoreError`."""
        for prefix in KINDS:
            async with translated(prefix):
                pages = self._client.get_paginator("list_objects_v2")
                async for page in pages.paginate(Bucket=self.bucket, Prefix=prefix):
                    yield [
                        Listed(
                            key=item["Key"],
                            bytes=item["Size"],
                            etag=item["ETag"],
                            modified=item["LastModified"],
                        )
                        for item in page.get("Contents", [])
                    ]

    async def download(self, key: str) -> tuple[str, AsyncIterator[bytes]]:
        """Return the object's media type and its bytes, which have to be read to their end.

        Raises `BlobMissingError` or `BlobStoreError`, also while the bytes are read.
        """
        async with translated(key):
            answer = await self._client.get_object(Bucket=self.bucket, Key=key)
        return answer["ContentType"], _chunks(key, answer["Body"])


async def _chunks(key: str, body: object) -> AsyncIterator[bytes]:
    async with translated(key), body as stream:  # type: ignore[attr-defined]  # aiobotocore has no types
        async for chunk in stream.content.iter_chunked(CHUNK_BYTES):
            yield chunk
