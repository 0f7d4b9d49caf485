"""The stages of the deployment, read from ``stages.toml``: one configuration, and what differs by stage.

A wrong or missing key prevents the synthesis with a sentence that names it.
"""

from __future__ import annotations

import dataclasses
import tomllib
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

STAGES: Final = ("dev", "staging", "production")
FILE: Final = Path(__file__).parent / "stages.toml"
FARGATE: Final = ("gateway", "relay", "webhooks", "partners", "export", "ledger")
"""The roles without servers of their own; inference runs on GPU instances."""
PREVIOUS: Final = {
    "GATEWAY_JWT_SECRET": "GATEWAY_JWT_PREVIOUS_SECRET",
    "GATEWAY_API_KEY_PEPPER": "GATEWAY_API_KEY_PREVIOUS_PEPPER",
    "WEBHOOKS_KEY": "WEBHOOKS_PREVIOUS_KEY",
}
"""Key -> the key that is valid beside it while it changes."""
T = TypeVar("T")


class StageError(ValueError):
    """A stage is wrongly described; correct stages.toml."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Scale:
    """The size of a role's tasks, and how many there are at least and at most."""

    cpu: int
    memory: int
    least: int
    most: int


@dataclass(frozen=True, kw_only=True, slots=True)
class KafkaStage:
    """Amazon MSK. ``volume_gib`` is of one broker at first; it grows up to ``most_gib``."""

    version: str
    brokers: int
    instance: str
    volume_gib: int
    most_gib: int
    monitoring: str


@dataclass(frozen=True, kw_only=True, slots=True)
class DatabaseStage:
    """RDS for PostgreSQL. ``replicas``: read replicas, which no role uses by itself."""

    version: str
    instance: str
    volume_gib: int
    most_gib: int
    multi_az: bool
    replicas: int
    backup_days: int


@dataclass(frozen=True, kw_only=True, slots=True)
class InferenceStage:
    """GPU instances, a task on each. ``warm``: stopped instances that start within a minute or two."""

    image: str
    model: str
    checkpoint: str
    checkpoint_sha256: str
    accept_license: str
    instance: str
    least: int
    most: int
    warm: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """All that a stage is made of. ``protected``: its data outlives the stacks, and deletion is refused."""

    name: str
    region: str
    zones: list[str]
    domain: str
    certificate_arn: str
    cdn_certificate_arn: str
    cloudfront_prefix_list: str
    web_acl_arn: str
    alarm_email: str
    registration: str
    rotating: str
    trace_endpoint: str
    partner_brokers: str
    protected: bool
    nat_gateways: int
    private_endpoints: bool
    log_days: int
    kafka: KafkaStage
    database: DatabaseStage
    inference: InferenceStage
    roles: dict[str, Scale]

    @property
    def prefix(self) -> str:
        """The beginning of every name that AWS does not make itself."""
        return f"sharpstream-{self.name}"


def load(name: str, file: Path = FILE) -> Stage:
    """Return a stage. Raises `StageError`."""
    document = tomllib.loads(file.read_text(encoding="utf-8"))
    unknown = sorted(document.keys() - {"common", *STAGES})
    if unknown or name not in STAGES:
        raise StageError(f"A stage is one of {', '.join(STAGES)}, not {', '.join(unknown) or name}.")
    stage = _filled(Stage, _merged(document.get("common", {}), document[name]) | {"name": name}, name)
    _check(stage)
    return stage


def _merged(common: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    both = {
        key: _merged(common[key], own[key])
        for key in common.keys() & own.keys()
        if isinstance(common[key], dict)
    }
    return common | own | both


def _filled(kind: type[T], table: dict[str, Any], path: str) -> T:
    types = typing.get_type_hints(kind)
    if missing := sorted(types.keys() - table.keys()):
        raise StageError(f"{path} lacks {', '.join(missing)}.")
    if surplus := sorted(table.keys() - types.keys()):
        raise StageError(f"{path} has unknown keys: {', '.join(surplus)}.")
    return kind(**{key: _value(types[key], value, f"{path}.{key}") for key, value in table.items()})


def _value(kind: Any, value: Any, path: str) -> Any:
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _filled(kind, value, path)
    if kind == dict[str, Scale]:
        return {key: _filled(Scale, each, f"{path}.{key}") for key, each in value.items()}
    expected = typing.get_origin(kind) or kind
    if type(value) is not expected:
        raise StageError(f"{path} is {value!r}; it must be of the type {expected.__name__}.")
    return value


def _check(stage: Stage) -> None:
    if sorted(stage.roles) != sorted(FARGATE):
        raise StageError(f"{stage.name}.roles must have {', '.join(FARGATE)}.")
    if len(stage.zones) != 3 or stage.kafka.brokers % 3:
        raise StageError(f"{stage.name}: three zones, and the same number of brokers in each.")
    if not stage.cdn_certificate_arn.startswith("arn:aws:acm:us-east-1:"):
        raise StageError(
            f"{stage.name}.cdn_certificate_arn: CloudFront takes certificates of us-east-1 alone."
        )
    if not stage.certificate_arn.startswith(f"arn:aws:acm:{stage.region}:"):
        raise StageError(f"{stage.name}.certificate_arn must be of {stage.region}.")
    scales = [*stage.roles.values(), stage.inference]
    if any(scale.least > scale.most for scale in scales):
        raise StageError(f"{stage.name}: a role has more tasks at least than at most.")
    if stage.rotating and stage.rotating not in PREVIOUS:
        raise StageError(f"{stage.name}.rotating is one of {', '.join(PREVIOUS)}, or nothing.")
    if stage.inference.model == "sharp" and not stage.inference.checkpoint.startswith("s3://"):
        raise StageError(f"{stage.name}.inference.checkpoint: the model sharp needs s3://BUCKET/KEY.")
