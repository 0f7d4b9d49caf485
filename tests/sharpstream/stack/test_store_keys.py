"""A role's key of the store is changed while it works, two keys at once: docs/operations/rotation.md."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from bus.blobs import BlobStore, BlobStoreError
from bus.runtime.settings import S3Settings
from sharpstream.stack.s3 import S3
from sharpstream.stack.state_dir import Home, Memory
from sharpstream.stack.supervisor import Supervisor

pytestmark = pytest.mark.stack
KEY = "originals/0193a5b0-7c1e-7d34-9a52-3f0e8c1b2a47/photo.jpg"


def change(server: S3, change_keys: Callable[[list[dict[str, str]]], list[dict[str, str]]], pid: int) -> None:
    """Rewrite the gateway's list of keys and send SIGHUP, as an operator does."""
    file = server._identities
    config = json.loads(file.read_text())
    (gateway,) = [each for each in config["identities"] if each["name"] == "sharpstream-gateway"]
    gateway["credentials"] = change_keys(gateway["credentials"])
    file.write_text(json.dumps(config))
    os.kill(pid, signal.SIGHUP)


async def refused(settings: S3Settings) -> bool:
    async with BlobStore(settings) as store:
        try:
            await store.put(KEY, b"refused?", "image/jpeg", owner=None)
        except BlobStoreError:
            return True
    return False


async def until(settings: S3Settings, *, accepted: bool) -> None:
    """Wait for the server, which reads its file when the signal has come."""
    async with asyncio.timeout(60):
        while await refused(settings) == accepted:  # noqa: ASYNC110
            await asyncio.sleep(0.1)


async def test_a_role_changes_its_key_while_it_works(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.create()
    server = S3(home, Memory(home))
    supervisor = Supervisor(home, [server])
    await supervisor.start(["s3"])
    try:
        pid = supervisor.part("s3").pid
        assert pid
        old = server.settings_of("gateway")
        secret = SecretStr("n" * 40)
        new = old.model_copy(update={"access_key_id": SecretStr("gateway-2"), "secret_access_key": secret})
        async with BlobStore(server.settings) as owner:
            await owner.create_bucket()
        async with BlobStore(old) as working, httpx.AsyncClient() as http:
            await working.put(KEY, b"of the old key", "image/jpeg", owner=None)
            assert await refused(new)
            pair = {"accessKey": "gateway-2", "secretKey": secret.get_secret_value()}
            change(server, lambda keys: [*keys, pair], pid)
            await until(new, accepted=True)
            link = await working.presign(KEY)
            await working.put(KEY, b"still of the old key", "image/jpeg", owner=None)
            assert (await http.get(link)).content == b"still of the old key"
            change(server, lambda keys: keys[1:], pid)
            await until(old, accepted=False)
            assert (await http.get(link)).status_code == 403
            async with BlobStore(new) as after:
                assert (await http.get(await after.presign(KEY))).content == b"still of the old key"
    finally:
        await supervisor.stop()
