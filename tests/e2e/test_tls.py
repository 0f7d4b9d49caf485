"""TLS on every connection between the roles and Kafka, Postgres, the store and the collector.

One photo passes all roles; then each way in which both sides may disagree is tried with the real servers: the
process ends with a sentence that names the key to set, and shows no password.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Self, TypeVar
from uuid import uuid4

import asyncpg
import httpx
import pytest
from confluent_kafka import Consumer

from bus.kafka import admin, tls_check
from sharpstream.stack import ports, roles
from sharpstream.stack.roles import Role
from tests.bus.collector import Collector, collecting
from tests.certificates import HOUR, Files
from tests.conftest import Infra
from tests.e2e import photos
from tests.e2e.receiver import Receiver
from tests.e2e.tls_servers import Certificates, TlsKafka, TlsPostgres, TlsS3, TlsSystem, brought_up

pytestmark = [pytest.mark.stack, pytest.mark.drill]

T = TypeVar("T")
LIMIT_S = 120.0
ROLES = ("relay", "webhooks", "partners", "inference", "export", "ledger")


class Secured:
    """The system with TLS, on a loop of its own beside the tests."""

    def __init__(self, root: Path, certificates: Certificates, collector: Collector) -> None:
        self.certificates, self.collector = certificates, collector
        self._loop = asyncio.new_event_loop()
        self._up: Future[TlsSystem] = Future()
        self._root, self._leave = root, asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),))

    def __enter__(self) -> Self:
        self._thread.start()
        self.system = self._up.result(300)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._leave.set)
        self._thread.join()
        self._loop.close()

    async def _serve(self) -> None:
        try:
            async with brought_up(self._root, self.certificates) as system:
                self._up.set_result(system)
                await self._leave.wait()
        except BaseException as error:
            if self._up.done():
                raise
            self._up.set_exception(error)

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the system's loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(LIMIT_S)

    def program(self, name: str) -> Any:
        """Return a server or a role."""
        return self.system.supervisor.part(name).program

    def command(self, role: str, **changed: str | None) -> subprocess.CompletedProcess[str]:
        """Run a role's own command with some of its keys changed (None: without), until it ends."""
        program: Role = self.program(role)
        return run(program._command, environment(program._env, changed))

    def variables(self, **changed: str | None) -> dict[str, str]:
        """Return the keys of the user with all rights, some changed."""
        return environment(self.system.servers.variables(), changed)

    def client(self) -> httpx.Client:
        """Return a client of the API as the first account."""
        key = json.loads((self._root / "credentials.json").read_text())["api_key"]
        url = self.system.status()["gateway"]["url"]
        return httpx.Client(base_url=f"{url}/api/v1", headers={"X-API-Key": key}, timeout=30)

    def restart(self, name: str) -> None:
        """Stop a server and start it again."""
        self.do(self.system.supervisor.part(name).stop())
        self.do(self.system.supervisor.start([name]))

    def log(self, name: str) -> str:
        """Return a role's log."""
        return (self._root / "logs" / f"{name}.log").read_text()

    def everything_ready(self) -> bool:
        """Return whether all parts are ready."""
        return bool(self.system.status()["ready"])


def environment(own: Mapping[str, str], changed: Mapping[str, str | None]) -> dict[str, str]:
    kept = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
    wanted = kept | dict(own) | {"INFERENCE_MODEL": "card"} | dict(changed)
    return {key: value for key, value in wanted.items() if value is not None}


def run(command: tuple[str, ...], env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", *command],
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def wait(good: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + LIMIT_S
    while not (found := good()):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return found


def refused(done: subprocess.CompletedProcess[str], expected: str) -> None:
    """Check that a process has ended by itself, with this sentence alone and without a password."""
    said = done.stdout + done.stderr
    assert done.returncode == 2, said
    assert expected in done.stderr, said
    assert len(done.stderr.splitlines()) == 1, said
    assert "Traceback" not in said


@pytest.fixture(scope="module")
def secured() -> Iterator[Secured]:
    root = Path(tempfile.mkdtemp(prefix="sharpstream-tls-", dir="/var/tmp"))
    root.chmod(0o755)  # for Postgres's own user
    folder = root / "certificates"
    folder.mkdir()
    made = Certificates(folder)
    shown = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    shown.load_cert_chain(made.server.certificate, made.server.key)
    with collecting(shown) as collector, pytest.MonkeyPatch.context() as patch:
        for key, value in {
            "INFERENCE_MODEL": "card",
            "GATEWAY_PORT": str(ports.choose()),
            "WEBHOOKS_LOOPBACK_PORTS": "1024-65535",
            "SHARPSTREAM_PARTNERS_PEM": str(made.server.both),
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "OTEL_EXPORTER_OTLP_CERTIFICATE": made.ca,
            "OTEL_BSP_SCHEDULE_DELAY": "200",
        }.items():
            patch.setenv(key, value)
        try:
            with Secured(root / "home", made, collector) as system:
                yield system
        finally:
            shutil.rmtree(root, ignore_errors=True)


def generated(secured: Secured, client: httpx.Client, folder: Path) -> dict[str, Any]:
    """Send a photo and return its finished scene."""
    photo = photos.landscape(folder)
    answer = client.post("/scenes/generate", files={"image": (photo.name, photo.read_bytes())})
    assert answer.status_code == 202, answer.text
    where = f"/scenes/{answer.json()['generation_id']}"
    found: dict[str, Any] = wait(lambda: ended(client.get(where).json()))
    assert found["status"] == "completed", found
    return found


def ended(job: dict[str, Any]) -> dict[str, Any] | None:
    return None if job["status"] in {"pending", "processing"} else job


def downloaded(url: str, ca: str) -> bytes:
    assert url.startswith("https://")
    answer = httpx.get(url, verify=ssl.create_default_context(cafile=ca))
    assert answer.status_code == 200
    return answer.content


def test_a_photo_passes_all_roles(secured: Secured, tmp_path: Path) -> None:
    with secured.client() as client, Receiver() as receiver:
        hook = {"url": receiver.url, "events": ["generation.completed.v1"]}
        assert client.post("/webhooks", json=hook).status_code == 201
        partner = opened_partner(secured, client)
        scene = generated(secured, client, tmp_path)
        link = scene["generated_3d_gaussian_url"]
        assert downloaded(link, secured.certificates.ca).startswith(b"ply")
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            httpx.get(link)
        ordered = client.post(f"/scenes/{scene['id']}/export", json={"format": "spz"})
        assert ordered.status_code == 202, ordered.text
        where = f"/exports/{ordered.json()['export_id']}"
        export = wait(lambda: ended(client.get(where).json()))
        assert downloaded(export["export_file_url"], secured.certificates.ca)
        ((body, _),) = wait(lambda: list(receiver.received))
        assert json.loads(body)["subject"] == scene["id"]
        usage = wait(lambda: client.get("/usage").json()["totals"])
        assert {"scene_generate"} <= {each["event_type"] for each in usage}
        assert read(partner, secured.certificates.ca, "generation.completed.v1") == scene["id"]

    used = secured.do(sessions(secured.program("postgres")))
    assert {name for name, _, _ in used} >= {
        "sharpstream-gateway",
        "sharpstream-ledger",
        "sharpstream-export",
    }
    assert {(encrypted, version) for _, encrypted, version in used} == {(True, "TLSv1.3")}
    services = wait(
        lambda: named if len(named := {span.service for span in secured.collector.spans}) > 5 else None
    )
    assert {"sharpstream-gateway", "sharpstream-inference", "sharpstream-ledger"} <= services


def opened_partner(secured: Secured, client: httpx.Client) -> dict[str, Any]:
    """Create a partner of the first account, through the gateway's administration of Kafka."""
    person = json.loads((secured._root / "credentials.json").read_text())
    who = {"email": person["email"], "password": person["password"]}
    token = client.post("/users/login", json=who).json()["access_token"]
    signed = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=client.base_url, headers=signed, timeout=60) as me:
        mine = me.get("/users/me").json()["id"]
        made = me.post("/partners", json={"slug": f"acme-{uuid4().hex[:8]}", "account_id": mine})
    assert made.status_code == 201, made.text
    found: dict[str, Any] = made.json()
    assert found["kafka"]["security_protocol"] == "SASL_SSL"
    return found


def read(partner: dict[str, Any], ca: str, wanted: str) -> str:
    """Return the subject of the first event of this type in a partner's topic, read by librdkafka."""
    kafka = partner["kafka"]
    consumer = Consumer(
        {
            "bootstrap.servers": kafka["bootstrap_servers"],
            "security.protocol": kafka["security_protocol"],
            "sasl.mechanism": kafka["sasl_mechanism"],
            "sasl.username": kafka["username"],
            "sasl.password": kafka["password"],
            "ssl.ca.location": ca,
            "group.id": f"{partner['group_prefix']}tests",
            "auto.offset.reset": "earliest",
        }
    )
    consumer.subscribe([partner["topics"]["events"]])
    try:
        while True:
            message = wait(lambda: consumer.poll(1.0))
            event = json.loads(message.value())
            if event["type"] == wanted:
                return str(event["subject"])
    finally:
        consumer.close()


async def sessions(postgres: TlsPostgres) -> list[tuple[str, bool, str]]:
    """Return application name, whether encrypted, and the TLS version of each session of the roles."""
    connection = await asyncpg.connect(postgres.url)
    try:
        rows = await connection.fetch(
            "SELECT application_name, ssl, version FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)"
            " WHERE backend_type = 'client backend'"
        )
    finally:
        await connection.close()
    return [tuple(row) for row in rows]


# --- what each server's settings may say wrongly ---


def kafka_cases(secured: Secured, infra: Infra) -> dict[str, tuple[dict[str, str | None], str]]:
    kafka: TlsKafka = secured.program("kafka")
    port = kafka.settings.bootstrap_servers.rpartition(":")[2]
    address = "KAFKA_BOOTSTRAP_SERVERS"
    return {
        "other authority": (
            {"KAFKA_SSL_CA_FILE": secured.certificates.other_ca},
            "not trusted here: set KAFKA_SSL_CA_FILE",
        ),
        "the system's authorities": ({"KAFKA_SSL_CA_FILE": ""}, "not trusted here: set KAFKA_SSL_CA_FILE"),
        "no file": ({"KAFKA_SSL_CA_FILE": "/nowhere.pem"}, "KAFKA_SSL_CA_FILE names /nowhere.pem"),
        "other host": (
            {address: f"localhost:{port}"},
            "is for other hosts than KAFKA_BOOTSTRAP_SERVERS names",
        ),
        "other host of a certificate": (
            {address: kafka.at("elsewhere").bootstrap_servers},
            "is for other hosts than KAFKA_BOOTSTRAP_SERVERS names",
        ),
        "expired": (
            {address: kafka.at("expired").bootstrap_servers},
            "at KAFKA_BOOTSTRAP_SERVERS has expired",
        ),
        "plain to TLS": ({"KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT"}, "set KAFKA_SECURITY_PROTOCOL"),
        "TLS to plain": (
            {address: infra.kafka.bootstrap_servers},
            "speaks no TLS at KAFKA_BOOTSTRAP_SERVERS, and KAFKA_SECURITY_PROTOCOL wants it",
        ),
        "no client certificate": (
            {address: kafka.at("mutual").bootstrap_servers, "KAFKA_SECURITY_PROTOCOL": "SSL"},
            "KAFKA_SSL_CERT_FILE",
        ),
    }


def test_each_disagreement_with_kafka_is_a_sentence(secured: Secured, infra: Infra) -> None:
    for number, (changed, expected) in enumerate(kafka_cases(secured, infra).values()):
        for command in (("bus.kafka.admin",), ("gateway", "grant-roles"))[: 1 if number else 2]:
            done = run(command, secured.variables(**changed))
            refused(done, expected)
            assert (
                secured.program("kafka").settings.password.get_secret_value() not in done.stdout + done.stderr
            )


@pytest.mark.parametrize("role", ROLES)
def test_every_role_refuses_a_kafka_that_it_cannot_trust(secured: Secured, role: str) -> None:
    wrong = {"KAFKA_SSL_CA_FILE": secured.certificates.other_ca, "HEALTH_PORT": str(ports.choose())}
    refused(secured.command(role, **wrong), "not trusted here: set KAFKA_SSL_CA_FILE")


def test_the_gateway_says_it_and_goes_on_accepting(secured: Secured) -> None:
    program: Role = secured.program("gateway")
    port = ports.choose()
    wrong = {
        "KAFKA_SSL_CA_FILE": secured.certificates.other_ca,
        "GATEWAY_PORT": str(port),
        "HEALTH_PORT": str(ports.choose()),
    }
    with subprocess.Popen(
        roles.python(*program._command),
        env=environment(program._env, wrong),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            wait(lambda: answers(f"http://127.0.0.1:{port}/health/ready"))
        finally:
            process.terminate()
            said, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    events = [json.loads(line) for line in said.splitlines()]
    (logged,) = [each for each in events if each["event"] == "kafka_tls_failed"]
    assert "set KAFKA_SSL_CA_FILE" in logged["error"]
    assert sum(each["event"] == "tail_interrupted" for each in events) < 20


def answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code == 200
    except httpx.TransportError:
        return False


async def test_a_certificate_is_a_login_too(secured: Secured) -> None:
    mutual = secured.program("kafka").mutual()
    assert await asyncio.to_thread(tls_check.trouble, mutual) is None
    assert await admin.create_topics(mutual) == []  # it sees every topic: its certificate names a super user


def url_of(secured: Secured, *, query: str, host: str = "127.0.0.1") -> str:
    postgres: TlsPostgres = secured.program("postgres")
    return postgres.url.partition("?")[0].replace("@127.0.0.1:", f"@{host}:") + query


def test_each_disagreement_with_postgres_is_a_sentence(secured: Secured, infra: Infra) -> None:
    full, ca = "?sslmode=verify-full&sslrootcert=", secured.certificates.ca
    cases = {
        "other authority": (
            url_of(secured, query=full + secured.certificates.other_ca),
            "not trusted here: set sslrootcert in DATABASE_URL",
        ),
        "no file": (url_of(secured, query=f"{full}/nowhere.pem"), "A file that DATABASE_URL names"),
        "other host": (
            url_of(secured, query=full + ca, host="localhost"),
            "is for other hosts than the host of DATABASE_URL names",
        ),
        "plain to TLS": (url_of(secured, query="?sslmode=disable"), "set sslmode in DATABASE_URL"),
        "TLS to plain": (f"{infra.database_url}{full}{ca}", "speaks no TLS at the host of DATABASE_URL"),
    }
    for url, expected in cases.values():
        done = secured.command("relay", DATABASE_URL=url, HEALTH_PORT=str(ports.choose()))
        refused(done, expected)
        done = run(("ledger", "migrate"), secured.variables(DATABASE_URL=url))
        refused(done, expected)
        assert url.partition("@")[0].rpartition(":")[2] not in done.stdout + done.stderr
    refused(secured.command("ledger", DATABASE_URL=cases["other authority"][0]), cases["other authority"][1])


def test_each_disagreement_with_the_store_is_a_sentence(secured: Secured, infra: Infra) -> None:
    https = str(secured.program("s3").settings.endpoint_url)
    cases: dict[str, tuple[dict[str, str | None], str]] = {
        "other authority": (
            {"S3_CA_FILE": secured.certificates.other_ca},
            "not trusted here: set S3_CA_FILE",
        ),
        "no file": ({"S3_CA_FILE": "/nowhere.pem"}, "S3_CA_FILE names /nowhere.pem"),
        "other host": (
            {"S3_ENDPOINT_URL": https.replace("127.0.0.1", "localhost")},
            "is for other hosts than S3_ENDPOINT_URL names",
        ),
        "plain to TLS": (
            {"S3_ENDPOINT_URL": https.replace("https", "http")},
            "speaks TLS alone at S3_ENDPOINT_URL",
        ),
        "TLS to plain": (
            {"S3_ENDPOINT_URL": f"{infra.s3.endpoint_url}".replace("http:", "https:")},
            "speaks no TLS at S3_ENDPOINT_URL",
        ),
    }
    for changed, expected in cases.values():
        done = run(("bus.blobs",), secured.variables(**changed))
        refused(done, expected)
        assert secured.variables()["S3_SECRET_ACCESS_KEY"] not in done.stdout + done.stderr
    for role in ("gateway", "inference", "export", "partners"):
        health = {"HEALTH_PORT": str(ports.choose()), "GATEWAY_PORT": str(ports.choose())}
        done = secured.command(role, S3_CA_FILE=secured.certificates.other_ca, **health)
        refused(done, "not trusted here: set S3_CA_FILE")


# --- certificates that are replaced while the roles run ---


def test_new_certificates_of_the_same_authority_need_no_restart_of_a_role(
    secured: Secured, tmp_path: Path
) -> None:
    """Each server first shows one that has expired, then a new one; no role is restarted."""
    before = {name: part["restarts"] for name, part in secured.system.status()["roles"].items()}
    expired, authority = secured.certificates.expired, secured.certificates.authority
    postgres: TlsPostgres = secured.program("postgres")
    secured.do(shows(postgres, expired))
    wait(lambda: "has expired: replace it there" in secured.log("relay"))
    migrated = run(("ledger", "migrate"), secured.variables())
    refused(migrated, "at the host of DATABASE_URL has expired")
    time_of_waiting = [
        json.loads(line) for line in secured.log("relay").splitlines() if "has expired" in line
    ]
    assert all(each["level"] == "warning" for each in time_of_waiting)

    fresh = authority.sign("server", "127.0.0.1", left=3 * HOUR)  # under the names of the old files
    assert fresh == secured.certificates.server
    assert fresh.both.exists()
    postgres.show(fresh)
    postgres_reads_again(secured)

    TlsS3.shown = expired
    secured.restart("s3")
    refused(run(("bus.blobs",), secured.variables()), "at S3_ENDPOINT_URL has expired")
    TlsS3.shown = None
    secured.restart("s3")
    secured.restart("kafka")
    wait(secured.everything_ready)
    with secured.client() as client:
        assert generated(secured, client, tmp_path)["status"] == "completed"
    after = {name: part["restarts"] for name, part in secured.system.status()["roles"].items()}
    assert {name: after[name] for name in (*ROLES, "gateway")} == {
        name: before[name] for name in (*ROLES, "gateway")
    }


async def shows(postgres: TlsPostgres, files: Files) -> None:
    """Replace the server's certificate, let it read that, and end every session."""
    connection = await asyncpg.connect(postgres.url)
    postgres.show(files)
    await connection.execute("SELECT pg_reload_conf()")
    await connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    )
    await connection.close()


def postgres_reads_again(secured: Secured) -> None:
    """Let it read its files by the signal: nobody can connect any more."""
    pid = secured.system.supervisor.part("postgres").pid
    assert pid is not None
    os.kill(pid, 1)
