"""compose.yaml as Compose itself reads it; needs no engine."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from bus.runtime.secret_files import ELSEWHERE

ROOT = Path(__file__).parents[2]
ROLES = {"gateway", "relay", "webhooks", "partners", "export", "ledger"}
"""Those of every profile; inference has several."""


def has_compose() -> bool:
    docker = shutil.which("docker")
    if docker is None:
        return False
    return subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode == 0


pytestmark = pytest.mark.skipif(not has_compose(), reason="install Docker's plugin compose, 2.24.4 or later")


def filled() -> dict[str, str]:
    lines = (ROOT / ".env.example").read_text().splitlines()
    given = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    return {key: value or f"{key.lower()}-{'x' * 32}" for key, value in given.items()}


def compose(tmp_path: Path, values: dict[str, str], *files: str) -> subprocess.CompletedProcess[str]:
    env = tmp_path / "env"
    env.write_text("".join(f"{key}={value}\n" for key, value in values.items()))
    chosen = [f"--file={ROOT / file}" for file in files or ("compose.yaml",)]
    clean = {key: os.environ[key] for key in ("PATH", "HOME", "DOCKER_CONFIG") if key in os.environ}
    return subprocess.run(
        ["docker", "compose", *chosen, f"--env-file={env}", "config", "--format=json"],
        env=clean,
        capture_output=True,
        text=True,
        check=False,
    )


def read(tmp_path: Path, values: dict[str, str], *files: str) -> dict[str, Any]:
    done = compose(tmp_path, values, *files)
    assert done.returncode == 0, done.stderr
    assert "variable is not set" not in done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def environment(config: dict[str, Any], name: str) -> dict[str, str]:
    given = config["services"][name]["environment"]
    return {key: value for key, value in given.items() if value is not None}


@pytest.mark.parametrize(
    ("profiles", "added"),
    [
        ("stores,cpu", {"kafka", "postgres", "s3", "users", "bucket", "inference"}),
        ("cpu", {"inference"}),
        ("gpu", {"inference-gpu"}),
        ("sharp", {"inference-sharp"}),
        ("cpu,tls,observability", {"inference", "proxy", "prometheus", "collector", "grafana"}),
    ],
)
def test_a_profile_says_what_runs(tmp_path: Path, profiles: str, added: set[str]) -> None:
    config = read(tmp_path, filled() | {"COMPOSE_PROFILES": profiles})
    assert set(config["services"]) == ROLES | {"migrate", "topics"} | added


def test_a_key_of_env_reaches_its_role_alone(tmp_path: Path) -> None:
    own = {"INFERENCE_MAX_BATCH": "3", "GATEWAY_REQUESTS_PER_MINUTE": "7", "EXPORT_INSTANCE_ID": ""}
    config = read(tmp_path, filled() | own)
    assert environment(config, "inference")["INFERENCE_MAX_BATCH"] == "3"
    assert environment(config, "gateway")["GATEWAY_REQUESTS_PER_MINUTE"] == "7"
    assert environment(config, "export")["EXPORT_INSTANCE_ID"] == ""
    assert "INFERENCE_MAX_DELAY_MS" not in environment(config, "inference")
    for name, service in config["services"].items():
        if "deploy/docker/Dockerfile" in str(service.get("build")):
            assert ("GATEWAY_JWT_SECRET" in environment(config, name)) == (name == "gateway")
            assert "POSTGRES_PASSWORD" not in environment(config, name)


def test_stores_elsewhere_are_a_matter_of_env(tmp_path: Path) -> None:
    elsewhere = {
        "COMPOSE_PROFILES": "cpu",
        "STORES_INTERNAL": "false",
        "KAFKA_BOOTSTRAP_SERVERS": "b-1.kafka.example:9096,b-2.kafka.example:9096",
        "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "KAFKA_REPLICATION_FACTOR": "3",
        "DATABASE_HOST": "db.example",
        "DATABASE_SSLMODE": "verify-full",
        "DATABASE_SSLROOTCERT": "/etc/sharpstream-tls/postgres.pem",
        "CERTIFICATES_DIR": "/srv/certificates",
        "S3_ENDPOINT_URL": "",
        "S3_PUBLIC_ENDPOINT_URL": "",
        "S3_ACCESS_KEY_ID": "",
        "S3_SECRET_ACCESS_KEY": "",
    }
    config = read(tmp_path, filled() | elsewhere)
    given = environment(config, "gateway")
    assert given["KAFKA_BOOTSTRAP_SERVERS"] == elsewhere["KAFKA_BOOTSTRAP_SERVERS"]
    assert given["KAFKA_SECURITY_PROTOCOL"] == "SASL_SSL"
    assert environment(config, "topics")["KAFKA_REPLICATION_FACTOR"] == "3"
    for name, user in {"gateway": "sharpstream_gateway", "migrate": "sharpstream"}.items():
        options = "sslmode=verify-full&sslrootcert=/etc/sharpstream-tls/postgres.pem"
        url = f"postgresql://{user}@db.example:5432/sharpstream?{options}"
        assert environment(config, name)["DATABASE_URL"] == url
    assert given["S3_ENDPOINT_URL"] == given["S3_ACCESS_KEY_ID"] == given["S3_SECRET_ACCESS_KEY"] == ""
    for name in (*ROLES, "inference", "migrate", "topics"):
        mounts = {each["target"]: each["source"] for each in config["services"][name]["volumes"]}
        assert mounts["/etc/sharpstream-tls"] == "/srv/certificates", name
    inner = {name: network.get("internal", False) for name, network in config["networks"].items()}
    assert not any(inner[name] for name in ("kafka", "store", "database"))


def test_with_secrets_as_files_no_container_has_one_in_a_variable(tmp_path: Path) -> None:
    names = {
        "S3_ACCESS_KEY_ID": "admin-key",
        "COMPOSE_PROFILES": "stores,cpu,gpu,sharp",
        "SECRETS_DIR": "/srv/s",
    }
    lines = (ROOT / ".env.example").read_text().splitlines()
    empty = {line[:-1] for line in lines if line.endswith("=") and not line.startswith("#")}
    values = dict.fromkeys(empty, ELSEWHERE) | names
    config = read(tmp_path, values, "compose.yaml", "compose.secrets.yaml")
    for name, service in config["services"].items():
        given = environment(config, name)
        assert ELSEWHERE not in str(given), name
        mounted = {f"/run/secrets/{each['source']}" for each in service.get("secrets", [])}
        files = {value for key, value in given.items() if key.endswith("_FILE")}
        assert files == mounted, name
        assert files, f"{name} has no secret at all"
    assert config["secrets"]["gateway_jwt_secret"]["file"] == "/srv/s/gateway_jwt_secret"
    relay = {each["source"] for each in config["services"]["relay"]["secrets"]}
    assert relay == {"role_password_relay"}


def test_a_missing_secret_is_named(tmp_path: Path) -> None:
    text = (ROOT / "compose.yaml").read_text()
    asked = set(re.findall(r"(?<!\$)\$\{([A-Z0-9_]+):\?", text))
    assert len(asked) > 5
    for key in sorted(asked):
        done = compose(tmp_path, filled() | {key: ""})
        assert done.returncode != 0
        assert f"Set {key} in .env" in done.stderr


def test_the_end_to_end_tests_overlay_is_read_too(tmp_path: Path) -> None:
    ports = {
        f"E2E_{name}_PORT": str(20_000 + n) for n, name in enumerate(("GATEWAY", "S3", "KAFKA", "POSTGRES"))
    }
    config = read(tmp_path, filled() | ports, "compose.yaml", "tests/e2e/compose.yaml")
    published = {port["published"] for each in config["services"].values() for port in each.get("ports", [])}
    assert published == set(ports.values())
