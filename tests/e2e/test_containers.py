"""The same system in containers, where an engine runs: compose.yaml is started as it stands."""

from __future__ import annotations

import json
import secrets
import subprocess
from pathlib import Path

import httpx
import pytest
from testcontainers.compose import DockerCompose

from tests.e2e import photos

pytestmark = pytest.mark.stack

ROOT = Path(__file__).parents[2]


def engine_runs() -> bool:
    """Whether a container engine answers."""
    try:
        return (
            subprocess.run(["docker", "info"], capture_output=True, timeout=20, check=False).returncode == 0
        )
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return False


@pytest.mark.skipif(not engine_runs(), reason="no container engine answers on this machine")
def test_a_photo_goes_through_the_containers(tmp_path: Path) -> None:
    keys = [
        line.split("=")[0]
        for line in (ROOT / ".env.example").read_text().splitlines()
        if line.endswith("=") and not line.startswith("#")
    ]
    env_file = tmp_path / ".env"
    env_file.write_text("".join(f"{key}={secrets.token_urlsafe(32)}\n" for key in keys))
    with DockerCompose(str(ROOT), build=True, env_file=str(env_file)) as compose:
        made, _, code = compose.exec_in_container(
            ["python", "-m", "gateway", "create-admin", "--email", "a@example.org", "--api-key-name", "test"],
            "gateway",
        )
        assert code == 0
        host, port = compose.get_service_host_and_port("gateway", 8080)
        key = json.loads(made)["api_key"]
        with httpx.Client(base_url=f"http://{host}:{port}/api/v1", headers={"X-API-Key": key}) as client:
            photo = photos.landscape(tmp_path)
            answer = client.post("/scenes/generate", files={"image": (photo.name, photo.read_bytes())})
            assert answer.status_code == 202, answer.text
            job = answer.json()["generation_id"]
            with client.stream("GET", f"/scenes/{job}/events", timeout=120) as stream:
                events = [line for line in stream.iter_lines() if line.startswith("event:")]
        assert events[-1] == "event: generation.completed.v1"
