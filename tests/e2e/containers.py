"""The system as containers: the unchanged compose.yaml with its own project name and ports."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from testcontainers.compose import DockerCompose

from sharpstream.stack import ports
from tests.e2e.system import System

ROOT = Path(__file__).parents[2]
FILES = ["compose.yaml", "tests/e2e/compose.yaml"]
CHOICE = "SHARPSTREAM_TEST_SYSTEM"
"""``containers`` or ``stack`` chooses the system under test; unset, an engine that answers is used."""
EMAIL = "e2e@example.org"
USER = "sharpstream"
"""The name of Kafka's and Postgres' own user in compose.yaml."""
PROBE_S = 20


def engine_answers() -> bool:
    """Return whether an engine with compose answers; ``info`` asks the engine, not only its client."""
    docker = shutil.which("docker")
    if docker is None:
        return False
    try:
        return all(
            subprocess.run([docker, *ask], capture_output=True, timeout=PROBE_S, check=False).returncode == 0
            for ask in (["info"], ["compose", "version"])
        )
    except subprocess.TimeoutExpired:
        return False


def chosen(environment: Mapping[str, str], *, engine: bool) -> str:
    """Return ``containers`` or ``stack``. Raises `ValueError` for an unknown choice."""
    said = environment.get(CHOICE) or ("containers" if engine else "stack")
    if said not in {"containers", "stack"}:
        raise ValueError(f"{CHOICE} is containers or stack, not {said}.")
    return said


class Containers(System):
    """The services of compose.yaml, reached by their published ports."""

    def __init__(self, home: Path, values: Mapping[str, str], admin: Mapping[str, str]) -> None:
        self._values, self._admin = values, admin
        self.env = os.environ | {
            "SHARPSTREAM_HOME": str(home),  # no stack runs there, so none answers instead
            "XDG_CONFIG_HOME": str(home / "config"),
            "SHARPSTREAM_URL": self.url,
            "SHARPSTREAM_API_KEY": admin["api_key"],
        }

    @property
    def url(self) -> str:
        """Return the gateway's published address."""
        return self._values["GATEWAY_PUBLIC_URL"]

    @property
    def credentials(self) -> dict[str, Any]:
        """Return the first account and its key, and the servers' addresses from outside.

        Of Kafka's listeners only the partners' is published. The admin user may log in there too.
        """
        values = self._values
        return {
            **self._admin,
            "database_url": f"postgresql://{USER}:{values['POSTGRES_PASSWORD']}"
            f"@127.0.0.1:{values['E2E_POSTGRES_PORT']}/{USER}",
            "kafka": {
                "bootstrap_servers": values["PARTNERS_BOOTSTRAP_SERVERS"],
                "security_protocol": "SASL_PLAINTEXT",
                "sasl_mechanism": "SCRAM-SHA-512",
                "username": USER,
                "password": values["KAFKA_PASSWORD"],
            },
            "s3": {
                "endpoint_url": values["S3_PUBLIC_ENDPOINT_URL"],
                "access_key_id": values["S3_ACCESS_KEY_ID"],
                "secret_access_key": values["S3_SECRET_ACCESS_KEY"],
                "bucket": "sharpstream",
            },
        }


def values() -> dict[str, str]:
    """Return the content of .env: random words for the keys left empty in .env.example, and free ports."""
    lines = (ROOT / ".env.example").read_text().splitlines()
    empty = [line[:-1] for line in lines if line.endswith("=") and not line.startswith("#")]
    port = {name: str(ports.choose()) for name in ("GATEWAY", "S3", "KAFKA", "POSTGRES")}
    return {
        **{key: secrets.token_hex(24) for key in empty},
        **{f"E2E_{name}_PORT": number for name, number in port.items()},
        "COMPOSE_PROFILES": "stores,cpu",
        "GATEWAY_MODEL": "card",
        "INFERENCE_MODEL": "card",
        "GATEWAY_PUBLIC_URL": f"http://127.0.0.1:{port['GATEWAY']}",
        "S3_PUBLIC_ENDPOINT_URL": f"http://127.0.0.1:{port['S3']}",
        "PARTNERS_BOOTSTRAP_SERVERS": f"127.0.0.1:{port['KAFKA']}",
    }


@contextmanager
def containers(home: Path) -> Iterator[Containers]:
    """Build and start the services, and always remove them with their volumes. ``home`` holds the .env."""
    env = values()
    env_file = home / ".env"
    env_file.write_text("".join(f"{key}={value}\n" for key, value in env.items()))
    compose = DockerCompose(ROOT, compose_file_name=FILES, build=True, env_file=str(env_file))
    with compose:
        command = ["python", "-m", "gateway", "create-admin", "--email", EMAIL, "--api-key-name", "e2e"]
        said, _, _ = compose.exec_in_container(command, "gateway")  # raises where the status is not 0
        yield Containers(home, env, json.loads(said))
