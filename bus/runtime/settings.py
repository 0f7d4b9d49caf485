"""The settings that every role reads from the environment: Kafka, S3, Postgres, logs, health.

Read once, in ``__main__``, and passed down. A wrong value prevents the start with one sentence.
"""

from __future__ import annotations

import ssl
from typing import Any, Literal, TypeVar

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from bus.runtime.errors import ConfigurationError

S = TypeVar("S", bound=BaseSettings)


class KafkaSettings(BaseSettings):
    """Connection to Kafka."""

    model_config = SettingsConfigDict(env_prefix="KAFKA_")

    bootstrap_servers: str = Field(description="host:port, several with commas")
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "SASL_PLAINTEXT"
    sasl_mechanism: Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"] = "SCRAM-SHA-512"
    username: str | None = Field(default=None, description="the user, for SASL")
    password: SecretStr | None = Field(default=None, description="its password")
    ssl_cafile: str | None = Field(default=None, description="PEM file of the authority, for SSL")
    topic_epoch: int = Field(default=1, ge=1, description="raise by one when the topics are made anew")
    replication_factor: int = Field(default=1, ge=1, description="3 on a cluster")

    def client_options(self) -> dict[str, Any]:
        """Return the connection arguments that every aiokafka client takes."""
        options: dict[str, Any] = {
            "bootstrap_servers": self.bootstrap_servers,
            "security_protocol": self.security_protocol,
        }
        if self.security_protocol.startswith("SASL"):
            options |= {
                "sasl_mechanism": self.sasl_mechanism,
                "sasl_plain_username": self.username,
                "sasl_plain_password": self.password.get_secret_value() if self.password else None,
            }
        if self.security_protocol.endswith("SSL"):
            options["ssl_context"] = ssl.create_default_context(cafile=self.ssl_cafile)
        return options


class S3Settings(BaseSettings):
    """Connection to the object store. The public endpoint is the one in presigned URLs."""

    model_config = SettingsConfigDict(env_prefix="S3_")

    endpoint_url: str | None = Field(default=None, description="empty for AWS itself")
    public_endpoint_url: str | None = Field(
        default=None, description="what browsers reach; default: endpoint_url"
    )
    region: str = Field(default="us-east-1", description="part of every signature")
    access_key_id: SecretStr | None = Field(default=None, description="empty: the instance's own role")
    secret_access_key: SecretStr | None = Field(default=None, description="the password to it")
    bucket: str = Field(default="sharpstream", description="holds photos, splats and exports")
    presign_seconds: int = Field(
        default=3600, ge=1, le=7 * 24 * 3600, description="how long a link to an object is good"
    )


class DatabaseSettings(BaseSettings):
    """Connection to Postgres."""

    model_config = SettingsConfigDict(env_prefix="DATABASE_")

    url: SecretStr = Field(description="postgresql://user:password@host:port/name")
    pool_size: int = Field(default=10, ge=1, le=100, description="connections a process holds at most")


class RolePasswords(BaseSettings):
    """The password of each role's own user, the same in Kafka, in Postgres and in the store.

    Read by the commands that make these users. Without them every role uses the user of its settings.
    """

    model_config = SettingsConfigDict(env_prefix="ROLE_PASSWORD_")

    gateway: SecretStr | None = Field(default=None, description="letters and digits")
    relay: SecretStr | None = Field(default=None, description="letters and digits")
    webhooks: SecretStr | None = Field(default=None, description="letters and digits")
    partners: SecretStr | None = Field(default=None, description="letters and digits")
    inference: SecretStr | None = Field(default=None, description="letters and digits")
    export: SecretStr | None = Field(default=None, description="letters and digits")
    ledger: SecretStr | None = Field(default=None, description="letters and digits")

    def given(self) -> dict[str, str]:
        """Return role -> password, of the roles that have one."""
        named = ((role, getattr(self, role)) for role in type(self).model_fields)
        return {role: password.get_secret_value() for role, password in named if password is not None}


class RoleSettings(BaseSettings):
    """Logs and health port of every process."""

    model_config = SettingsConfigDict(env_prefix="")

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    health_host: str = Field(default="127.0.0.1", description="where the health port listens")
    health_port: int | None = Field(default=None, ge=0, le=65535, description="serves /health/* and /metrics")


def load(settings: type[S]) -> S:
    """Read ``settings`` from the environment.

    Raises `ConfigurationError` that names each wrong key as it is written in the environment.
    """
    try:
        return settings()
    except ValidationError as error:
        prefix = settings.model_config.get("env_prefix", "")
        lines = [
            f"{prefix}{'_'.join(str(part) for part in item['loc'])}".upper() + f": {item['msg']}"
            for item in error.errors(include_input=False, include_url=False)
        ]
        raise ConfigurationError(
            "These settings are missing or wrong; .env.example lists every key: " + "; ".join(lines)
        ) from error
