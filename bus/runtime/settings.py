"""The settings that every role reads from the environment: Kafka, S3, Postgres, logs, health.

Read once, in ``__main__``, and passed down. A wrong value prevents the start with one sentence.
"""

from __future__ import annotations

import re
import ssl
from typing import Annotated, Any, Final, Literal, Self, TypeAlias, TypeVar
from urllib.parse import quote

from pydantic import (
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from bus.runtime import secret_files, tls
from bus.runtime.errors import ConfigurationError

S = TypeVar("S", bound=BaseSettings)
_USER_ALONE: Final = re.compile(r"(postgres(?:ql)?://[^:/?#@]+)@")
"""The beginning of a URL that has a user and no password."""
OrNothing: TypeAlias = Annotated[str | None, BeforeValidator(lambda text: text or None)]
"""A text that may be written as nothing, which is None."""
InstanceId: TypeAlias = OrNothing
"""The name of a process in its consumer groups; None for a member without a name."""
INSTANCE: Final = (
    "static membership, one a process: a restart goes on at once, not after 30 s; nothing: dynamic"
)


class KafkaSettings(BaseSettings):
    """Connection to Kafka."""

    model_config = SettingsConfigDict(env_prefix="KAFKA_")

    bootstrap_servers: str = Field(description="host:port, several with commas")
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "SASL_PLAINTEXT"
    sasl_mechanism: Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"] = "SCRAM-SHA-512"
    username: str | None = Field(default=None, description="the user, for SASL")
    password: SecretStr | None = Field(default=None, description="its password")
    ssl_ca_file: str | None = Field(
        default=None, description="PEM file of the authorities to trust, for SSL; default: the system's"
    )
    ssl_cert_file: str | None = Field(
        default=None, description="PEM file of this client's certificate, where Kafka asks for one"
    )
    ssl_key_file: str | None = Field(default=None, description="PEM file of its private key, not encrypted")
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
        if (context := self.ssl_context()) is not None:
            options["ssl_context"] = context
        return options

    def ssl_context(self) -> ssl.SSLContext | None:
        """Return a new TLS context, which reads the files; None without TLS. Raises `ConfigurationError`."""
        if not self.security_protocol.endswith("SSL"):
            return None
        return tls.client_context(
            tls.KAFKA, ca_file=self.ssl_ca_file, cert_file=self.ssl_cert_file, key_file=self.ssl_key_file
        )


class S3Settings(BaseSettings):
    """Connection to the object store. The public endpoint is the one in presigned URLs."""

    model_config = SettingsConfigDict(env_prefix="S3_")

    endpoint_url: OrNothing = Field(default=None, description="empty for AWS itself")
    public_endpoint_url: OrNothing = Field(
        default=None, description="what browsers reach; default: endpoint_url"
    )
    region: str = Field(default="us-east-1", description="part of every signature")
    access_key_id: SecretStr | None = Field(default=None, description="empty: the instance's own role")
    secret_access_key: SecretStr | None = Field(default=None, description="the password to it")
    ca_file: str | None = Field(
        default=None, description="PEM file of the authorities to trust, for https; default: the system's"
    )
    encryption: Literal["none", "AES256", "aws:kms"] = Field(
        default="none", description="at rest, of what we write; none: as the bucket has it; AES256, aws:kms"
    )
    kms_key_id: str | None = Field(
        default=None, description="the key, for aws:kms; default: the account's own of AWS"
    )
    account_keys_file: str | None = Field(
        default=None, description="JSON, account id to the id of its own key for aws:kms; read at each change"
    )
    bucket: str = Field(default="sharpstream", description="holds photos, splats and exports")
    presign_seconds: int = Field(
        default=3600, ge=1, le=7 * 24 * 3600, description="how long a link to an object is good"
    )

    @model_validator(mode="after")
    def _a_key_is_for_kms(self) -> Self:
        if self.kms_key_id and self.encryption != "aws:kms":
            raise ValueError("S3_KMS_KEY_ID is used with S3_ENCRYPTION=aws:kms alone; set that, or no key")
        return self


class DatabaseSettings(BaseSettings):
    """Connection to Postgres."""

    model_config = SettingsConfigDict(env_prefix="DATABASE_")

    url: SecretStr = Field(
        description="postgresql://user:password@host:port/name, ?sslmode=verify-full&sslrootcert=FILE for TLS"
    )
    password: SecretStr | None = Field(
        default=None, description="put into the URL, for one that has a user and no password"
    )
    pool_size: int = Field(default=10, ge=1, le=100, description="connections a process holds at most")

    @field_validator("password")
    @classmethod
    def _has_room_in_the_url(cls, password: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        url = info.data.get("url")
        if password and url is not None and not _USER_ALONE.match(url.get_secret_value()):
            raise ValueError("the URL has a password already, or no user; write postgresql://user@host/name")
        return password

    @model_validator(mode="after")
    def _password_is_part_of_the_url(self) -> Self:
        if self.password:
            password, url = quote(self.password.get_secret_value(), safe=""), self.url.get_secret_value()
            user = _USER_ALONE.match(url)
            if user is not None:
                self.url = SecretStr(f"{user[1]}:{password}{url[user.end() - 1 :]}")
            self.password = None
        return self


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


class RoleSecondPasswords(RolePasswords):
    """The password of each role's second user, which it moves to while the first one's is being changed.

    Without it there is no second user.
    """

    model_config = SettingsConfigDict(env_prefix="ROLE_SECOND_PASSWORD_")


class RoleSettings(BaseSettings):
    """Logs and health port of every process."""

    model_config = SettingsConfigDict(env_prefix="")

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"
    health_host: str = Field(default="127.0.0.1", description="where the health port listens")
    health_port: int | None = Field(default=None, ge=0, le=65535, description="serves /health/* and /metrics")


def load(settings: type[S]) -> S:
    """Read ``settings`` from the environment.

    Raises `ConfigurationError` that names each wrong key as it is written in the environment.
    """
    try:
        return settings(**secret_files.given(settings))
    except ValidationError as error:
        prefix = settings.model_config.get("env_prefix", "")
        lines = [
            f"{prefix}{'_'.join(str(part) for part in item['loc'])}".upper() + f": {item['msg']}"
            for item in error.errors(include_input=False, include_url=False)
        ]
        raise ConfigurationError(
            "These settings are missing or wrong; .env.example lists every key: " + "; ".join(lines)
        ) from error
