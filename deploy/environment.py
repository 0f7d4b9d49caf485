"""Writes what is made of the settings classes: .env.example, and the keys that compose.yaml passes to roles.

``python deploy/environment.py > .env.example``, ``python deploy/environment.py compose >
deploy/compose/keys.yaml`` and ``python deploy/environment.py secrets > compose.secrets.yaml``; tests fail
when the committed files are out of date.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from typing import Any, Final, Literal, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

from bus.runtime import secret_files, telemetry
from bus.runtime.settings import (
    DatabaseSettings,
    KafkaSettings,
    RolePasswords,
    RoleSecondPasswords,
    RoleSettings,
    S3Settings,
)
from export_consumer import settings as export_settings
from gateway import settings as gateway_settings
from gateway.mail import settings as mail_settings
from inference_consumer import settings as inference_settings
from ledger import settings as ledger_settings

MODULES: Final = ("bus.runtime", "gateway", "gateway.mail", "inference_consumer", "export_consumer", "ledger")
TO_FILL: Final = {
    "POSTGRES_PASSWORD": "the database's password; letters and digits",
    "KAFKA_PASSWORD": "the broker's password; letters and digits",
    "S3_ACCESS_KEY_ID": "a name of your choice; on AWS leave it out: the instance's own role",
    "S3_SECRET_ACCESS_KEY": "the object store's password",
    **{
        f"ROLE_PASSWORD_{role}": "its own user in Kafka, Postgres and the store; letters and digits"
        for role in ("GATEWAY", "RELAY", "WEBHOOKS", "PARTNERS", "INFERENCE", "EXPORT", "LEDGER")
    },
    "GATEWAY_JWT_SECRET": "signs access tokens; 32 characters or more",
    "GATEWAY_API_KEY_PEPPER": "keys the hashes of API keys and more; 32 characters or more",
    "WEBHOOKS_KEY": "seals the secrets that sign webhooks; 32 characters or more",
}
"""Keys that compose.yaml requires and that have no default."""
UNITS: Final = {
    "bus.runtime": "Everything",
    "gateway": "Gateway, webhooks and relay",
    "gateway.mail": "Mail",
    "inference_consumer": "Inference",
    "export_consumer": "Export",
    "ledger": "Ledger",
}
SHARPSTREAM: Final = {
    "SHARPSTREAM_URL": "the service that `sharpstream generate` speaks to; default: the one on this machine",
    "SHARPSTREAM_API_KEY": "its key; default: the key of the one on this machine",
    "SHARPSTREAM_HOME": "the folder with all state of `make up`; default: .sharpstream",
    "SHARPSTREAM_PORTS": "the ports to choose from for the servers of `make up`; default: 20000-31999",
    "SHARPSTREAM_MAVEN_REPOSITORY": "where Kafka's jars come from without Maven; default: Maven Central",
    "SHARPSTREAM_OFFLINE": "1: `make up` fetches nothing and names what is missing (make up OFFLINE=1)",
    "SHARPSTREAM_POSTGRES_USER": "who runs Postgres where you are root; default: postgres, else nobody",
    "SHARPSTREAM_PARTNERS_HOST": "the name by which partners reach Kafka here; default: this machine alone",
    "SHARPSTREAM_PARTNERS_PEM": "private key and certificate chain: partners speak TLS with Kafka",
    "SHARPSTREAM_LOG_MIB": "MiB of a log file of `make up` before it is rotated to one old copy; default: 20",
    "SHARPSTREAM_LOG_DAYS": "lines of these logs are kept so many days at most; default: by size alone",
    "SHARPSTREAM_ADMIN_PASSWORD": "for `python -m gateway create-admin`; default: one is made and printed",
}
"""Keys that the command line reads without a settings class."""
_EVERY: Final = (RoleSettings, KafkaSettings)
ROLES: Final[dict[str, tuple[type[BaseSettings], ...]]] = {
    "gateway": (
        *_EVERY,
        S3Settings,
        DatabaseSettings,
        gateway_settings.GatewaySettings,
        gateway_settings.WebhookSettings,
        gateway_settings.PartnerSettings,
        gateway_settings.OutgoingSettings,
        gateway_settings.KafkaUsersSettings,
        mail_settings.MailSettings,
    ),
    "relay": (*_EVERY, DatabaseSettings, gateway_settings.RelaySettings),
    "webhooks": (
        *_EVERY,
        DatabaseSettings,
        gateway_settings.WebhookSettings,
        gateway_settings.OutgoingSettings,
    ),
    "partners": (
        *_EVERY,
        S3Settings,
        DatabaseSettings,
        gateway_settings.PartnerBridgeSettings,
        gateway_settings.OutgoingSettings,
    ),
    "inference": (
        *_EVERY,
        S3Settings,
        inference_settings.InferenceSettings,
        inference_settings.SharpSettings,
        inference_settings.LayeredSettings,
        inference_settings.CacheSettings,
    ),
    "export": (
        *_EVERY,
        S3Settings,
        DatabaseSettings,
        export_settings.ExportSettings,
        export_settings.ConverterSettings,
    ),
    "ledger": (
        *_EVERY,
        S3Settings,
        DatabaseSettings,
        ledger_settings.LedgerSettings,
        ledger_settings.GroupSettings,
    ),
}
"""The settings classes that each role reads; a test compares them with the roles' own code."""
ONCE: Final[dict[str, tuple[type[BaseSettings], ...]]] = {
    "migrate": (RoleSettings, DatabaseSettings, RolePasswords, RoleSecondPasswords),
    "topics": (RoleSettings, KafkaSettings),
    "users": (
        RoleSettings,
        KafkaSettings,
        RolePasswords,
        RoleSecondPasswords,
        gateway_settings.KafkaUsersSettings,
    ),
    "bucket": (RoleSettings, S3Settings),
}
"""Those of the commands that run once, before the roles."""
OWN: Final = (
    "KAFKA_USERNAME",
    "KAFKA_PASSWORD",
    "DATABASE_URL",
    "DATABASE_PASSWORD",
    "S3_ACCESS_KEY_ID",
    "S3_SECRET_ACCESS_KEY",
)
"""What .env says for the users with all rights; compose.yaml gives each role those of its own user."""
COMPOSE: Final = {
    "KAFKA_PARTNERS_PEM": "private key and certificate chain of the partners' listener: they speak TLS",
    "DATABASE_HOST": "Postgres elsewhere; default: the one of the profile stores",
    "DATABASE_PORT": "its port; default: 5432",
    "DATABASE_NAME": "its database; default: sharpstream",
    "DATABASE_USER": "the owner of the database, for migrations; default: sharpstream",
    "DATABASE_SSLMODE": "disable, prefer, require, verify-ca or verify-full; default: prefer",
    "SECRETS_DIR": "compose.secrets.yaml: the folder of the secrets; default: secrets",
    "DATABASE_SSLROOTCERT": "PEM file of the authority to trust, as /etc/sharpstream-tls/postgres.pem",
    "CERTIFICATES_DIR": "a folder that each role sees as /etc/sharpstream-tls; without it an empty one",
    "TRACES_ENDPOINT": "profile observability: where the collector passes traces on, as http://tempo:4318",
    "STORES_INTERNAL": "false: the roles reach servers outside of this machine; default: true",
    "PROXY_NAME": "profile tls: the host name that clients use; default: localhost",
    "PROXY_STORE_NAME": "profile tls: the store's, for S3_PUBLIC_ENDPOINT_URL; default: it is not reached",
    "PROXY_CONNECTIONS": "profile tls: open connections of one address; default: 512",
    "PROXY_NETWORK": "profile tls: an unused network of the proxy and the gateway; default: 172.30.83.0/29",
    "PROXY_CERTIFICATES": "profile tls: folder of tls.crt and tls.key; default: deploy/proxy/certificates",
    "GRAFANA_PASSWORD": "profile observability: the password of Grafana's user admin",
}
"""Keys that compose.yaml alone reads."""


def settings_classes(package: str) -> list[type[BaseSettings]]:
    """Return the settings classes that a package defines itself, in their order."""
    module = importlib.import_module(f"{package}.settings")
    return [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, BaseSettings) and value.__module__ == module.__name__
    ]


def keys(settings: type[BaseSettings]) -> dict[str, FieldInfo]:
    """Return environment key -> field."""
    prefix = settings.model_config.get("env_prefix", "")
    return {f"{prefix}{name}".upper(): field for name, field in settings.model_fields.items()}


def document() -> str:
    """Return the file's text."""
    return "\n".join(_lines()) + "\n"


def passed(role: str) -> list[str]:
    """Return the keys that a role may get from .env; compose.yaml itself gives it the others."""
    found = []
    for settings in (ROLES | ONCE)[role]:
        for key, field in keys(settings).items():
            if (
                key in OWN
                or key in TO_FILL
                or (role == "ledger" and settings is S3Settings and key != "S3_BUCKET")
            ):
                continue  # of the store the ledger knows the bucket's name alone
            found.append(key)
            if secret_files.is_secret(field):
                found.append(f"{key}{secret_files.SUFFIX}")
    return [*found, *telemetry.VARIABLES]


def compose() -> str:
    """Return deploy/compose/keys.yaml, which compose.yaml extends."""
    return "\n".join(_compose_lines()) + "\n"


def secrets() -> str:
    """Return compose.secrets.yaml, by which the containers get secrets as files."""
    return "\n".join(_secrets_lines()) + "\n"


def _secrets_lines() -> Iterator[str]:
    yield "# Made by deploy/environment.py. Beside compose.yaml it gives each container its secrets as files"
    yield "# of SECRETS_DIR, one a secret, instead of as variables; docs/operations/containers.md says how."
    yield "services:"
    for name, given in _secrets_of_services().items():
        yield f"  {name}:"
        yield "    environment:"
        for key, secret in given.items():
            where = f"/run/secrets/{secret}"
            if key.startswith("S3_") and name in ROLES:  # none where the instance's own role is used
                where = f"${{S3_ACCESS_KEY_ID:+{where}}}"
            yield f'      {key}: ""'
            yield f'      {key}{secret_files.SUFFIX}: "{where}"'
        yield f"    secrets: [{', '.join(dict.fromkeys(given.values()))}]"
    yield "secrets:"
    for key in TO_FILL:
        if key != "S3_ACCESS_KEY_ID":  # a name
            yield f'  {key.lower()}: {{file: "${{SECRETS_DIR:-./secrets}}/{key.lower()}"}}'


def _secrets_of_services() -> dict[str, dict[str, str]]:
    """Return service -> key -> the secret that it comes from."""
    passwords = {key: key.lower() for key in TO_FILL if key.startswith("ROLE_PASSWORD_")}
    store = {"S3_SECRET_ACCESS_KEY": "s3_secret_access_key"}
    users = {f"ROLE_PASSWORD_{role.upper()}": f"role_password_{role}" for role in ROLES if _uses_store(role)}
    found = {
        "kafka": {"KAFKA_PASSWORD": "kafka_password"},
        "postgres": {"POSTGRES_PASSWORD": "postgres_password"},
        "s3": {**store, **users},
        "migrate": {"DATABASE_PASSWORD": "postgres_password", **passwords},
        "topics": {"KAFKA_PASSWORD": "kafka_password"},
        "users": {"KAFKA_PASSWORD": "kafka_password", **passwords},
        "bucket": store,
    }
    for role, classes in ROLES.items():
        own = f"role_password_{role}"
        given = {"KAFKA_PASSWORD": own}
        if DatabaseSettings in classes:
            given["DATABASE_PASSWORD"] = own
        if _uses_store(role):
            given["S3_SECRET_ACCESS_KEY"] = own
        alone = (key for each in classes for key in keys(each) if key in TO_FILL and key not in OWN)
        found[role] = given | {key: key.lower() for key in alone}
    return found | dict.fromkeys(("inference-gpu", "inference-sharp"), found["inference"])


def _uses_store(role: str) -> bool:
    """Return whether the role opens the store; the ledger knows the bucket's name alone."""
    return S3Settings in ROLES[role] and role != "ledger"


def _compose_lines() -> Iterator[str]:
    yield "# Made by deploy/environment.py; compose.yaml extends it. The keys that .env may set, by the role"
    yield "# that reads them: a key without a value is passed on where .env or the shell has it, and no role"
    yield "# gets a key of another one."
    yield "services:"
    for role in ROLES | ONCE:
        yield f"  {role}:"
        yield "    environment:"
        yield from (f"      {key}:" for key in passed(role))


def _lines() -> Iterator[str]:
    yield "# Every environment key, with its default. For `docker compose up` copy this file to .env and"
    yield "# fill in the empty ones; `openssl rand -hex 24` makes a good value."
    yield "# `make up` needs none of them. A key that is commented out has the default shown."
    yield "#"
    yield "# A secret may come from a file, as Docker and Kubernetes mount it: X_FILE=/run/secrets/x in place"
    yield "# of X, for every password, secret, key and pepper, and DATABASE_URL. Whitespace at the file's end"
    yield "# is left out. Both at once, or a file that cannot be read, stop the start with a sentence."
    yield ""
    for key, meaning in TO_FILL.items():
        yield f"# {meaning}"
        yield f"{key}="
    for package in MODULES:
        yield f"\n# --- {UNITS[package]} ---"
        for settings in settings_classes(package):
            yield f"\n# {(settings.__doc__ or '').strip().splitlines()[0]}"
            for key, field in keys(settings).items():
                if key not in TO_FILL:
                    yield f"# {key}={_default(field)}{_meaning(field)}"
    yield "\n# --- Containers: compose.yaml alone; also GATEWAY_PORT, the port on this machine (8080) ---\n"
    yield "# What runs: stores (Kafka, Postgres, S3), cpu or gpu or sharp (inference), tls, observability"
    yield "COMPOSE_PROFILES=stores,cpu"
    yield from (f"# {key}=  # {meaning}" for key, meaning in COMPOSE.items())
    yield "\n# --- Traces: OpenTelemetry's own keys; these and all its others ---\n"
    yield from (f"# {key}=  # {meaning}" for key, meaning in telemetry.VARIABLES.items())
    yield "\n# --- Command line ---\n"
    yield from (f"# {key}=  # {meaning}" for key, meaning in SHARPSTREAM.items())


def _default(field: FieldInfo) -> str:
    value: Any = field.default
    if value is PydanticUndefined or value is None or value == ():
        return ""
    if isinstance(value, SecretStr):
        raise TypeError("a secret with a default is no secret")
    return str(value)


def _meaning(field: FieldInfo) -> str:
    said = [field.description] if field.description else _choices(field)
    if field.is_required():
        said.insert(0, "required")
    elif field.default_factory is not None:
        said.append("default: of this machine")
    return f"  # {'; '.join(said)}" if said else ""


def _choices(field: FieldInfo) -> list[str]:
    return (
        [f"one of {', '.join(get_args(field.annotation))}"] if get_origin(field.annotation) is Literal else []
    )


if __name__ == "__main__":
    made = {"compose": compose, "secrets": secrets, "": document}
    sys.stdout.write(made["".join(sys.argv[1:])]())
