"""What another user of the same machine gets from the servers, without any credentials: nothing.

Class: a door of a server that asks for no password, because the whole machine was trusted. Members: the
store's gRPC (shell, copying a volume), its HTTP (deleting a collection, assigning, reading), its Unix
sockets; Kafka's three listeners; Postgres' port and its socket; the files of the home.
"""

from __future__ import annotations

import asyncio
import json
import os
import stat
import subprocess
from pathlib import Path

import aiohttp
import asyncpg
import psutil
import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from bus.blobs import BlobStore
from sharpstream.stack.s3 import _weed
from tests.conftest import Infra

pytestmark = [
    pytest.mark.stack,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user"),
]
ANOTHER_USER = 65534


def as_another_user(*command: str, text: str = "", seconds: float = 20) -> str:
    """Run a command as an unprivileged user, without environment; return its output, also where it hung."""
    try:
        done = subprocess.run(
            command, input=text, capture_output=True, text=True, timeout=seconds, check=False, cwd="/",
            env={"HOME": "/"}, user=ANOTHER_USER, group=ANOTHER_USER, extra_groups=[],
        )  # fmt: skip
    except subprocess.TimeoutExpired as hung:
        return "".join(each.decode() for each in (hung.stdout, hung.stderr) if each)
    return done.stdout + done.stderr


def listening(infra: Infra) -> dict[int, str]:
    """Return port -> program of every door of the servers, found by the store's process and its parent."""
    assert infra.s3.endpoint_url
    s3 = int(infra.s3.endpoint_url.rpartition(":")[2])
    listeners = [each for each in psutil.net_connections("tcp") if each.status == psutil.CONN_LISTEN]
    [weed] = [psutil.Process(each.pid) for each in listeners if each.laddr.port == s3]
    parts = {process.pid: process.name() for process in weed.parent().children(recursive=True)}
    return {each.laddr.port: parts[each.pid] for each in listeners if each.pid in parts}


@pytest.fixture
def home(infra: Infra, listeners: dict[int, str]) -> Path:
    """The folder of the servers."""
    [weed] = {process.pid for process in psutil.process_iter() if process.name() == "weed"} & {
        each.pid for each in psutil.net_connections("tcp") if each.laddr.port in listeners
    }
    return Path(psutil.Process(weed).cwd()).parent


@pytest.fixture
def listeners(infra: Infra) -> dict[int, str]:
    found = listening(infra)
    assert {"weed", "java"} <= set(found.values())
    return found


async def test_the_stores_http_serves_no_other_user(
    infra: Infra, listeners: dict[int, str], s3_settings
) -> None:
    """No connection, TLS wanted (400), S3's signature missing (403), or no such page."""
    assert infra.s3.endpoint_url
    public = int(infra.s3.endpoint_url.rpartition(":")[2])
    async with BlobStore(s3_settings) as store, aiohttp.ClientSession() as http:
        kept = await store.put("originals/kept", b"x" * 100_000, "text/plain")
        bucket = store.bucket
        paths = [
            "/", "/dir/status", "/dir/assign", f"/col/delete?collection={bucket}", "/status",
            f"/buckets/{bucket}/originals/kept", f"/buckets/{bucket}/?recursive=true",
        ]  # fmt: skip

        async def asked(method: str, url: str) -> int:
            timeout = aiohttp.ClientTimeout(total=10)
            try:
                async with http.request(method, url, ssl=False, timeout=timeout) as answer:
                    return answer.status
            except (aiohttp.ClientError, OSError, TimeoutError):
                return 0

        inner = {port for port, program in listeners.items() if program == "weed"} - {public}
        asks = [(method, f"{scheme}://127.0.0.1:{port}{path}") for port in inner for path in paths
                for method in ("GET", "POST") for scheme in ("http", "https")]  # fmt: skip
        answers = await asyncio.gather(*(asked(*ask) for ask in asks))
        assert {ask: code for ask, code in zip(asks, answers, strict=True) if code not in {0, 400}} == {}
        objects = [f"http://127.0.0.1:{public}/{bucket}{rest}" for rest in ("/originals/kept", "/", "")]
        assert {await asked(method, url) for method in ("GET", "DELETE") for url in objects} == {403}
        assert await store.get(kept) == b"x" * 100_000


def test_the_stores_grpc_serves_no_other_user(home: Path, tmp_path: Path) -> None:
    ports = json.loads((home / "memory.json").read_text())["ports"]
    master = f"127.0.0.1:{ports['s3_master']}.{ports['s3_master_grpc']}"
    filer = f"127.0.0.1:{ports['s3_filer']}.{ports['s3_filer_grpc']}"
    weed = _weed()
    if "version" not in as_another_user(weed, "version"):
        pytest.skip("another user cannot reach the store's program here")
    said = as_another_user(
        weed, "shell", f"-master={master}", f"-filer={filer}", text="volume.list\nfs.ls /\n", seconds=5
    )
    assert "Topology" not in said
    assert "buckets" not in said
    said = as_another_user(weed, "backup", f"-master={master}", "-volumeId=1", f"-dir={tmp_path}", seconds=5)
    assert "Successfully" not in said


def test_the_stores_sockets_are_its_own(infra: Infra, listeners: dict[int, str]) -> None:
    found = [Path(f"/tmp/seaweedfs-{part}-grpc-{port}.sock") for port in listeners for part in
             ("master", "volume", "filer", "s3", "admin")]  # fmt: skip
    there = [path for path in found if path.exists()]
    assert there
    assert [str(path) for path in there if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)] == []


async def test_kafka_lets_no_stranger_in(infra: Infra, listeners: dict[int, str]) -> None:
    ports = [port for port, program in listeners.items() if program == "java"]
    assert len(ports) >= 3

    async def admitted(port: int) -> bool:
        client = AIOKafkaClient(bootstrap_servers=f"127.0.0.1:{port}", request_timeout_ms=3000)
        try:
            async with asyncio.timeout(5):
                await client.bootstrap()
        except (KafkaError, OSError, TimeoutError):
            return False
        else:
            return True
        finally:
            await client.close()

    assert not any(await asyncio.gather(*map(admitted, ports)))


@pytest.mark.parametrize("password", ["", "sharpstream", "postgres"])
async def test_postgres_lets_no_stranger_in(infra: Infra, password: str) -> None:
    port = int(infra.database_url.rpartition(":")[2].partition("/")[0])
    for name in ("sharpstream", "postgres"):
        with pytest.raises(asyncpg.PostgresError, match="password"):
            await asyncpg.connect(host="127.0.0.1", port=port, user=name, password=password, database=name)


def test_postgres_has_no_socket(infra: Infra) -> None:
    port = infra.database_url.rpartition(":")[2].partition("/")[0]
    assert not [folder for folder in ("/tmp", "/run/postgresql") if Path(folder, f".s.PGSQL.{port}").exists()]


def test_the_homes_secrets_are_read_by_their_owner_alone(home: Path) -> None:
    assert json.loads((home / "memory.json").read_text())["secrets"]
    for path in ("memory.json", "state.json", "s3/identities.json", "s3/security.toml", "s3/tls/key.pem"):
        assert "ermission denied" in as_another_user("cat", str(home / path)), path
    for folder in ("s3", "s3/data", "kafka"):
        assert "ermission denied" in as_another_user("ls", str(home / folder)), folder
