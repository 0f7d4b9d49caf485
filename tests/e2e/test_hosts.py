"""Three hosts with TLS between them: one is cut off for a minute and comes back.

Each host is a network namespace on this machine, with the processes of the same commands as everywhere: Kafka
on one, inference and export on another, the database, the store and the other roles on the first. Needs root.

| class | members |
|---|---|
| cut off for a minute | the workers' host, the broker's host |
| what must hold then | requests are accepted, every job ends once, the rows are those of the log |
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import aiohttp
import asyncpg
import httpx
import pytest

from bus.contract import envelope, topics
from bus.contract.messages import GENERATION_ENDINGS
from ledger import invariants, rebuild
from sharpstream.stack import ports, roles
from sharpstream.stack.process import Launch
from sharpstream.stack.roles import Role
from tests.bus.bridge_servers import read_all
from tests.certificates import Authority
from tests.e2e import photos, tls_servers
from tests.e2e.test_tls import Secured
from tests.e2e.tls_servers import Certificates, TlsKafka, TlsPostgres, TlsS3, TlsSystem

FIRST, BROKER, WORKERS = "10.77.31.1", "10.77.31.2", "10.77.31.3"
BRIDGE = "sharp-hosts"
HOSTS = {"sharp-broker": BROKER, "sharp-workers": WORKERS}
ON_WORKERS = ("inference", "export")
CUT_S = 60
JOBS = 6


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


def can_have_hosts() -> bool:
    if os.geteuid() != 0 or shutil.which("ip") is None:
        return False
    return (
        subprocess.run(["ip", "netns", "add", "sharp-try"], capture_output=True, check=False).returncode == 0
    )


pytestmark = [pytest.mark.stack, pytest.mark.drill]


@contextmanager
def hosts() -> Iterator[None]:
    """Have two namespaces on a bridge, which is the way to the first host: the machine's own."""
    remove()
    try:
        ip("link", "add", BRIDGE, "type", "bridge")
        ip("address", "add", f"{FIRST}/24", "dev", BRIDGE)
        ip("link", "set", BRIDGE, "up")
        for name, address in HOSTS.items():
            near, far = f"{name[:11]}-n", f"{name[:11]}-f"
            ip("netns", "add", name)
            ip("link", "add", near, "type", "veth", "peer", "name", far, "netns", name)
            ip("link", "set", near, "master", BRIDGE, "up")
            ip("-n", name, "address", "add", f"{address}/24", "dev", far)
            ip("-n", name, "link", "set", far, "up")
            ip("-n", name, "link", "set", "lo", "up")
        yield
    finally:
        remove()


def remove() -> None:
    for command in (
        *(("netns", "delete", name) for name in (*HOSTS, "sharp-try")),
        ("link", "delete", BRIDGE),
    ):
        subprocess.run(["ip", *command], check=False, capture_output=True)


@contextmanager
def cut_off(name: str) -> Iterator[None]:
    """Take the host's cable out for the body."""
    ip("link", "set", f"{name[:11]}-n", "down")
    try:
        yield
    finally:
        ip("link", "set", f"{name[:11]}-n", "up")


def on_host(name: str, launch: Launch) -> Launch:
    return replace(launch, argv=["ip", "netns", "exec", name, *launch.argv])


class FarKafka(TlsKafka):
    """On a host of its own; other certificates are tried elsewhere."""

    others: ClassVar = ()

    def _address(self, listener: str) -> str:
        host = "127.0.0.1" if listener == "controller" else BROKER
        return f"{host}:{self._memory.port(f'kafka_{listener}')}"

    def launch(self) -> Launch:
        return on_host("sharp-broker", super().launch())

    async def ready(self) -> bool:
        try:
            _, writer = await asyncio.wait_for(
                asyncio.open_connection(BROKER, self._memory.port("kafka_internal")), 2
            )
        except (OSError, TimeoutError):
            return False
        writer.close()
        return True


class NearPostgres(TlsPostgres):
    """Reached from all hosts."""

    def prepare(self) -> None:
        super().prepare()
        (self._data / "pg_hba.conf").write_text("hostssl all all 0.0.0.0/0 scram-sha-256\n")

    def launch(self) -> Launch:
        plain = super().launch()
        return replace(plain, argv=[*plain.argv, "-c", f"listen_addresses=127.0.0.1,{FIRST}"])

    def url_for(self, role: str) -> str:
        url = super().url_for(role)
        return url.replace("@127.0.0.1:", f"@{FIRST}:") if role in ON_WORKERS else url


class FarRole(Role):
    """A role on the workers' host."""

    def launch(self) -> Launch:
        plain = super().launch()
        env = dict(plain.env) | {"HEALTH_HOST": WORKERS}
        env = {key: value.replace("https://127.0.0.1:", f"https://{FIRST}:") for key, value in env.items()}
        return on_host("sharp-workers", replace(plain, env=env))

    async def ready(self) -> bool:
        try:
            limit = aiohttp.ClientTimeout(total=2)
            async with (
                aiohttp.ClientSession(timeout=limit) as http,
                http.get(f"http://{WORKERS}:{self._port}/health/ready") as answer,
            ):
                return answer.status == 200
        except (aiohttp.ClientError, OSError, TimeoutError):
            return False


class ThreeHosts(TlsSystem):
    """The system on the three hosts."""

    kafka, postgres = FarKafka, NearPostgres

    async def _start_roles(self, servers: roles.Servers) -> None:
        self._store = await asyncio.start_server(self._pass_on, FIRST, self._memory.port("s3_s3"))
        await super()._start_roles(servers)

    async def stop(self) -> None:
        await super().stop()
        if hasattr(self, "_store"):
            self._store.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Bring a connection from another host to the store, which listens to this machine alone."""
        there = await asyncio.open_connection("127.0.0.1", self._memory.port("s3_s3"))

        async def copy(source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
            try:
                while some := await source.read(65536):
                    to.write(some)
                    await to.drain()
            except OSError:
                pass
            finally:
                to.close()

        await asyncio.gather(copy(reader, there[1]), copy(there[0], writer))

    def _roles(self, servers: roles.Servers) -> list[Role]:
        found = super()._roles(servers)
        for role in found:
            if role.name in ON_WORKERS:
                role.__class__ = FarRole
        return found


class HostCertificates(Certificates):
    """One certificate for all addresses."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder)
        self.ca = str(self.authority.ca)
        self.server = self.authority.sign("server", "127.0.0.1", FIRST, BROKER)
        self.expired = self.elsewhere = self.client = self.server  # for listeners that are not opened


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> Iterator[Secured]:
    if not can_have_hosts():
        pytest.skip("needs root and iproute2, and a kernel that gives network namespaces")
    root = Path(tempfile.mkdtemp(prefix="sharpstream-hosts-", dir="/var/tmp"))
    root.chmod(0o755)
    (root / "certificates").mkdir()
    made = HostCertificates(root / "certificates")
    monkeypatch.setenv("INFERENCE_MODEL", "null")
    monkeypatch.setenv("GATEWAY_PORT", str(ports.choose()))
    monkeypatch.setattr(tls_servers, "TlsSystem", ThreeHosts)
    for each in (FarKafka, NearPostgres, TlsS3):
        each.certificates = made
    try:
        with hosts(), Secured(root / "home", made, None) as running:  # type: ignore[arg-type]
            yield running
    finally:
        shutil.rmtree(root, ignore_errors=True)


@pytest.mark.parametrize("name", list(HOSTS))
def test_a_host_is_cut_off_for_a_minute(system: Secured, tmp_path: Path, name: str) -> None:
    photo = photos.landscape(tmp_path).read_bytes()

    def send(client: httpx.Client) -> str:
        answer = client.post("/scenes/generate", files={"image": ("p.jpg", photo)})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["generation_id"])

    with system.client() as client:
        jobs = [send(client)]
        done(client, jobs)
        jobs += [send(client) for _ in range(JOBS)]
        with cut_off(name):
            until = time.monotonic() + CUT_S
            while time.monotonic() < until:
                jobs.append(send(client))  # accepted all the time: the outbox keeps them
                time.sleep(CUT_S / JOBS)
        done(client, jobs)
    system.do(check(system, jobs))


def done(client: httpx.Client, jobs: list[str]) -> None:
    deadline = time.monotonic() + 180
    for job in jobs:
        while (status := client.get(f"/scenes/{job}").json()["status"]) != "completed":
            assert time.monotonic() < deadline, (job, status)
            time.sleep(0.2)


async def check(system: Secured, jobs: list[str]) -> None:
    """Every job has one ending in Kafka; a rebuild gives the same rows; the invariants hold."""
    kafka = system.program("kafka").settings
    ends: dict[str, int] = dict.fromkeys(jobs, 0)
    for record in await read_all(kafka, topics.EVENTS.name):
        found: Any = envelope.decode(topics.EVENTS, record.value, envelope.present(record.headers))
        if isinstance(found.message, GENERATION_ENDINGS):
            ends[str(found.message.generation_id)] += 1
    assert ends == dict.fromkeys(jobs, 1)
    connection = await asyncpg.connect(system.program("postgres").url)
    try:
        compared = await rebuild.compare(connection, kafka, bucket=system.program("s3").settings.bucket)
        assert compared.differences == []
        assert await invariants.check(connection) == []
    finally:
        await connection.close()
