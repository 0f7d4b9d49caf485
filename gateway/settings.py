"""What the gateway reads from the environment, once, in ``__main__``; handed down from there."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from bus.settings import DatabaseSettings, KafkaSettings, S3Settings, load


class GatewaySettings(BaseSettings):
    """The gateway's own keys."""

    model_config = SettingsConfigDict(env_prefix="GATEWAY_")

    host: str = Field(default="127.0.0.1", description="where it listens; 0.0.0.0 is everywhere")
    port: int = Field(default=8000, ge=0, le=65535, description="the API, the pages, health and metrics")
    public_url: str = Field(default="http://127.0.0.1:8000", description="where clients reach this API")
    jwt_secret: SecretStr = Field(min_length=32, description="signs access tokens; 32 characters or more")
    jwt_previous_secret: SecretStr | None = Field(
        default=None, min_length=32, description="still accepted while the secret is being changed"
    )
    api_key_pepper: SecretStr = Field(min_length=32, description="keys the hash of API keys; never change it")
    access_token_seconds: int = Field(
        default=900, ge=60, le=24 * 3600, description="how long a sign-in is good"
    )
    bcrypt_rounds: int = Field(default=12, ge=4, le=16, description="12 takes about 0.25 s; 4 is for tests")
    decode_threads: int = Field(
        default=2, ge=1, le=64, description="photos checked at once; each may take 400 MB"
    )
    cors_origins: list[str] = Field(default=[], description="origins of other sites that may call this API")
    heartbeat_seconds: float = Field(default=15, gt=0, description="between comments on a silent stream")
    model: str = Field(default="card", description="what the inference consumers run; told by GET /models")
    ring_events: int = Field(
        default=2_000, ge=1, description="recent events kept in memory a partition: about 40 MB for 12"
    )
    reader_queue: int = Field(
        default=1_000, ge=1, description="events a slow reader may lag before it is cut"
    )


class RelaySettings(BaseSettings):
    """The relay's own keys."""

    model_config = SettingsConfigDict(env_prefix="RELAY_")

    lease_seconds: float = Field(default=5, gt=0, le=600, description="a frozen relay is replaced after this")


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """Everything the gateway needs to know."""

    gateway: GatewaySettings
    kafka: KafkaSettings
    s3: S3Settings
    database: DatabaseSettings


def read() -> Settings:
    """Read the environment. Raises `ConfigurationError` that names the wrong keys."""
    return Settings(
        gateway=load(GatewaySettings),
        kafka=load(KafkaSettings),
        s3=load(S3Settings),
        database=load(DatabaseSettings),
    )
