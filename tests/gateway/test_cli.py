"""The processes as an operator starts and stops them."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from bus.runtime.settings import S3Settings
from sharpstream.stack import ports
from sharpstream.stack.postgres import psql
from tests.gateway.pictures import encoded

SECRETS = {"GATEWAY_JWT_SECRET": "j" * 40, "GATEWAY_API_KEY_PEPPER": "p" * 40, "WEBHOOKS_KEY": "w" * 40}
ADMIN = ["create-admin", "--email", "admin@example.com", "--api-key-name", "first"]


@pytest.fixture
def environment(fresh_database: str, s3_settings: S3Settings) -> dict[str, str]:
    return SECRETS | {
        "DATABASE_URL": fresh_database,
        "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9",
        "KAFKA_SECURITY_PROTOCOL": "PLAINTEXT",
        "S3_ENDPOINT_URL": s3_settings.endpoint_url or "",
        "S3_ACCESS_KEY_ID": s3_settings.access_key_id.get_secret_value(),
        "S3_SECRET_ACCESS_KEY": s3_settings.secret_access_key.get_secret_value(),
        "S3_BUCKET": s3_settings.bucket,
        "GATEWAY_BCRYPT_ROUNDS": "4",
        "GATEWAY_PORT": str(ports.choose()),
        "PATH": os.environ["PATH"],
    }


def run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gateway", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=180, check=False)


@contextmanager
def process(environment: dict[str, str], ready: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Start a process and wait until it answers at ``ready``; kill it at the end if it still runs."""
    command = [sys.executable, "-m", "gateway", *arguments]
    child = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 180
        while True:
            try:
                httpx.get(ready)
                break
            except httpx.TransportError:
                assert child.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
        yield child
    finally:
        child.kill()
        child.communicate()


@pytest.mark.parametrize("command", ["serve", "relay"])
def test_wrong_settings_are_described_in_a_sentence(command):
    done = run({"PATH": os.environ["PATH"]}, command)
    assert done.returncode == 2
    assert "KAFKA_BOOTSTRAP_SERVERS" in done.stderr or "GATEWAY_JWT_SECRET" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_postgres_it_does_not_start(environment):
    done = run(environment | {"DATABASE_URL": "postgresql://u:p@127.0.0.1:9/d"})
    assert done.returncode == 2
    assert "DATABASE_URL" in done.stderr
    assert "Traceback" not in done.stderr + done.stdout


@pytest.mark.parametrize("key", ["GATEWAY_PORT", "HEALTH_PORT"])
def test_a_port_in_use_is_said_in_a_sentence(environment, key):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = run(environment | {key: str(port)}, "serve")
    assert done.returncode == 2
    assert str(port) in done.stderr
    assert "Address already in use" in done.stderr or "address already in use" in done.stderr
    assert "Traceback" not in done.stderr + done.stdout


def test_serves_and_stops_on_sigterm_with_streams_open(environment):
    port = environment["GATEWAY_PORT"]
    health = ports.choose({int(port)})
    environment |= {"HEALTH_PORT": str(health)}
    key = json.loads(run(environment, *ADMIN).stdout)["api_key"]
    url = f"http://127.0.0.1:{port}"
    with (
        process(environment, f"{url}/health/live") as child,
        httpx.Client(base_url=url, timeout=30) as client,
    ):
        assert client.get("/health/ready").json()["status"] == "ready"
        assert httpx.get(f"http://127.0.0.1:{health}/health/ready", timeout=30).json() == {"status": "ready"}
        photo = {"image": ("p.jpg", encoded("JPEG"))}
        made = client.post("/api/v1/scenes/generate", headers={"X-API-Key": key}, files=photo)
        assert made.status_code == 202, made.text
        with client.stream("GET", made.headers["location"] + "/events", headers={"X-API-Key": key}) as stream:
            lines = stream.iter_lines()
            assert next(lines).startswith("retry: ")
            child.send_signal(signal.SIGTERM)
            assert "event: " not in "".join(lines)  # the server ended the stream without an error
        out, _ = child.communicate(timeout=120)
        assert child.returncode == 0
    events = [json.loads(line)["event"] for line in out.splitlines()]
    assert events[-1] == "stopped"
    assert key not in out


def test_relay_stops_on_sigterm(environment):
    port = ports.choose()
    environment |= {"DATABASE_URL": "postgresql://u:p@127.0.0.1:9/d", "HEALTH_PORT": str(port)}
    with process(environment, f"http://127.0.0.1:{port}/health/live", "relay") as child:
        assert httpx.get(f"http://127.0.0.1:{port}/health/ready").status_code == 503
        child.send_signal(signal.SIGTERM)
        child.communicate(timeout=120)
        assert child.returncode == 0


def test_create_admin_makes_and_resets_the_first_account(environment):
    first = run(environment, *ADMIN)
    assert first.returncode == 0, first.stderr
    made = json.loads(first.stdout)
    assert made["email"] == "admin@example.com"
    assert len(made["password"]) >= 20
    assert made["api_key"].startswith("ss_")
    again = run(environment, *ADMIN)
    assert (again.returncode, json.loads(again.stdout)) == (0, {"email": "admin@example.com"})
    chosen = {"SHARPSTREAM_ADMIN_PASSWORD": "chosen by the operator"}
    reset = json.loads(run(environment | chosen, *ADMIN, "--reset").stdout)
    assert reset["password"] == "chosen by the operator"
    acts = psql(environment["DATABASE_URL"], "SELECT action FROM admin_acts WHERE actor IS NULL ORDER BY at")
    assert acts.split("\n") == ["create-admin", "create-admin --reset"]
    url = f"http://127.0.0.1:{environment['GATEWAY_PORT']}"
    with process(environment, f"{url}/health/live"):
        for key, status in ((made["api_key"], 401), (reset["api_key"], 200)):
            assert httpx.get(f"{url}/api/v1/scenes", headers={"X-API-Key": key}).status_code == status
        body = {"email": "admin@example.com", "password": reset["password"]}
        token = httpx.post(f"{url}/api/v1/users/login", json=body).json()["access_token"]
        me = httpx.get(f"{url}/api/v1/users/me", headers={"Authorization": f"Bearer {token}"}).json()
        assert me["role"] == "admin"


def test_an_unsuitable_address_or_password_is_reported(environment):
    bad = run(environment, "create-admin", "--email", "nobody", "--api-key-name", "x")
    assert (bad.returncode, bad.stdout) == (2, "")
    assert "e-mail" in bad.stderr
    short = run(environment | {"SHARPSTREAM_ADMIN_PASSWORD": "short"}, *ADMIN)
    assert short.returncode == 2
    assert "10 characters" in short.stderr
