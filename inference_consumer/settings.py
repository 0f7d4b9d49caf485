"""The inference consumer's settings, read once from the environment and passed down."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from bus.runtime.settings import INSTANCE, InstanceId, KafkaSettings, RoleSettings, S3Settings, load


class InferenceSettings(BaseSettings):
    """Settings of the inference consumer."""

    model_config = SettingsConfigDict(env_prefix="INFERENCE_")

    model: str | None = Field(
        default=None,
        min_length=1,
        description="layered, card (demo, flat), sharp or null; default: sharp with weights, else layered",
    )
    group: str = Field(default="sharpstream.inference", min_length=1, description="consumer group")
    instance_id: InstanceId = Field(default_factory=socket.gethostname, description=INSTANCE)
    max_batch: int | None = Field(default=None, ge=1, le=64, description="photos; default: the model's own")
    max_batch_mib: int = Field(default=1024, ge=1, description="MiB of prepared photos in a batch")
    max_delay_ms: float = Field(default=20, ge=0, le=10_000, description="a batch waits for more at most")
    max_in_flight: int = Field(default=16, ge=1, le=256, description="jobs at once in all stages together")
    decode_threads: int = Field(
        default_factory=lambda: max(1, min(4, os.cpu_count() or 1)),
        ge=1,
        le=64,
        description="photos of an account decoded at once, of all twice as many; up to 4",
    )
    progress_after_ms: int = Field(
        default=200, ge=0, le=60_000, description="what is over sooner is not published as progress"
    )
    encode_threads: int = Field(default=2, ge=1, le=16, description="splats written at once")
    null_seconds: float = Field(
        default=0, ge=0, le=60, description="what a batch of the model null takes; for benchmarks"
    )
    stop_seconds: float = Field(default=10, ge=0, le=300, description="running jobs may end that long")

    @property
    def worker(self) -> str:
        """The name of this process in logs, in its progress and to Kafka."""
        return self.instance_id or socket.gethostname()


class SharpSettings(BaseSettings):
    """Settings of the model SHARP; used only if INFERENCE_MODEL is ``sharp``."""

    model_config = SettingsConfigDict(env_prefix="SHARP_")

    checkpoint: str | None = Field(default=None, description="a file, or an https:// URL to fetch it from")
    checkpoint_sha256: str | None = Field(
        default=None, pattern=r"^[0-9a-fA-F]{64}$", description="what the file must be; else it is refused"
    )
    accept_license: str | None = Field(default=None, description="research-only")
    preset: Literal["default", "tiny_flat", "tiny_overlap"] = "default"
    device: Literal["auto", "cuda", "mps", "cpu"] = "auto"
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    cpu_threads: int | None = Field(default=None, ge=1, le=256, description="default: one a core")


class LayeredSettings(BaseSettings):
    """Settings of the model layered; used only if INFERENCE_MODEL is ``layered``."""

    model_config = SettingsConfigDict(env_prefix="LAYERED_")

    network: str = Field(
        default="auto",
        min_length=1,
        description="auto, bundled, moge2-s, moge2-b, moge2-l or an .onnx file; auto: moge2-s if fetched",
    )
    fetch: Literal["yes", "no"] = Field(
        default="yes", description="yes or no: fetch the network's file where it is missing"
    )
    mirror: str = Field(
        default="https://huggingface.co",
        description="where the files are fetched; a mirror has the same paths",
    )
    device: Literal["auto", "cuda", "cpu"] = Field(
        default="auto", description="auto, cpu, or cuda, which needs requirements/inference-gpu.txt"
    )
    threads: int | None = Field(default=None, ge=1, le=256, description="default: one a core")


class CacheSettings(BaseSettings):
    """The cache of downloads."""

    model_config = SettingsConfigDict(env_prefix="SHARPSTREAM_")

    cache: Path = Field(default=Path("~/.cache/sharpstream"), description="a folder; weights are up to 3 GB")


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """All settings of the role."""

    role: RoleSettings
    inference: InferenceSettings
    sharp: SharpSettings
    layered: LayeredSettings
    cache: CacheSettings
    kafka: KafkaSettings
    s3: S3Settings

    @property
    def model(self) -> str:
        """The chosen model: by name, or ``sharp`` if its weights are given."""
        return self.inference.model or ("sharp" if self.sharp.checkpoint else "layered")


def read() -> Settings:
    """Read the environment. Raises `ConfigurationError` that names the invalid keys."""
    return Settings(
        role=load(RoleSettings),
        inference=load(InferenceSettings),
        sharp=load(SharpSettings),
        layered=load(LayeredSettings),
        cache=load(CacheSettings),
        kafka=load(KafkaSettings),
        s3=load(S3Settings),
    )
