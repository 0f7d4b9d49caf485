"""The running gateway behaves as its OpenAPI document says.

Schemathesis generates valid and invalid requests from the document and checks every response against it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest

from bus.runtime.settings import S3Settings
from sharpstream.stack import ports
from tests.conftest import Infra

pytestmark = pytest.mark.stack
EMAIL, PASSWORD = "admin@example.com", "correct horse battery"
GIVE_UP_S = 60  # only turns a hang into a failure
CONFIG = Path(__file__).with_name("schemathesis.toml")


@pytest.fixture
def gateway(infra: Infra, s3_settings: S3Settings, fresh_database: str) -> Iterator[str]:
    """A gateway process with one admin; yields its URL."""
    port = ports.choose()
    url = f"http://127.0.0.1:{port}"
    environment = os.environ | {
        "DATABASE_URL": fresh_database,
        "S3_ENDPOINT_URL": s3_settings.endpoint_url,
        "S3_ACCESS_KEY_ID": s3_settings.access_key_id.get_secret_value(),
        "S3_SECRET_ACCESS_KEY": s3_settings.secret_access_key.get_secret_value(),
        "S3_BUCKET": s3_settings.bucket,
        "KAFKA_BOOTSTRAP_SERVERS": infra.kafka.bootstrap_servers,
        "KAFKA_SECURITY_PROTOCOL": infra.kafka.security_protocol,
        "KAFKA_SASL_MECHANISM": infra.kafka.sasl_mechanism,
        "KAFKA_USERNAME": infra.kafka.username,
        "KAFKA_PASSWORD": infra.kafka.password.get_secret_value(),
        "GATEWAY_PORT": str(port),
        "GATEWAY_PUBLIC_URL": url,
        "GATEWAY_JWT_SECRET": "a secret of the tests, long enough for HS256",
        "GATEWAY_API_KEY_PEPPER": "a pepper of the tests, long enough as well",
        "GATEWAY_BCRYPT_ROUNDS": "4",
        "WEBHOOKS_KEY": "a key of the tests that seals webhook secrets",
        "SHARPSTREAM_ADMIN_PASSWORD": PASSWORD,
        "LOG_LEVEL": "WARNING",
    }
    python = [sys.executable, "-m", "gateway"]
    subprocess.run(
        [*python, "create-admin", "--email", EMAIL, "--api-key-name", "first"], env=environment, check=True
    )
    process = subprocess.Popen(python, env=environment)
    try:
        _wait_for(url, process)
        yield url
    finally:
        process.terminate()
        process.wait()


def test_the_gateway_behaves_as_its_openapi_document_says(gateway: str, tmp_path: Path) -> None:
    check(gateway, tmp_path, phases="examples", most=1)


@pytest.mark.drill
def test_the_gateway_behaves_so_under_a_long_fuzz(gateway: str, tmp_path: Path) -> None:
    check(gateway, tmp_path, phases="examples,coverage,fuzzing,stateful", most=60)


def check(gateway: str, tmp_path: Path, *, phases: str, most: int) -> None:
    """Send requests made from the document, ``most`` of each kind, and check every response."""
    token = _token(gateway)
    command = [
        *(Path(sys.executable).parent / "st", "--config-file", CONFIG, "run", f"{gateway}/docs/openapi.json"),
        *("--header", f"Authorization: Bearer {token}"),
        *("--checks", "all", "--phases", phases),
        *(
            "--max-examples",
            str(most),
            "--seed",
            "1",
            "--generation-database",
            "none",
            "--continue-on-failure",
        ),
        *("--request-timeout", "20", "--no-color"),
    ]
    answer = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr


def _token(url: str) -> str:
    body = json.dumps({"email": EMAIL, "password": PASSWORD}).encode()
    request = Request(f"{url}/api/v1/users/login", body, {"Content-Type": "application/json"})
    with urlopen(request) as answer:
        return str(json.load(answer)["access_token"])


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + GIVE_UP_S
    while True:
        assert process.poll() is None, "the gateway ended"
        try:
            urlopen(f"{url}/health/ready").close()
        except (URLError, ConnectionError):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return
