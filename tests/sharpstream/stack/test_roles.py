"""The model is chosen once for all roles, and a role's health port says how it is."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from bus.runtime.health import HealthServer
from bus.runtime.settings import KafkaSettings, S3Settings
from sharpstream.stack import ports, roles
from sharpstream.stack.state_dir import Home, Memory


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, "layered"),
        ({"SHARP_CHECKPOINT": "weights.pt"}, "sharp"),
        ({"SHARP_CHECKPOINT": "weights.pt", "INFERENCE_MODEL": "null"}, "null"),
    ],
)
def test_the_model_follows_the_checkpoint(
    home: Home, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], expected: str
) -> None:
    for key in ("SHARP_CHECKPOINT", "INFERENCE_MODEL"):
        monkeypatch.delenv(key, raising=False)
    for key, value in environment.items():
        monkeypatch.setenv(key, value)
    memory = Memory(home)
    servers = roles.Servers(
        kafka=KafkaSettings(bootstrap_servers="127.0.0.1:1", username="u", password=SecretStr("p")),
        s3=S3Settings(endpoint_url="http://127.0.0.1:1"),
        database_url="postgresql://127.0.0.1:1/x",
    )
    launched = {role.name: role.launch().env for role in roles.roles(home, memory, servers)}
    assert launched["gateway"]["GATEWAY_MODEL"] == expected
    assert launched["inference"]["INFERENCE_MODEL"] == expected
    assert "DATABASE_URL" not in launched["inference"]


async def test_a_role_is_ready_when_its_health_port_says_so_and_has_its_note(home: Home) -> None:
    port = ports.choose()
    role = roles.Role("inference", ("inference_consumer",), {}, home, port)
    assert await role.ready() is False
    said: list[str | None] = ["moge2-s is fetched, 41% of 141 MB", None]
    async with HealthServer("127.0.0.1", port, lambda: True, lambda: said[0]):
        assert await role.ready() is True
        assert role.note == "moge2-s is fetched, 41% of 141 MB"
        said[0] = None
        assert await role.ready() is True
        assert role.note is None
