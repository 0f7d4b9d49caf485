"""The ledger's settings, read from the environment once, in ``__main__``, and passed down from there."""

from __future__ import annotations

import socket
from dataclasses import dataclass

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from bus.runtime.settings import (
    INSTANCE,
    DatabaseSettings,
    InstanceId,
    KafkaSettings,
    RoleSettings,
    S3Settings,
    load,
)


class LedgerSettings(BaseSettings):
    """The keys of the ledger alone."""

    model_config = SettingsConfigDict(env_prefix="LEDGER_")

    group: str = Field(default="sharpstream.ledger", min_length=1, description="consumer group")
    instance_id: InstanceId = Field(default_factory=socket.gethostname, description=INSTANCE)
    max_records: int = Field(default=2000, ge=1, le=20_000, description="records a transaction at most")
    check_seconds: float = Field(
        default=3600, gt=0, description="the invariants are checked about this often"
    )
    lost_seconds: float = Field(
        default=600, gt=0, description="about so often jobs are looked for whose command is lost"
    )
    event_log_days: int | None = Field(
        default=None,
        ge=30,  # ledger.log_retention.LEAST_DAYS
        le=36_500,
        description="older events are removed from the event log in Postgres; default: none, 30 or more",
    )


class GroupSettings(BaseSettings):
    """The consumer groups whose lag the ledger measures, and of the commands whose lost jobs it ends."""

    model_config = SettingsConfigDict(env_prefix="LEDGER_")

    inference_group: str = Field(
        default="sharpstream.inference", min_length=1, description="INFERENCE_GROUP there"
    )
    export_group: str = Field(default="sharpstream.export", min_length=1, description="EXPORT_GROUP there")
    background_group: str = Field(
        default="sharpstream.export.background", min_length=1, description="EXPORT_BACKGROUND_GROUP there"
    )
    partners_group: str = Field(
        default="sharpstream.partners", min_length=1, description="PARTNERS_GROUP there"
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """All settings of the role. Of S3 it uses only the bucket's name, which is part of stored URLs."""

    role: RoleSettings
    ledger: LedgerSettings
    groups: GroupSettings
    kafka: KafkaSettings
    s3: S3Settings
    database: DatabaseSettings


def read() -> Settings:
    """Read the environment. Raises `ConfigurationError` that names the invalid keys."""
    return Settings(
        role=load(RoleSettings),
        ledger=load(LedgerSettings),
        groups=load(GroupSettings),
        kafka=load(KafkaSettings),
        s3=load(S3Settings),
        database=load(DatabaseSettings),
    )
