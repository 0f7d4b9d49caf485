"""Every documented key reaches the roles that read it, and no other: compose.yaml and its generated keys."""

from __future__ import annotations

import ast
import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from bus.runtime import secret_files, telemetry
from tests.deploy import compose_file

ROOT = Path(__file__).parents[2]
SERVICES = compose_file.services(ROOT / "compose.yaml")
ROLES = ("gateway", "relay", "webhooks", "partners", "inference", "export", "ledger")
CODE = {
    "gateway": ("gateway/settings.py",),
    "relay": ("gateway/relay.py",),
    "webhooks": ("gateway/webhooks/app.py",),
    "partners": ("gateway/partners/app.py",),
    "inference": ("inference_consumer/settings.py",),
    "export": ("export_consumer/settings.py",),
    "ledger": ("ledger/settings.py",),
    "migrate": ("ledger/cli.py",),
    "topics": ("bus/kafka/admin.py",),
    "users": ("gateway/partners/role_users.py",),
    "bucket": ("bus/blobs.py",),
}
"""Where the settings of each are loaded."""
FIXED = {
    "HEALTH_HOST": "0.0.0.0",
    "HEALTH_PORT": "8081",
    "GATEWAY_HOST": "0.0.0.0",
    "GATEWAY_PORT": "8080",  # inside; .env's is the port on this machine
    "SHARPSTREAM_CACHE": "/var/cache/sharpstream",
}
"""What is the container's own, and no one's choice."""


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("environment", ROOT / "deploy" / "environment.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


environment = load()
EVERY = {**environment.ROLES, **environment.ONCE}
PAIRS = [
    (role, key)
    for role, classes in environment.ROLES.items()
    for settings in classes
    for key in environment.keys(settings)
]


def test_the_committed_keys_are_up_to_date() -> None:
    assert (ROOT / "deploy/compose/keys.yaml").read_text() == environment.compose(), (
        "run: .venv/bin/python deploy/environment.py compose > deploy/compose/keys.yaml"
    )


def test_the_committed_secrets_are_up_to_date() -> None:
    assert (ROOT / "compose.secrets.yaml").read_text() == environment.secrets(), (
        "run: .venv/bin/python deploy/environment.py secrets > compose.secrets.yaml"
    )


@pytest.mark.parametrize("name", list(EVERY))
def test_the_table_of_settings_is_what_the_code_loads(name: str) -> None:
    loaded = set()
    for path in CODE[name]:
        for node in ast.walk(ast.parse((ROOT / path).read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "load":
                loaded.add(ast.unparse(node.args[0]))
    known = {settings.__name__ for settings in EVERY[name]}
    # ``RoleSettings`` is loaded by what starts every role.
    assert loaded | {"RoleSettings"} == known


def test_every_class_of_settings_belongs_to_a_role() -> None:
    classes = {each for package in environment.MODULES for each in environment.settings_classes(package)}
    assert classes == {settings for known in EVERY.values() for settings in known}


@pytest.mark.parametrize(("role", "key"), PAIRS, ids=str)
def test_a_key_reaches_its_role(role: str, key: str) -> None:
    given = SERVICES[role]["environment"]
    if key in FIXED:
        assert given[key] == FIXED[key]
    elif key in environment.OWN:
        if role != "ledger" or not key.startswith("S3_"):
            assert given[key], "the role's own user"
    elif role == "ledger" and key.startswith("S3_") and key != "S3_BUCKET":
        assert key not in given, "the ledger never opens the store"
    else:
        assert key in given
        value = given[key]
        assert value is None or re.match(rf"\$\{{{key}\b", value), f"{key} of .env does not reach {role}"


@pytest.mark.parametrize("name", list(EVERY))
def test_no_role_gets_what_is_anothers(name: str) -> None:
    own = {key for settings in EVERY[name] for key in environment.keys(settings)}
    allowed = own | {f"{key}{secret_files.SUFFIX}" for key in own} | set(telemetry.VARIABLES)
    given = SERVICES[name]["environment"]
    assert set(given) <= allowed
    passwords = set(re.findall(r"ROLE_PASSWORD_[A-Z]+", str(given)))
    if name in ROLES:
        assert passwords == {f"ROLE_PASSWORD_{name.upper()}"}
        assert "ROLE_PASSWORD_" not in "".join(given)


@pytest.mark.parametrize("name", [*EVERY, "inference-gpu", "inference-sharp"])
def test_the_standard_keys_of_traces_reach_everyone(name: str) -> None:
    assert set(telemetry.VARIABLES) <= set(SERVICES[name]["environment"])


def test_secrets_without_a_value_here_may_be_files() -> None:
    given = SERVICES["gateway"]["environment"]
    assert "GATEWAY_JWT_PREVIOUS_SECRET" in given
    assert "GATEWAY_JWT_PREVIOUS_SECRET_FILE" in given
    assert "GATEWAY_PORT_FILE" not in given


def test_every_key_that_compose_alone_reads_is_documented() -> None:
    text = (ROOT / "compose.yaml").read_text() + (ROOT / "compose.secrets.yaml").read_text()
    asked = set(re.findall(r"(?<!\$)\$\{([A-Z][A-Z0-9_]*)", text))
    documented = set(
        re.findall(r"^#? ?([A-Z][A-Z0-9_]*)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    )
    images = {key for key in asked if key.startswith("IMAGE_")}  # `python deploy/images.py environment`
    assert asked - images <= documented
    assert set(environment.COMPOSE) <= asked
