"""What our puts and copies say about encryption at rest, as the store receives it."""

from __future__ import annotations

import ast
import json
import secrets
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
from pydantic import SecretStr, ValidationError

from bus.blob_bytes import PART_BYTES
from bus.blobs import BlobStore
from bus.runtime.errors import ConfigurationError, TransientError
from bus.runtime.settings import S3Settings
from bus.store_encryption import Encryption

ROOT = Path(__file__).parents[2]
ROLES = ("bus", "gateway", "inference_consumer", "export_consumer", "ledger")
WORDS = "x-amz-server-side-encryption"
BODIES = {
    "uploads": "<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>",
    "uploadId": "<CompleteMultipartUploadResult><ETag>e</ETag></CompleteMultipartUploadResult>",
    "copy": "<CopyObjectResult><ETag>e</ETag></CopyObjectResult>",
}
MULTIPART = PART_BYTES + 1


@contextmanager
def recording() -> Iterator[tuple[S3Settings, list[tuple[str, dict[str, str]]]]]:
    """Yield a store that keeps nothing but each request: what it is, and its headers about encryption."""
    seen: list[tuple[str, dict[str, str]]] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            query = self.path.partition("?")[2]
            kind = (
                "copy"
                if "x-amz-copy-source" in self.headers
                else query.partition("=")[0] or self.command.lower()
            )
            stated = {name.lower(): value for name, value in self.headers.items()}
            seen.append(
                (kind, {name[len(WORDS) :]: v for name, v in stated.items() if name.startswith(WORDS)})
            )
            body = BODIES.get(kind, "").encode()
            self.send_response(200)
            self.send_header("ETag", '"e"')
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_PUT = do_POST = do_GET = answer  # noqa: N815 - the library calls these

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


async def parts() -> AsyncIterator[bytes]:
    yield bytes(MULTIPART)
    yield b"more"


async def written(settings: S3Settings, owner: UUID | None = None) -> None:
    """Write in each way."""
    async with BlobStore(settings) as store:
        await store.put("originals/1/a", b"photo", "image/jpeg", owner=owner)
        await store.put("exports/1/a", parts(), "model/ply", owner=owner)
        await store.copy("uploads/1/a", "originals/1/b", version='"e"', media_type="image/jpeg", owner=owner)


NEW = ("put", "uploads", "copy")
"""The requests that make an object; the parts of an upload are encrypted as it began."""
KMS = {"": "aws:kms", "-bucket-key-enabled": "true"}


@pytest.mark.parametrize(
    ("settings", "stated"),
    [
        ({}, {}),
        ({"encryption": "AES256"}, {"": "AES256"}),
        ({"encryption": "aws:kms"}, KMS),
        ({"encryption": "aws:kms", "kms_key_id": "alias/ours"}, KMS | {"-aws-kms-key-id": "alias/ours"}),
    ],
)
async def test_every_new_object_names_its_encryption(
    settings: dict[str, str], stated: dict[str, str]
) -> None:
    with recording() as (store, seen):
        await written(store.model_copy(update=settings))
    made = [(kind, headers) for kind, headers in seen if kind in NEW]
    assert sorted(kind for kind, _ in made if kind != "put") == ["copy", "uploads"]
    assert [headers for kind, headers in made] == [stated] * len(made)
    assert all(not headers for kind, headers in seen if kind == "partNumber")


async def test_an_account_with_a_key_of_its_own_uses_it_and_others_do_not(tmp_path: Path) -> None:
    owner, keys = uuid4(), tmp_path / "keys.json"
    keys.write_text(json.dumps({str(owner): "arn:aws:kms:eu-central-1:1:key/of-acme"}))
    mine = KMS | {"-aws-kms-key-id": "arn:aws:kms:eu-central-1:1:key/of-acme"}
    with recording() as (store, seen):
        settings = store.model_copy(update={"encryption": "AES256", "account_keys_file": str(keys)})
        for each, stated in ((owner, mine), (uuid4(), {"": "AES256"}), (None, {"": "AES256"})):
            seen.clear()
            await written(settings, each)
            assert {kind: headers for kind, headers in seen if kind in NEW} == dict.fromkeys(NEW, stated)


async def test_a_link_for_a_put_says_nothing_of_encryption() -> None:
    """The bucket's default covers it: a signed header would be one that every client must send."""
    with recording() as (store, _):
        async with BlobStore(store.model_copy(update={"encryption": "AES256"})) as blobs:
            link = await blobs.presign_put("uploads/1/a", size=1, media_type="image/png", seconds=60)
    assert "encryption" not in link.lower()


def test_keys_are_read_at_each_change_and_never_guessed(tmp_path: Path) -> None:
    owner, keys = uuid4(), tmp_path / "keys.json"
    keys.write_text("{}")
    encryption = Encryption(S3Settings(account_keys_file=str(keys)))
    assert encryption.of(owner) == {}
    keys.write_text(json.dumps({str(owner): "first"}))
    assert encryption.of(owner)["SSEKMSKeyId"] == "first"
    keys.write_text(json.dumps({str(owner): "first"})[:-1])
    for _ in range(2):
        with pytest.raises(TransientError, match=r"S3_ACCOUNT_KEYS_FILE names .*keys\.json"):
            encryption.of(owner)
    keys.unlink()
    with pytest.raises(TransientError, match="S3_ACCOUNT_KEYS_FILE"):
        encryption.of(None)
    keys.write_text(json.dumps({str(owner): "second"}))
    assert encryption.of(owner)["SSEKMSKeyId"] == "second"


@pytest.mark.parametrize("text", ["", "[]", '{"not an id": "key"}', '{"a": 1}'])
def test_a_wrong_file_of_keys_stops_the_start(tmp_path: Path, text: str) -> None:
    (tmp_path / "keys.json").write_text(text)
    with pytest.raises(ConfigurationError, match="S3_ACCOUNT_KEYS_FILE"):
        Encryption(S3Settings(account_keys_file=str(tmp_path / "keys.json")))


def test_a_key_without_kms_is_refused() -> None:
    for encryption in ("none", "AES256"):
        with pytest.raises(ValidationError, match="S3_KMS_KEY_ID is used with S3_ENCRYPTION=aws:kms alone"):
            S3Settings(encryption=encryption, kms_key_id="k")
    with pytest.raises(ValidationError, match="AES256"):
        S3Settings(encryption="sha256")  # type: ignore[arg-type]


def test_every_role_names_the_owner_of_what_it_stores() -> None:
    """An object without one would be encrypted under the bucket's key, which outlives the account's."""
    found = [
        (path.relative_to(ROOT), call)
        for folder in ROLES
        for path in (ROOT / folder).rglob("*.py")
        if "blobs." in (text := path.read_text())
        for call in ast.walk(ast.parse(text))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr in {"put", "copy"}
        and ast.unparse(call.func.value).endswith("blobs")
    ]
    assert len({path for path, _ in found}) >= 5
    unnamed = [
        f"{path}:{call.lineno}" for path, call in found if "owner" not in {each.arg for each in call.keywords}
    ]
    assert unnamed == []


@pytest.mark.stack
async def test_the_store_encrypts_and_reads_back(
    s3_settings: S3Settings, unique: Callable[[str], str]
) -> None:
    """SSE-S3 of the real server. It has no key service here, so SSE-KMS is only said to a recording one.

    Small objects alone: SeaweedFS 4.48 fetches the parts of encrypted ones without the TLS of its own doors.
    """
    data, key = secrets.token_bytes(5000), f"tests/{unique('blob')}"
    async with BlobStore(s3_settings.model_copy(update={"encryption": "AES256"})) as store:
        ref = await store.put(key, data, "image/png")
        head = await store._client.head_object(Bucket=store.bucket, Key=key)
        assert head["ServerSideEncryption"] == "AES256"
        assert await store.get(ref) == data
        link = await store.presign(key)
    async with httpx.AsyncClient() as http:
        assert (await http.get(link)).content == data
