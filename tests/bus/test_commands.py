"""The two commands that run before any role report errors as a sentence and a status, without a traceback."""

from __future__ import annotations

import subprocess
import sys

import pytest


def run(module: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", module]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    ("module", "environment", "status", "says"),
    [
        ("bus.kafka.admin", {}, 2, "KAFKA_BOOTSTRAP_SERVERS"),
        (
            "bus.kafka.admin",
            {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"},
            1,
            "Kafka does not answer at 127.0.0.1:1",
        ),
        ("bus.blobs", {"S3_PRESIGN_SECONDS": "0"}, 2, "S3_PRESIGN_SECONDS"),
        ("bus.blobs", {"S3_ENDPOINT_URL": "http://127.0.0.1:1"}, 1, "cannot be reached"),
    ],
)
def test_an_error_is_one_sentence_and_a_status(
    module: str, environment: dict[str, str], status: int, says: str
) -> None:
    extra = {"KAFKA_SECURITY_PROTOCOL": "PLAINTEXT", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    done = run(module, **extra, **environment)
    assert done.returncode == status, done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr
