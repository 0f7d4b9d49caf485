"""What the ledger reads from the environment, once, in ``__main__``; handed down from there."""

from __future__ import annotations

import socket
from dataclasses import dataclass

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from bus.runtime.settings import DatabaseSettings, KafkaSettings, RoleSettings, S3Settings, load


class LedgerSettings(BaseSettings):
    """The ledger's own keys."""

    model_config = SettingsConfigDict(env_prefix="LEDGER_")

    group: str = Field(default="sharpstream.ledger", min_length=1, description="consumer group")
    instance_id: str = Field(
        default_factory=socket.gethostname,
        min_length=1,
        description="static membership, one a process: a restart goes on at once, not after 30 s",
    )
    max_records: int = Field(default=2000, ge=1, le=20_000, description="records a transaction at most")
    check_seconds: float = Field(
        default=3600, gt=0, description="about so often the invariants of the books are checked"
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """Everything the role needs to know. Of S3 only the bucket's name counts: it is part of stored URLs."""

    role: RoleSettings
    ledger: LedgerSettings
    kafka: KafkaSettings
    s3: S3Settings
    database: DatabaseSettings


def read() -> Settings:
    """Read the environment. Raises `ConfigurationError` that names the wrong keys."""
    return Settings(
        role=load(RoleSettings),
        ledger=load(LedgerSettings),
        kafka=load(KafkaSettings),
        s3=load(S3Settings),
        database=load(DatabaseSettings),
    )
