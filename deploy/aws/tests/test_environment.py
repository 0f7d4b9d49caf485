"""Every container gets the keys that its role needs, each is documented, and every secret comes as one."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from deploy.aws import contract
from deploy.aws.config import FARGATE, PREVIOUS, load
from deploy.aws.tests.conftest import Deployment, synthesise

ROOT = Path(__file__).parents[3]
ROLES = (*FARGATE, "inference")
DOCUMENTED = set(re.findall(r"^#? ?([A-Z][A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
SETTINGS = {
    "gateway": ("KafkaSettings", "S3Settings", "DatabaseSettings", "GatewaySettings", "WebhookSettings"),
    "relay": ("KafkaSettings", "DatabaseSettings", "RelaySettings"),
    "webhooks": ("KafkaSettings", "DatabaseSettings", "WebhookSettings"),
    "partners": ("KafkaSettings", "S3Settings", "DatabaseSettings", "PartnerBridgeSettings"),
    "inference": ("KafkaSettings", "S3Settings", "InferenceSettings"),
    "export": ("KafkaSettings", "S3Settings", "DatabaseSettings", "ExportSettings"),
    "ledger": ("KafkaSettings", "DatabaseSettings", "LedgerSettings"),
}
"""The settings that each role reads, as its ``read`` does."""
OURS = {"SHARPSTREAM_ADMIN_PASSWORD", "AWS_REGION"}
"""The first is read by a command alone; the second CDK gives to tasks on instances."""


def plain(container: dict) -> dict[str, object]:
    return {each["Name"]: each["Value"] for each in container.get("Environment", [])}


def handed(container: dict) -> set[str]:
    return {each["Name"] for each in container.get("Secrets", [])}


@pytest.mark.parametrize("role", ROLES)
def test_a_role_gets_every_key_that_has_no_default(each: Deployment, role: str) -> None:
    container = each.container(role)
    known = contract.facts()["keys"]
    required = {key for name in SETTINGS[role] for key, needed in known[name].items() if needed}
    assert required, "the settings say what is required"
    assert required - plain(container).keys() - handed(container) == set()


@pytest.mark.parametrize("role", ROLES)
def test_a_role_gets_what_compose_refuses_to_start_without(each: Deployment, role: str) -> None:
    service = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"][role]
    needed = {key for key, value in service["environment"].items() if ":?" in str(value)}
    given = plain(each.container(role)).keys() | handed(each.container(role))
    assert needed - given <= {"S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY"}  # a task has AWS's own


@pytest.mark.parametrize("role", [*ROLES, "migrate", "topics", "users", "admin"])
def test_what_a_container_gets_is_documented(production: Deployment, role: str) -> None:
    container = production.container(role)
    assert (plain(container).keys() | handed(container)) - OURS - DOCUMENTED == set()


@pytest.mark.parametrize("role", [*ROLES, "migrate", "topics", "users", "admin"])
def test_a_secret_is_never_a_plain_value(each: Deployment, role: str) -> None:
    values = plain(each.container(role))
    assert [key for key in values if re.search(r"PASSWORD|SECRET|PEPPER|WEBHOOKS_KEY|ACCESS_KEY", key)] == []
    assert not re.search(r"//[^@/]*:[^@/]*@", str(values.get("DATABASE_URL", "")))


def test_all_secrets_of_env_example_are_made(production: Deployment) -> None:
    """The owner's passwords, each role's own and the three keys; the store has none on AWS."""
    names = {secret["Name"] for secret in production.of_type("AWS::SecretsManager::Secret").values()}
    prefix = production.stage.prefix
    expected = {f"{prefix}/database", f"AmazonMSK_{prefix}_sharpstream"}
    expected |= {f"AmazonMSK_{prefix}_{contract.user(role)}" for role in contract.facts()["roles"]}
    asked = set(contract.facts()["secrets"]) - {"S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY"}
    alone = {key for key in asked if not re.search("PASSWORD", key)}
    assert names == expected | {f"{prefix}/{key}" for key in alone} | {
        f"{prefix}/first-admin",
        f"{prefix}/database-authorities",
    }


@pytest.mark.parametrize("key", PREVIOUS)
def test_a_secret_that_is_being_changed_is_handed_over_twice(tmp_path: Path, key: str) -> None:
    stage = replace(load("dev"), rotating=key)
    made = synthesise(tmp_path, stage)["dev"]
    names = {secret["Name"] for secret in made.of_type("AWS::SecretsManager::Secret").values()}
    assert f"{stage.prefix}/{PREVIOUS[key]}" in names
    for role in ROLES:
        given = handed(made.container(role))
        assert (PREVIOUS[key] in given) == (key in given), role
        assert given & set(PREVIOUS.values()) <= {PREVIOUS[key]}


@pytest.mark.parametrize("role", ROLES)
def test_servers_are_spoken_to_by_tls_alone(each: Deployment, role: str) -> None:
    container = each.container(role)
    values = plain(container)
    assert values["KAFKA_SECURITY_PROTOCOL"] == "SASL_SSL"
    assert values["KAFKA_REPLICATION_FACTOR"] == "3"
    assert "BootstrapBrokerStringSaslScram" in str(values["KAFKA_BOOTSTRAP_SERVERS"])
    if role == "inference":
        assert "DATABASE_URL" not in values
        return
    url = str(values["DATABASE_URL"])
    file = re.findall(r"\?sslmode=verify-full&sslrootcert=([^'\"]+)", url)[0]
    prepared = next(one for one in each.task(role)["ContainerDefinitions"] if one["Name"] == "prepare")
    assert plain(prepared)["PREPARE_AUTHORITIES_FILE"] == file
    assert handed(prepared) == {"PREPARE_AUTHORITIES"}
    mounts = {mount["ContainerPath"]: mount["ReadOnly"] for mount in container["MountPoints"]}
    assert mounts[str(Path(file).parent)] is True
    assert container["DependsOn"] == [{"Condition": "SUCCESS", "ContainerName": "prepare"}]


@pytest.mark.parametrize("role", ["webhooks", "partners", "inference", "export", "ledger"])
def test_no_role_is_a_static_member_of_its_group(each: Deployment, role: str) -> None:
    assert plain(each.container(role))[f"{role.upper()}_INSTANCE_ID"] == ""


@pytest.mark.parametrize("role", ROLES)
def test_containers_run_without_rights(each: Deployment, role: str) -> None:
    for container in each.task(role)["ContainerDefinitions"]:
        assert container["ReadonlyRootFilesystem"] is True
        assert container["LinuxParameters"]["Capabilities"] == {"Drop": ["ALL"]}
        assert container.get("Privileged") is not True
        assert container.get("User") == ("0" if container["Name"] == "prepare" else None)
