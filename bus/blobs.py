"""The blob store: photos and splats are stored in S3, messages carry a blob reference (`BlobRef`).

Works with AWS and with every server that supports SigV4. Each object has a key of its own and must not be
overwritten: a process resumed after a pause (stale owner) must not replace the current owner's result.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from typing import Any, Final, Protocol, Self
from uuid import UUID

import aiohttp
from botocore.exceptions import BotoCoreError, ClientError

from bus import presign, store_client, store_tls
from bus.blob_bytes import PIECE_BYTES, Buffer, parts_of, sha256_of
from bus.blob_calls import DirectCalls
from bus.contract.blob_ref import BlobRef
from bus.runtime import tls
from bus.runtime.errors import ConfigurationError, PermanentError, SharpstreamError, TransientError
from bus.runtime.settings import S3Settings, load
from bus.store_encryption import Encryption

_PLAIN: Final = frozenset({"Bucket", "Key", "ContentType"})
"""What is said of a new object for which no encryption is stated."""
_MISSING: Final = frozenset({"NoSuchKey", "404", "NotFound"})


class BlobMissingError(PermanentError):
    """The object that a message refers to does not exist (any more)."""

    code = "blob_missing"


class BlobCorruptError(PermanentError):
    """The object's bytes do not match the blob reference."""

    code = "blob_corrupt"


class BlobStoreError(TransientError):
    """The object store cannot be reached or refuses requests for now."""

    code = "blob_store_unavailable"


class Blobs(Protocol):
    """The interface of a blob store; `BlobStore` is S3, `bus.testing.MemoryBlobs` is memory."""

    async def put(
        self, key: str, data: Buffer | AsyncIterator[bytes], media_type: str, *, owner: UUID | None = None
    ) -> BlobRef:
        """Store the bytes under ``key`` and return the blob reference; ``owner``: the account."""
        ...

    async def get(self, ref: BlobRef) -> bytes:
        """Return the bytes, checked against the blob reference."""
        ...

    async def presign(self, key: str, *, filename: str | None = None) -> str:
        """Return a URL that gives read access to the object for the configured time."""
        ...

    async def presign_put(self, key: str, *, size: int, media_type: str, seconds: int) -> str:
        """Return a URL that takes one PUT of exactly ``size`` bytes of this type."""
        ...

    async def read(self, key: str, *, most: int) -> tuple[bytes, str]:
        """Return up to ``most`` + 1 bytes of an object without a blob reference, and its version."""
        ...

    def stream(self, key: str) -> AsyncIterator[bytes]:
        """Yield the bytes of an object in pieces, unchecked."""
        ...

    async def copy(
        self, key: str, to: str, *, version: str, media_type: str, owner: UUID | None = None
    ) -> None:
        """Copy an object within the store as this type, unless it was changed since it was read."""
        ...

    async def delete(self, key: str) -> None:
        """Remove the object; a missing one is fine."""
        ...

    async def keys(self, prefix: str) -> list[str]:
        """Return the keys of the objects below ``prefix``."""
        ...

    def pages(self, prefix: str) -> AsyncIterator[list[tuple[str, datetime]]]:
        """Yield the keys below ``prefix`` with the time when each was written, up to 1,000 a page."""
        ...


class BlobStore:
    """S3 through aioboto3. Use as an async context manager; one connection pool a process."""

    def __init__(self, settings: S3Settings, *, max_connections: int = 64) -> None:
        self._settings, self._max_connections = settings, max_connections
        self._encryption = Encryption(settings)
        self._stack = AsyncExitStack()
        self._client: Any = None
        self._public: Any = None
        self._direct: DirectCalls

    @property
    def bucket(self) -> str:
        """The bucket's name."""
        return self._settings.bucket

    async def __aenter__(self) -> Self:
        endpoint = self._settings.endpoint_url
        await store_tls.require(self._settings)
        self._client, session = await self._connect(endpoint)
        self._direct = await self._stack.enter_async_context(
            DirectCalls(self._client, session, self._settings, max_connections=self._max_connections)
        )
        public = self._settings.public_endpoint_url
        other = public if public != endpoint else None
        self._public = (await self._connect(other))[0] if other else self._client
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stack.aclose()

    async def _connect(self, endpoint: str | None) -> tuple[Any, Any]:
        most = self._max_connections
        return await store_client.connect(self._settings, endpoint, self._stack, max_connections=most)

    async def put(
        self, key: str, data: Buffer | AsyncIterator[bytes], media_type: str, *, owner: UUID | None = None
    ) -> BlobRef:
        """Store bytes or a stream; a stream over 8 MiB goes up in parts and is never held whole.

        Raises `BlobStoreError`; then nothing is stored under ``key``.
        """
        if isinstance(data, bytes | bytearray | memoryview):
            digest, new = await sha256_of(data), self._new(key, media_type, owner)
            if new.keys() > _PLAIN or not await self._direct.put(key, data, digest, media_type):
                async with translated(key):
                    await self._put_object(new, data)
            return BlobRef(key=key, sha256=digest, bytes=memoryview(data).nbytes, media_type=media_type)
        return await self._put_stream(key, data, media_type, owner)

    async def _put_object(self, new: dict[str, Any], data: Buffer) -> None:
        # As a file, which aiohttp writes in pieces, unlike raw bytes. BytesIO does not copy bytes.
        body = io.BytesIO(data)
        await self._client.put_object(Body=body, **new)

    def _new(self, key: str, media_type: str, owner: UUID | None) -> dict[str, Any]:
        stated = {"Bucket": self.bucket, "Key": key, "ContentType": media_type}
        return stated | self._encryption.of(owner)

    async def _put_stream(
        self, key: str, data: AsyncIterator[bytes], media_type: str, owner: UUID | None
    ) -> BlobRef:
        digest, size, upload, new = hashlib.sha256(), 0, None, self._new(key, media_type, owner)
        done: list[dict[str, Any]] = []
        async with translated(key):
            try:
                async for part, last in parts_of(data):
                    digest.update(part)
                    size += len(part)
                    if last and upload is None:
                        await self._put_object(new, part)
                        break
                    if upload is None:
                        upload = await self._client.create_multipart_upload(**new)
                    done.append(await self._upload_part(key, upload["UploadId"], len(done) + 1, part))
                if upload is not None:
                    where = {"Bucket": self.bucket, "Key": key, "UploadId": upload["UploadId"]}
                    await self._client.complete_multipart_upload(**where, MultipartUpload={"Parts": done})
            except BaseException:
                if upload is not None:
                    await self._client.abort_multipart_upload(
                        Bucket=self.bucket, Key=key, UploadId=upload["UploadId"]
                    )
                raise
        return BlobRef(key=key, sha256=digest.hexdigest(), bytes=size, media_type=media_type)

    async def _upload_part(self, key: str, upload_id: str, number: int, part: bytes) -> dict[str, Any]:
        answer = await self._client.upload_part(
            Bucket=self.bucket, Key=key, UploadId=upload_id, PartNumber=number, Body=io.BytesIO(part)
        )
        return {"ETag": answer["ETag"], "PartNumber": number}

    async def get(self, ref: BlobRef) -> bytes:
        """Return the object's bytes.

        Raises `BlobMissingError`, `BlobCorruptError` (size or sha256 differ) or `BlobStoreError`.
        """
        data = await self._direct.get(ref.key)
        if data is None:
            async with translated(ref.key):
                answer = await self._client.get_object(Bucket=self.bucket, Key=ref.key)
                async with answer["Body"] as body:
                    data = bytes(await body.read())
        if len(data) != ref.bytes or await sha256_of(data) != ref.sha256:
            raise BlobCorruptError(
                f"The object {ref.key} is not what was stored; upload it again.", key=ref.key
            )
        return data

    async def presign(self, key: str, *, filename: str | None = None) -> str:
        """Return a GET URL on the public endpoint, valid for ``S3_PRESIGN_SECONDS`` at least.

        It is the same for half an hour (`bus.presign`), and browsers may keep the object as long.
        """
        seconds = self._settings.presign_seconds
        params = {"Bucket": self.bucket, "Key": key, "ResponseCacheControl": presign.cache_control(seconds)}
        if filename is not None:
            params["ResponseContentDisposition"] = presign.disposition(filename)
        url: str = await self._public.generate_presigned_url("get_object", Params=params, ExpiresIn=seconds)
        return url

    async def presign_put(self, key: str, *, size: int, media_type: str, seconds: int) -> str:
        """Return a URL that takes one PUT of exactly ``size`` bytes of this type: both are signed.

        Encryption at rest is not: the bucket's default is used, until `copy` gives the object its place.
        """
        params = {"Bucket": self.bucket, "Key": key, "ContentLength": size, "ContentType": media_type}
        url: str = await self._public.generate_presigned_url("put_object", Params=params, ExpiresIn=seconds)
        return url

    async def read(self, key: str, *, most: int) -> tuple[bytes, str]:
        """Return up to ``most`` + 1 bytes of an object that is not verified yet, and its version.

        Raises `BlobMissingError` or `BlobStoreError`.
        """
        async with translated(key):
            answer = await self._client.get_object(Bucket=self.bucket, Key=key, Range=f"bytes=0-{most}")
            async with answer["Body"] as body:
                return await body.read(), answer["ETag"]

    async def stream(self, key: str) -> AsyncIterator[bytes]:
        """Yield an object's bytes in pieces, unchecked. Raises `BlobMissingError` or `BlobStoreError`."""
        async with translated(key):
            answer = await self._client.get_object(Bucket=self.bucket, Key=key)
            async with (body := answer["Body"]):
                async for piece in body.iter_chunks(PIECE_BYTES):
                    yield piece

    async def copy(
        self, key: str, to: str, *, version: str, media_type: str, owner: UUID | None = None
    ) -> None:
        """Copy an object within the store as this type, unless it was changed since it was read.

        Raises `BlobMissingError` or `BlobStoreError`.
        """
        source = {"Bucket": self.bucket, "Key": key}
        async with translated(key):
            await self._client.copy_object(
                CopySource=source,
                CopySourceIfMatch=version,
                MetadataDirective="REPLACE",  # or the type stays what the uploader said
                **self._new(to, media_type, owner),
            )

    async def delete(self, key: str) -> None:
        """Remove the object; a missing one is fine. Raises `BlobStoreError`."""
        async with translated(key):
            await self._client.delete_object(Bucket=self.bucket, Key=key)

    async def keys(self, prefix: str) -> list[str]:
        """Return the keys of all objects below ``prefix``, in order. Raises `BlobStoreError`."""
        async with translated(prefix):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
            return [item["Key"] async for page in pages for item in page.get("Contents", [])]

    async def pages(self, prefix: str) -> AsyncIterator[list[tuple[str, datetime]]]:
        """Yield the keys below ``prefix`` with the time when each was written. Raises `BlobStoreError`."""
        async with translated(prefix):
            paginator = self._client.get_paginator("list_objects_v2")
            async for page in paginator.paginate(Bucket=self.bucket, Prefix=prefix):
                yield [(item["Key"], item["LastModified"]) for item in page.get("Contents", [])]

    async def check(self) -> None:
        """Raise `BlobStoreError` unless the bucket answers."""
        async with translated(self.bucket):
            await self._client.head_bucket(Bucket=self.bucket)

    async def create_bucket(self) -> None:
        """Create the bucket unless it exists."""
        async with translated(self.bucket):
            try:
                await self._client.create_bucket(Bucket=self.bucket)
            except ClientError as error:
                if error.response["Error"]["Code"] not in {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}:
                    raise


@asynccontextmanager
async def translated(key: str) -> AsyncIterator[None]:
    """Convert botocore's errors into ours, whose class decides between retry and dead letter."""
    try:
        yield
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in _MISSING:
            raise BlobMissingError(f"The object {key} is not in the store.", key=key) from error
        raise BlobStoreError(f"The object store refused: {error}", key=key) from error
    except (BotoCoreError, aiohttp.ClientError, OSError, TimeoutError) as error:
        why = tls.sentence(error, tls.STORE) or error
        raise BlobStoreError(f"The object store cannot be reached: {why}", key=key) from error


async def _create() -> None:
    async with BlobStore(load(S3Settings)) as store:
        await store.create_bucket()


def main() -> int:
    """Create the bucket. Return 2 for a wrong setting, 1 if the store is unreachable; one sentence each."""
    try:
        asyncio.run(_create())
    except SharpstreamError as error:
        sys.stderr.write(f"{error.message}\n")
        return 2 if isinstance(error, ConfigurationError) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
