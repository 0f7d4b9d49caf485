from __future__ import annotations

import hashlib
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from unittest.mock import patch
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from pydantic import SecretStr

from bus.blob_bytes import PART_BYTES
from bus.blobs import BlobCorruptError, BlobMissingError, Blobs, BlobStore, BlobStoreError
from bus.presign import STABLE_S, disposition
from bus.runtime.settings import S3Settings
from bus.testing import MemoryBlobs

on_both = pytest.mark.parametrize("kind", ["memory", pytest.param("s3", marks=pytest.mark.stack)])


@pytest.fixture
async def store(s3_settings: S3Settings) -> AsyncIterator[BlobStore]:
    async with BlobStore(s3_settings) as opened:
        yield opened


@pytest.fixture
def blobs(kind: str, request: pytest.FixtureRequest) -> Blobs:
    """Return the store under test. The real one is opened only where it is used."""
    found: Blobs = request.getfixturevalue("store") if kind == "s3" else MemoryBlobs()
    return found


@pytest.fixture
def key(unique: Callable[[str], str]) -> str:
    return f"tests/{unique('blob')}"


async def stream(data: bytes, chunk: int = 700_001) -> AsyncIterator[bytes]:
    for start in range(0, len(data), chunk):
        yield data[start : start + chunk]


@on_both
@pytest.mark.parametrize("size", [0, 1, 5000])
async def test_put_returns_a_reference_with_size_and_hash(blobs: Blobs, key: str, size: int) -> None:
    data = secrets.token_bytes(size)
    ref = await blobs.put(key, data, "image/jpeg")
    assert (ref.key, ref.bytes, ref.media_type) == (key, size, "image/jpeg")
    assert ref.sha256 == hashlib.sha256(data).hexdigest()
    assert await blobs.get(ref) == data


@on_both
@pytest.mark.parametrize("size", [0, 10, PART_BYTES, PART_BYTES + 1, 2 * PART_BYTES + 12345])
async def test_a_stream_of_one_or_many_parts_round_trips(blobs: Blobs, key: str, size: int) -> None:
    data = secrets.token_bytes(size)
    ref = await blobs.put(key, stream(data), "application/octet-stream")
    assert (ref.bytes, ref.sha256) == (size, hashlib.sha256(data).hexdigest())
    assert await blobs.get(ref) == data


@on_both
async def test_memoryviews_are_stored_like_bytes(blobs: Blobs, key: str) -> None:
    data = secrets.token_bytes(4096)
    ref = await blobs.put(key, memoryview(data)[1:-1], "application/octet-stream")
    assert await blobs.get(ref) == data[1:-1]


@on_both
@pytest.mark.parametrize("size", [1000, 2 * PART_BYTES + 5])
async def test_a_failed_stream_stores_no_object(blobs: Blobs, key: str, size: int) -> None:
    async def breaking() -> AsyncIterator[bytes]:
        async for chunk in stream(secrets.token_bytes(size)):
            yield chunk
        raise ConnectionResetError("the sender went away")

    with pytest.raises((BlobStoreError, ConnectionResetError)):
        await blobs.put(key, breaking(), "application/octet-stream")
    whole = await MemoryBlobs().put(key, b"x", "application/octet-stream")
    with pytest.raises(BlobMissingError):
        await blobs.get(whole)


@on_both
async def test_bytes_that_differ_from_the_reference_are_corrupt(blobs: Blobs, key: str) -> None:
    ref = await blobs.put(key, b"what was promised", "text/plain")
    await blobs.put(key, b"what was wr1tten!", "text/plain")
    with pytest.raises(BlobCorruptError, match=key):
        await blobs.get(ref)


@on_both
async def test_a_missing_object_is_named(blobs: Blobs, key: str) -> None:
    ref = await blobs.put(key, b"x", "text/plain")
    await blobs.delete(key)
    await blobs.delete(key)
    with pytest.raises(BlobMissingError, match=key):
        await blobs.get(ref)


@pytest.mark.stack
async def test_a_failed_upload_aborts_its_multipart_upload(store: BlobStore, key: str) -> None:
    async def breaking() -> AsyncIterator[bytes]:
        yield secrets.token_bytes(2 * PART_BYTES)
        raise RuntimeError("cancelled half-way")

    with pytest.raises(RuntimeError):
        await store.put(key, breaking(), "application/octet-stream")
    listed = await store._client.list_multipart_uploads(Bucket=store.bucket, Prefix=key)
    assert not listed.get("Uploads")


@pytest.mark.stack
async def test_a_presigned_url_allows_reading_that_object_only(store: BlobStore, key: str) -> None:
    await store.put(key, b"splat", "application/octet-stream")
    url = await store.presign(key, filename="scene.ply")
    async with httpx.AsyncClient() as anyone:
        answer = await anyone.get(url)
        assert (answer.status_code, answer.content) == (200, b"splat")
        assert answer.headers["content-disposition"] == 'attachment; filename="scene.ply"'
        assert (await anyone.get(url.partition("?")[0])).status_code == 403
        assert (await anyone.get(url.replace(key, key + "x"))).status_code == 403
        assert (await anyone.put(url, content=b"mine")).status_code == 403


async def test_at_aws_a_link_names_the_region_so_that_a_browser_is_never_sent_elsewhere() -> None:
    """Outside us-east-1 a new bucket redirects at the address for all regions, which breaks a link."""
    settings = S3Settings(
        bucket="photos", region="eu-central-1", access_key_id=SecretStr("a"), secret_access_key=SecretStr("b")
    )
    async with BlobStore(settings) as store:
        links = [
            await store.presign("a"),
            await store.presign_put("a", size=1, media_type="image/jpeg", seconds=60),
        ]
    assert {urlsplit(link).netloc for link in links} == {"photos.s3.eu-central-1.amazonaws.com"}


@pytest.mark.stack
async def test_a_presigned_url_states_its_expiry_and_expires(
    store: BlobStore, s3_settings: S3Settings, key: str
) -> None:
    await store.put(key, b"splat", "application/octet-stream")
    query = parse_qs(urlsplit(await store.presign(key)).query)
    assert query["X-Amz-Expires"] == [str(s3_settings.presign_seconds + STABLE_S)]
    # One second is the shortest expiry: poll until the server refuses, instead of a guessed sleep.
    async with BlobStore(s3_settings.model_copy(update={"presign_seconds": 1})) as brief:
        url = await brief.presign(key)
    limit = datetime.now(UTC) + timedelta(minutes=1)
    async with httpx.AsyncClient() as anyone:
        while (status := (await anyone.get(url)).status_code) == 200:
            assert datetime.now(UTC) < limit, "the URL does not expire"
    assert status == 403


@pytest.mark.stack
async def test_links_for_reading_are_stable_and_may_be_kept(store: BlobStore, key: str) -> None:
    await store.put(key, b"splat", "application/octet-stream")
    with freeze_botocore("2026-11-29T10:01:02Z"):
        first = await store.presign(key, filename="Großer Tag.ply")
    with freeze_botocore("2026-11-29T10:29:59Z"):
        assert await store.presign(key, filename="Großer Tag.ply") == first
    with freeze_botocore("2026-11-29T10:30:00Z"):
        assert await store.presign(key, filename="Großer Tag.ply") != first
    async with httpx.AsyncClient() as anyone:
        answer = await anyone.get(await store.presign(key, filename="Großer Tag.ply"))
    assert (answer.status_code, answer.content) == (200, b"splat")
    assert answer.headers["cache-control"] == "private, max-age=1800, immutable"
    assert answer.headers["content-disposition"].endswith("filename*=UTF-8''Gro%C3%9Fer%20Tag.ply")


@contextmanager
def freeze_botocore(moment: str) -> Iterator[None]:
    """Sign as of this moment."""
    with patch("botocore.auth.get_current_datetime", lambda: datetime.fromisoformat(moment)):
        yield


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("cup.ply", 'attachment; filename="cup.ply"'),
        ("Großer Tag.glb", "attachment; filename=\"Groer Tag.glb\"; filename*=UTF-8''Gro%C3%9Fer%20Tag.glb"),
        ("写真.ply", "attachment; filename=\"download.ply\"; filename*=UTF-8''%E5%86%99%E7%9C%9F.ply"),
        ('a"; filename="b.exe', 'attachment; filename="a; filename=b.exe"'),
        ("../../etc/passwd\r\nX: y", 'attachment; filename="etcpasswdX y"'),
        ("...", 'attachment; filename="download"'),
    ],
)
def test_a_download_is_named_in_ascii_and_in_utf8(name: str, header: str) -> None:
    assert disposition(name) == header


@pytest.mark.stack
async def test_presigned_urls_use_the_public_endpoint(s3_settings: S3Settings, key: str) -> None:
    public = s3_settings.model_copy(update={"public_endpoint_url": "https://splats.example.org"})
    async with BlobStore(public) as store:
        url = await store.presign(key)
    assert url.startswith(f"https://splats.example.org/{store.bucket}/{key}?")


@pytest.mark.stack
async def test_create_bucket_is_idempotent_and_check_finds_an_absent_bucket(
    s3_settings: S3Settings, store: BlobStore, unique: Callable[[str], str]
) -> None:
    await store.create_bucket()
    await store.check()
    absent = s3_settings.model_copy(update={"bucket": unique("absent")})
    async with BlobStore(absent) as other:
        with pytest.raises((BlobMissingError, BlobStoreError)):
            await other.check()


async def test_an_unreachable_store_raises_blob_store_error(key: str) -> None:
    settings = S3Settings(endpoint_url="http://127.0.0.1:9", access_key_id="a", secret_access_key="b")
    async with BlobStore(settings) as store:
        with pytest.raises(BlobStoreError):
            await store.put(key, b"x", "text/plain")


@on_both
async def test_keys_lists_the_keys_of_a_prefix(blobs: Blobs, key: str) -> None:
    names = [f"{key}/{name}" for name in ("a/1", "a/2", "ab/1", "b")]
    for name in reversed(names):
        await blobs.put(name, b"x", "text/plain")
    assert await blobs.keys(f"{key}/a/") == names[:2]
    assert await blobs.keys(f"{key}/") == names
    assert await blobs.keys(f"{key}/c/") == []


@on_both
async def test_pages_give_the_time_of_each_object(blobs: Blobs, key: str) -> None:
    before = datetime.now(UTC) - timedelta(seconds=2)  # the store's times are whole seconds
    for name in ("b", "a"):
        await blobs.put(f"{key}/{name}", b"x", "text/plain")
    found = [item async for page in blobs.pages(f"{key}/") for item in page]
    assert [name for name, _ in found] == [f"{key}/a", f"{key}/b"]
    assert all(before < written < datetime.now(UTC) + timedelta(seconds=2) for _, written in found)
