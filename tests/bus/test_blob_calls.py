"""Requests past botocore's client: they do the same, and the client has the last word."""

from __future__ import annotations

import secrets
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from pydantic import SecretStr

from bus.blobs import BlobStore
from bus.contract.blob_ref import BlobRef
from bus.runtime.settings import S3Settings

LARGE = 3 * 1024 * 1024
"""More than is written at once."""


@contextmanager
def scripted(
    *statuses: int, body: bytes = b"", complaint: bytes = b""
) -> Iterator[tuple[S3Settings, list[dict[str, str]]]]:
    """Yield a store that answers with these statuses, then with 200, and the headers that it was sent."""
    seen: list[dict[str, str]] = []
    left = list(statuses)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            signed = "authorization" in self.headers  # unlike the question whether it speaks TLS
            if signed:
                seen.append({name.lower(): value for name, value in self.headers.items()})
            status = left.pop(0) if signed and left else 200
            said = complaint if status >= 300 else body
            self.send_response(status)
            self.send_header("ETag", '"e"')
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        do_PUT = do_GET = answer  # noqa: N815 - the library calls these

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    try:
        yield (
            S3Settings(
                endpoint_url=f"http://127.0.0.1:{server.server_port}",
                access_key_id=SecretStr("a"),
                secret_access_key=SecretStr("b"),
            ),
            seen,
        )
    finally:
        server.shutdown()
        server.server_close()
        serving.join()


def by_client(headers: dict[str, str]) -> bool:
    """Whether botocore's client sent the request."""
    return "botocore" in headers.get("user-agent", "").lower()


async def put(settings: S3Settings, times: int = 1) -> BlobRef:
    async with BlobStore(settings) as store:
        for _ in range(times):
            ref = await store.put("originals/1/a", b"photo", "image/jpeg")
    return ref


async def test_an_object_is_one_request_that_states_its_hash_and_waits_for_nothing() -> None:
    with scripted(body=b"photo") as (settings, seen):
        ref = await put(settings)
        async with BlobStore(settings) as store:
            assert await store.get(ref) == b"photo"
    sent, read = seen
    assert (sent["x-amz-content-sha256"], sent["content-type"]) == (ref.sha256, "image/jpeg")
    assert "expect" not in sent
    assert not by_client(sent)
    assert not by_client(read)


async def test_the_client_repeats_what_fails_and_the_next_call_is_direct_again() -> None:
    with scripted(503) as (settings, seen):
        await put(settings, times=2)
    assert [by_client(each) for each in seen] == [False, True, False]


@pytest.mark.parametrize("status", [301, 307])
async def test_after_a_redirect_the_client_does_everything(status: int) -> None:
    with scripted(status) as (settings, seen):
        await put(settings, times=2)
    assert [by_client(each) for each in seen] == [False, True, True]


async def test_after_the_complaint_of_another_region_the_client_does_everything() -> None:
    wrong = b"<Error><Code>AuthorizationHeaderMalformed</Code></Error>"
    with scripted(400, complaint=wrong) as (settings, seen):
        await put(settings, times=2)
    assert [by_client(each) for each in seen] == [False, True, True]


async def test_behind_a_proxy_the_client_does_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    with scripted() as (proxy, seen):
        monkeypatch.setenv("HTTP_PROXY", str(proxy.endpoint_url))
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        async with BlobStore(proxy.model_copy(update={"endpoint_url": "http://127.0.0.1:9"})) as store:
            await store.put("originals/1/a", b"photo", "image/jpeg")
    assert [by_client(each) for each in seen] == [True]


@pytest.fixture
async def store(s3_settings: S3Settings) -> AsyncIterator[BlobStore]:
    async with BlobStore(s3_settings) as opened:
        yield opened


@pytest.mark.stack
@pytest.mark.parametrize("name", ["plain.ply", "two words+plus%20.ply", "Größe~(1)'*!.ply", "写真"])
@pytest.mark.parametrize("size", [0, 5000, LARGE])
async def test_the_store_takes_the_signature_of_every_key(
    store: BlobStore, unique: Callable[[str], str], name: str, size: int
) -> None:
    data = secrets.token_bytes(size)
    ref = await store.put(f"tests/{unique('direct')}/{name}", data, "model/ply")
    assert await store._direct.get(ref.key) == data
    listed = await store._client.get_object(Bucket=store.bucket, Key=ref.key)
    assert (await listed["Body"].read(), listed["ContentType"]) == (data, "model/ply")
