"""A shell's variables of other work never reach this system; its own do.

| class | members | source |
|---|---|---|
| libraries' variables | `PG*`, `AWS_*`, `PYTHON*`, `JAVA_*`, `NODE_ENV` | boto3#4121, radical.pilot#973 |
| settings of another installation | `KAFKA_*`, `S3_*`, `DATABASE_URL` | the same names in containers |
| proxies | upper and lower case, with and without `NO_PROXY` | localstack#239, rallly#2901, ddev#2377 |
| a user without a home | no `HOME`, one that is not there | passenger#1849, openshift/origin#23369 |
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.request import getproxies_environment, proxy_bypass_environment

import pytest

from sharpstream.stack import environment
from sharpstream.stack.errors import SettingsError
from sharpstream.stack.state_dir import Home

ROOT = Path(__file__).parents[3]
HOSTILE = {
    "AWS_PROFILE": "work",
    "AWS_CA_BUNDLE": "/nowhere",
    "DATABASE_URL": "postgresql://theirs",
    "JAVA_TOOL_OPTIONS": "-Xmx1m",
    "_JAVA_OPTIONS": "-Xmx1m",
    "KAFKA_OPTS": "-Dx",
    "KAFKA_TOPIC_EPOCH": "7",
    "LD_PRELOAD": "/nowhere.so",
    "MAVEN_OPTS": "-Xmx1m",
    "NODE_ENV": "production",
    "NODE_OPTIONS": "--bad",
    "npm_config_production": "true",
    "PGSSLMODE": "require",
    "PGOPTIONS": "-c default_transaction_read_only=on",
    "PYTHONHOME": "/nowhere",
    "PYTHONPATH": "/nowhere",
    "PYTHONSTARTUP": "/nowhere",
    "S3_BUCKET": "theirs",
    "SSL_CERT_FILE": "/nowhere",
}


def test_only_the_systems_own_keys_pass(home: Home, tmp_path: Path) -> None:
    own = {"PATH": "/bin", "HOME": str(tmp_path), "LANG": "C.UTF-8", "LC_ALL": "C", "GATEWAY_PORT": "9000"}
    own |= {"OTEL_SERVICE_NAME": "x", "LOG_LEVEL": "DEBUG"}
    part = environment.of_part(home, "ledger", HOSTILE | own)
    marks = {"SHARPSTREAM_HOME": str(home.root), "SHARPSTREAM_PART": "ledger", "PYTHONUNBUFFERED": "1"}
    assert part == own | marks | {"TMPDIR": str(home.root / "tmp")}
    supervisor = environment.of_supervisor(home, HOSTILE | own | {"JAVA_HOME": "/jdk"})
    assert supervisor == own | {
        "JAVA_HOME": "/jdk", "SHARPSTREAM_HOME": str(home.root), "SHARPSTREAM_PART": "supervisor",
    }  # fmt: skip


def test_every_documented_key_passes_or_is_the_stacks_own() -> None:
    documented = re.findall(r"^#? ?([A-Z][A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    own = ("KAFKA_", "S3_", "DATABASE_", "HEALTH_", "ROLE_PASSWORD_", "POSTGRES_PASSWORD")
    own += ("ROLE_SECOND_PASSWORD_",)  # `sharpstream secrets rotate` knows them
    own += ("COMPOSE_", "SECRETS_DIR", "CERTIFICATES_DIR", "TRACES_ENDPOINT", "STORES_INTERNAL", "PROXY_")
    own += ("GRAFANA_PASSWORD",)  # of the containers
    assert len(documented) > 100
    left = [key for key in documented if not key.startswith((*environment.KEYS, *own))]
    assert left == []


@pytest.mark.parametrize("name", ["HTTP_PROXY", "https_proxy", "ALL_PROXY"])
@pytest.mark.parametrize("no_proxy", [{}, {"NO_PROXY": "corp.example"}, {"no_proxy": "corp.example"}])
def test_this_machine_is_never_reached_through_a_proxy(
    home: Home, monkeypatch: pytest.MonkeyPatch, name: str, no_proxy: dict[str, str]
) -> None:
    part = environment.of_part(home, "gateway", {name: "http://127.0.0.1:9"} | no_proxy)
    for key in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(key, part[key])
    monkeypatch.setenv(name, part[name])
    assert getproxies_environment()
    for host in ("127.0.0.1", "localhost", "::1"):
        assert proxy_bypass_environment(host), host
    assert bool(proxy_bypass_environment("corp.example")) == bool(no_proxy)
    assert not proxy_bypass_environment("example.com")


@pytest.mark.parametrize("given", [{}, {"HOME": ""}, {"HOME": "/nonexistent"}])
def test_without_a_home_folder_the_state_directory_is_one(home: Home, given: dict[str, str]) -> None:
    assert environment.of_part(home, "ledger", given)["HOME"] == str(home.root)


def test_settings_env_is_read_and_the_shell_wins(home: Home) -> None:
    (home.root / "settings.env").write_text(
        "# mine\n\nexport GATEWAY_PORT=9000\nINFERENCE_MODEL = 'card'\nGATEWAY_PUBLIC_URL=\"https://x.example/?a=b\"\n"
    )
    made = environment.of_supervisor(home, {"GATEWAY_PORT": "9001"})
    assert (made["GATEWAY_PORT"], made["INFERENCE_MODEL"]) == ("9001", "card")
    assert made["GATEWAY_PUBLIC_URL"] == "https://x.example/?a=b"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("GATEWAY_PORT\n", "Line 1"),
        ("\nPGSSLMODE=require\n", "PGSSLMODE is no key of this system"),
        ("KAFKA_TOPIC_EPOCH=2\n", "KAFKA_TOPIC_EPOCH is no key"),
        ("gateway_port=1\n", "Line 1"),
    ],
)
def test_a_line_that_is_no_setting_is_named(home: Home, text: str, said: str) -> None:
    (home.root / "settings.env").write_text(text)
    with pytest.raises(SettingsError, match=said):
        environment.settings(home)
