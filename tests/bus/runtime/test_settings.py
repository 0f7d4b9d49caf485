from __future__ import annotations

import os
import socket

import pytest
from pydantic_settings import BaseSettings

from bus.runtime.errors import ConfigurationError
from bus.runtime.settings import DatabaseSettings, KafkaSettings, RoleSettings, S3Settings, load
from export_consumer.settings import ExportSettings
from gateway.settings import PartnerBridgeSettings
from inference_consumer.settings import InferenceSettings
from ledger.settings import LedgerSettings


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for key in os.environ:
        if key.startswith(("KAFKA_", "S3_", "DATABASE_", "HEALTH_", "LOG_")):
            monkeypatch.delenv(key)


def test_a_missing_key_is_named_by_its_environment_variable() -> None:
    with pytest.raises(ConfigurationError, match=r"\.env\.example.*KAFKA_BOOTSTRAP_SERVERS: Field required"):
        load(KafkaSettings)


def test_every_wrong_key_is_named_and_no_value_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://user:hunter2@host/name")
    monkeypatch.setenv("DATABASE_POOL_SIZE", "0")
    monkeypatch.setenv("S3_PRESIGN_SECONDS", "for ever")
    with pytest.raises(
        ConfigurationError, match=r"DATABASE_POOL_SIZE: .*greater than or equal to 1"
    ) as caught:
        load(DatabaseSettings)
    assert "hunter2" not in caught.value.message
    with pytest.raises(ConfigurationError, match="S3_PRESIGN_SECONDS") as caught:
        load(S3Settings)
    assert "for ever" not in caught.value.message


def test_secrets_do_not_print(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://user:hunter2@host/name")
    assert "hunter2" not in repr(load(DatabaseSettings))


def test_role_defaults() -> None:
    role = load(RoleSettings)
    assert (role.log_level, role.health_host, role.health_port) == ("INFO", "127.0.0.1", None)


@pytest.mark.parametrize("level", ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"])
def test_every_level_of_the_log(monkeypatch: pytest.MonkeyPatch, level: str) -> None:
    monkeypatch.setenv("LOG_LEVEL", level)
    assert load(RoleSettings).log_level == level


@pytest.mark.parametrize(
    ("protocol", "keys"),
    [
        ("PLAINTEXT", {"bootstrap_servers", "security_protocol"}),
        ("SSL", {"bootstrap_servers", "security_protocol", "ssl_context"}),
        ("SASL_PLAINTEXT", {"bootstrap_servers", "security_protocol", "sasl_mechanism"}),
        ("SASL_SSL", {"bootstrap_servers", "security_protocol", "sasl_mechanism", "ssl_context"}),
    ],
)
def test_kafka_client_options_follow_the_security_protocol(
    monkeypatch: pytest.MonkeyPatch, protocol: str, keys: set[str]
) -> None:
    for key, value in {"BOOTSTRAP_SERVERS": "a:1,b:2", "USERNAME": "u", "PASSWORD": "p"}.items():
        monkeypatch.setenv(f"KAFKA_{key}", value)
    monkeypatch.setenv("KAFKA_SECURITY_PROTOCOL", protocol)
    options = load(KafkaSettings).client_options()
    login = {"sasl_plain_username", "sasl_plain_password"} if "SASL" in protocol else set()
    assert set(options) == keys | login
    if login:
        assert (options["sasl_plain_username"], options["sasl_plain_password"]) == ("u", "p")


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        (InferenceSettings, "INFERENCE_INSTANCE_ID"),
        (ExportSettings, "EXPORT_INSTANCE_ID"),
        (LedgerSettings, "LEDGER_INSTANCE_ID"),
        (PartnerBridgeSettings, "PARTNERS_INSTANCE_ID"),
    ],
)
def test_a_member_is_static_by_its_host_or_name_and_dynamic_where_the_name_is_empty(
    monkeypatch: pytest.MonkeyPatch, settings: type[BaseSettings], key: str
) -> None:
    monkeypatch.delenv(key, raising=False)
    found: dict[str, str | None] = {}
    for said in (None, "worker-1", ""):
        if said is not None:
            monkeypatch.setenv(key, said)
        found[str(said)] = load(settings).instance_id  # type: ignore[attr-defined]
    assert found == {"None": socket.gethostname(), "worker-1": "worker-1", "": None}


def test_a_partners_bridge_has_a_name_in_each_of_its_groups_or_none() -> None:
    named, dynamic = PartnerBridgeSettings(instance_id="one"), PartnerBridgeSettings(instance_id="")
    assert (named.instance("commands"), named.instance("events")) == ("one.commands", "one.events")
    assert (dynamic.instance("commands"), dynamic.instance("events")) == (None, None)
