"""The export consumer's settings, read once from the environment and passed down."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from importlib.util import find_spec

from pydantic import Field, FilePath
from pydantic_settings import BaseSettings, SettingsConfigDict

from bus.runtime.errors import ConfigurationError
from bus.runtime.settings import (
    INSTANCE,
    DatabaseSettings,
    InstanceId,
    KafkaSettings,
    RoleSettings,
    S3Settings,
    load,
)


class ExportSettings(BaseSettings):
    """Settings of the export consumer."""

    model_config = SettingsConfigDict(env_prefix="EXPORT_")

    group: str = Field(default="sharpstream.export", min_length=1, description="consumer group of commands")
    background_group: str = Field(
        default="sharpstream.export.background", min_length=1, description="of the system's own commands"
    )
    jobs_group: str = Field(default="sharpstream.export.jobs", min_length=1, description="and of events")
    instance_id: InstanceId = Field(default_factory=socket.gethostname, description=INSTANCE)
    max_in_flight: int = Field(default=4, ge=1, le=64, description="exports at once; each may hold 200 MB")
    max_records: int = Field(default=2000, ge=1, le=20_000, description="events a transaction at most")


class ConverterSettings(BaseSettings):
    """Limits of conversions."""

    model_config = SettingsConfigDict(env_prefix="EXPORT_")

    workers: int = Field(default=2, ge=1, le=64, description="conversions at once, a process each")
    worker_memory_mb: int = Field(default=1536, ge=256, description="most memory of one; more fails the job")
    timeout_seconds: int = Field(default=300, ge=1, le=3600, description="longest conversion")
    viewer: FilePath | None = Field(
        default=None, description="dist/export/viewer.html of the built web page; empty: no format html"
    )
    lpips_model: FilePath | None = Field(
        default=None, description="an ONNX file (docs/operations/README.md): scenes get the score LPIPS"
    )
    dists_model: FilePath | None = Field(default=None, description="likewise: the score DISTS")

    @property
    def score_models(self) -> dict[str, str]:
        """Name of each perceptual score -> the path of its ONNX file."""
        files = {"lpips": self.lpips_model, "dists": self.dists_model}
        return {name: str(path.resolve()) for name, path in files.items() if path is not None}

    @property
    def files(self) -> tuple[str, ...]:
        """The files that workers read beside their libraries."""
        return (*self.score_models.values(), *([str(self.viewer.resolve())] if self.viewer else []))


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """All settings of the role."""

    role: RoleSettings
    export: ExportSettings
    converter: ConverterSettings
    kafka: KafkaSettings
    s3: S3Settings
    database: DatabaseSettings


def read() -> Settings:
    """Read the environment. Raises `ConfigurationError` that names the invalid keys."""
    converter = load(ConverterSettings)
    if converter.score_models and find_spec("onnxruntime") is None:
        raise ConfigurationError(
            "EXPORT_LPIPS_MODEL and EXPORT_DISTS_MODEL need the package onnxruntime; install the extra"
            " export-scores, or leave them out."
        )
    return Settings(
        role=load(RoleSettings),
        export=load(ExportSettings),
        converter=converter,
        kafka=load(KafkaSettings),
        s3=load(S3Settings),
        database=load(DatabaseSettings),
    )
