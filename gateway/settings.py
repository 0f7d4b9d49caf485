"""The gateway's settings, read from the environment once, in ``__main__``, and passed down from there."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from bus.contract.retention import Policy
from bus.runtime.settings import INSTANCE, DatabaseSettings, InstanceId, KafkaSettings, S3Settings, load
from gateway.mail.settings import MailSettings

Ports = tuple[range, ...]
"""Ranges of port numbers."""


def parsed_ports(text: object) -> object:
    """Parse ``9000,9100-9199``. Raises `ValueError` for what is no port."""
    if not isinstance(text, str):
        return text
    found = []
    for part in filter(None, (each.strip() for each in text.split(","))):
        first, _, last = part.partition("-")
        ports = range(int(first), int(last or first) + 1)
        if not ports or ports[0] < 1 or ports[-1] > 65535:
            raise ValueError(f"{part} is no port and no range of ports")
        found.append(ports)
    return tuple(found)


class OutgoingSettings(BaseSettings):
    """Requests to addresses that customers give: webhooks, and photos by URL."""

    model_config = SettingsConfigDict(env_prefix="OUTGOING_", arbitrary_types_allowed=True)

    refused_ports: Annotated[Ports, NoDecode, BeforeValidator(parsed_ports)] = Field(
        default=(), description="ports of this machine that are never called; `make up` gives its own"
    )


class GatewaySettings(BaseSettings):
    """The keys of the gateway alone."""

    model_config = SettingsConfigDict(env_prefix="GATEWAY_")

    host: str = Field(default="127.0.0.1", description="where it listens; 0.0.0.0 is everywhere")
    port: int = Field(default=8000, ge=0, le=65535, description="the API, the pages, health and metrics")
    public_url: str = Field(default="http://127.0.0.1:8000", description="where clients reach this API")
    page: Path | None = Field(default=None, description="folder of the built web page; empty: a plain page")
    jwt_secret: SecretStr = Field(min_length=32, description="signs access tokens; 32 characters or more")
    jwt_previous_secret: SecretStr | None = Field(
        default=None, min_length=32, description="accepted as well while the secret is being changed"
    )
    api_key_pepper: SecretStr = Field(
        min_length=32, description="keys the hashes of API keys, sign-ins, shares and links"
    )
    api_key_previous_pepper: SecretStr | None = Field(
        default=None, min_length=32, description="accepted as well while the pepper is being changed"
    )
    access_token_seconds: int = Field(
        default=900, ge=60, le=24 * 3600, description="how long a sign-in is good"
    )
    refresh_token_seconds: int = Field(
        default=30 * 86400,
        ge=600,
        le=366 * 86400,
        description="a sign-in that is not renewed for so long ends",
    )
    bcrypt_rounds: int = Field(default=12, ge=4, le=16, description="12 takes about 0.25 s; 4 is for tests")
    connections_per_address: int = Field(
        default=1024, ge=1, description="open connections of one address; trusted proxies are not counted"
    )
    registration: Literal["open", "invite", "closed"] = Field(
        default="open", description="who may make an account: anyone, with an admin's invitation, or no one"
    )
    registrations_per_hour: int = Field(
        default=100, ge=1, le=1_000_000, description="new accounts from one address"
    )
    trusted_proxies: str = Field(
        default="",
        description="addresses or networks whose X-Forwarded-For is believed, separated by commas; none",
    )
    decode_threads: int = Field(
        default=2,
        ge=1,
        le=64,
        description="photos of an account read at once, of all twice as many",
    )
    cors_origins: list[str] = Field(default=[], description="origins of other sites that may call this API")
    max_in_flight: int = Field(
        default=100,
        ge=1,
        le=1_000_000,
        description="generations of a user in flight; enterprise 10 times, admin 100 times",
    )
    interactive_at_once: int = Field(
        default=2,  # as many as a batch holds
        ge=1,
        le=1_000_000,
        description="of those as interactive, further ones go as bulk; enterprise and admin 4 times",
    )
    bulk_at_once: int = Field(
        default=16,  # several batches: a worker never waits for the release of the next
        ge=1,
        le=1_000_000,
        description="bulk ones of a user in the queue, further ones wait for their turn; 4 times as above",
    )
    max_exports_in_flight: int = Field(
        default=8, ge=1, le=1_000_000, description="exports of a user in flight; 10 and 100 times as above"
    )
    exports_per_minute: int = Field(
        default=60,
        ge=6,
        le=1_000_000,
        description="new exports of a user, a third of them at once; 10 and 100 times as above",
    )
    stored_gib: float = Field(
        default=100, gt=0, description="GiB that a user may store; 10 and 100 times as above"
    )
    requests_per_minute: int = Field(
        default=600, ge=1, le=1_000_000, description="of a user; 10 and 100 times as above"
    )
    upload_mib: int = Field(
        default=1024,
        ge=64,
        description="MiB of photos held at once, an account half of them; more get 503 with Retry-After",
    )
    uploads_at_once: int = Field(
        default=16, ge=1, le=10_000, description="photos that one account sends at once; further ones wait"
    )
    fetch_seconds: float = Field(default=30, gt=0, le=300, description="an image_url must be here by then")
    fetch_allow_private: bool = Field(
        default=False, description="image_url on private addresses: only where no customer is a stranger"
    )
    upload_seconds: int = Field(default=3600, ge=60, le=7 * 86400, description="to use an upload")
    retention: str = Field(
        default="",
        description="how long accounts keep what, such as originals=24h,results=90d; default: for ever",
    )
    heartbeat_seconds: float = Field(default=15, gt=0, description="between comments on a silent stream")
    inference_group: str = Field(
        default="sharpstream.inference", description="consumer group of commands: INFERENCE_GROUP there"
    )
    model: str = Field(
        default="layered", description="what the inference consumers run; shown by GET /models"
    )
    ring_events: int = Field(
        default=2_000, ge=1, description="recent events kept in memory a partition: about 40 MB for 12"
    )
    reader_queue: int = Field(
        default=1_000, ge=200, description="events a slow reader may lag before it is cut"
    )
    reader_bytes: int = Field(
        default=512 * 1024, ge=1024, description="bytes a slow reader may lag before it is cut"
    )
    reader_stall_seconds: float = Field(
        default=20, gt=0, description="a reader that takes nothing for so long is cut"
    )
    max_streams: int = Field(
        default=100, ge=1, le=1_000_000, description="open live streams of one account at one gateway"
    )
    stream_seconds: float = Field(
        default=3600, gt=0, description="a live stream is ended after this; clients come back by themselves"
    )

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, text: str) -> str:
        for part in filter(None, map(str.strip, text.split(","))):
            ip_network(part, strict=False)
        return text

    @field_validator("retention")
    @classmethod
    def _policy(cls, text: str) -> str:
        Policy.from_text(text)
        return text


class WebhookSettings(BaseSettings):
    """Webhooks: the keys that the gateway and the sender share, and the sender's own."""

    model_config = SettingsConfigDict(env_prefix="WEBHOOKS_", arbitrary_types_allowed=True)

    key: SecretStr = Field(min_length=32, description="seals the secrets that sign")
    previous_key: SecretStr | None = Field(
        default=None, min_length=32, description="opens them as well while the key is being changed"
    )
    allow_private: bool = Field(
        default=False, description="receivers on private addresses: only where no customer is a stranger"
    )
    loopback_ports: Annotated[Ports, NoDecode, BeforeValidator(parsed_ports)] = Field(
        default=(), description="ports of receivers on this machine, such as 9000,9100-9199; none by default"
    )
    max_endpoints: int = Field(default=20, ge=1, le=1000, description="endpoints of one account")
    group: str = Field(default="sharpstream.webhooks", min_length=1, description="consumer group")
    instance_id: InstanceId = Field(default_factory=socket.gethostname, description=INSTANCE)
    max_records: int = Field(default=2000, ge=1, le=20_000, description="records a transaction at most")
    in_flight: int = Field(default=256, ge=1, le=10_000, description="attempts at once")
    in_flight_per_endpoint: int = Field(
        default=16, ge=1, le=1000, description="attempts at once to one endpoint; 1 while it does not answer"
    )
    timeout_seconds: float = Field(default=15, gt=0, le=60, description="an attempt, connection and all")
    lease_seconds: float = Field(
        default=90, ge=1, le=3600, description="a killed sender's deliveries come back after this"
    )
    disable_after_days: float = Field(
        default=5, gt=0, description="an endpoint that only failed for so long is disabled"
    )
    retention_days: float = Field(default=30, gt=0, description="ended deliveries are kept so long")

    @model_validator(mode="after")
    def _lease_outlasts_an_attempt(self) -> Self:
        if self.lease_seconds < 2 * self.timeout_seconds:
            raise ValueError("lease_seconds must be twice timeout_seconds or more, or attempts repeat")
        return self


class RelaySettings(BaseSettings):
    """The keys of the relay alone."""

    model_config = SettingsConfigDict(env_prefix="RELAY_")

    lease_seconds: float = Field(default=5, gt=0, le=600, description="a frozen relay is replaced after this")


class KafkaUsersSettings(BaseSettings):
    """Where users of Kafka are made: by Kafka itself, or on Amazon MSK as secrets of AWS."""

    model_config = SettingsConfigDict(env_prefix="KAFKA_USERS_")

    cluster_arn: str | None = Field(
        default=None,
        pattern=r"^arn:[^:]+:kafka:[^:]+:\d+:cluster/[^/]+/[^/]+$",
        description="on Amazon MSK the cluster's ARN: users are secrets of AWS; else nothing",
    )
    kms_key_id: str | None = Field(
        default=None, description="on Amazon MSK the key of those secrets, your own"
    )

    @field_validator("cluster_arn", "kms_key_id", mode="before")
    @classmethod
    def _nothing_is_none(cls, text: str | None) -> str | None:
        return text or None

    @model_validator(mode="after")
    def _a_cluster_has_a_key(self) -> Self:
        if (self.cluster_arn is None) != (self.kms_key_id is None):
            raise ValueError("set KAFKA_USERS_CLUSTER_ARN and KAFKA_USERS_KMS_KEY_ID, or neither")
        return self


class PartnerSettings(BaseSettings):
    """Partners on Kafka: how they connect, and the quotas of each."""

    model_config = SettingsConfigDict(env_prefix="PARTNERS_")

    bootstrap_servers: str | None = Field(
        default=None, description="host:port as partners reach Kafka; default: KAFKA_BOOTSTRAP_SERVERS"
    )
    security_protocol: Literal["SASL_PLAINTEXT", "SASL_SSL"] | None = Field(
        default=None, description="how that listener speaks; default: KAFKA_SECURITY_PROTOCOL"
    )
    produce_bytes: int = Field(default=2 * 1024**2, ge=1024, description="a partner may write a second")
    consume_bytes: int = Field(default=4 * 1024**2, ge=1024, description="a partner may read a second")
    request_percent: int = Field(
        default=50, ge=1, description="of one of Kafka's threads a partner's requests may take"
    )
    consumer_groups: int = Field(default=100, ge=1, description="a partner with more is suspended")
    remove_after_seconds: int = Field(
        default=3600,
        ge=0,
        description="a deleted partner's topics stay so long, so that jobs in flight end first",
    )


class PartnerBridgeSettings(BaseSettings):
    """The partner role, which carries partners' commands in and events out."""

    model_config = SettingsConfigDict(env_prefix="PARTNERS_")

    group: str = Field(default="sharpstream.partners", min_length=1, description="prefix of its groups")
    instance_id: InstanceId = Field(default_factory=socket.gethostname, description=INSTANCE)
    session_seconds: float = Field(
        default=30, ge=6, le=600, description="a frozen process loses its work to others after this"
    )
    discover_seconds: float = Field(default=5, gt=0, description="a new partner's topics are found by then")
    max_in_flight: int = Field(default=100, ge=1, description="as GATEWAY_MAX_IN_FLIGHT: of a user")
    interactive_at_once: int = Field(
        default=2, ge=1, le=1_000_000, description="as GATEWAY_INTERACTIVE_AT_ONCE: of a user"
    )
    bulk_at_once: int = Field(
        default=16, ge=1, le=1_000_000, description="as GATEWAY_BULK_AT_ONCE: of a user"
    )
    stored_gib: float = Field(default=100, gt=0, description="as GATEWAY_STORED_GIB: of a user")
    requests_per_minute: int = Field(
        default=600, ge=6, le=1_000_000, description="commands of a user, a sixth of them at once"
    )
    wait_seconds: float = Field(
        default=600, ge=0, description="a command that finds no room for so long is rejected"
    )
    unreadable_limit: int = Field(
        default=5, ge=1, description="a partner with so many undecodable records an hour is suspended"
    )
    decode_threads: int = Field(default=2, ge=1, le=64, description="photos of one account read at once")
    fetch_seconds: float = Field(default=30, gt=0, le=300, description="an image_url must be here by then")
    fetch_allow_private: bool = Field(
        default=False, description="as GATEWAY_FETCH_ALLOW_PRIVATE, and for webhook_url"
    )

    def instance(self, direction: str) -> str | None:
        """Return the name in one of its two groups, None for a dynamic member."""
        return f"{self.instance_id}.{direction}" if self.instance_id else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """All settings of the gateway."""

    gateway: GatewaySettings
    webhooks: WebhookSettings
    kafka: KafkaSettings
    s3: S3Settings
    database: DatabaseSettings
    partners: PartnerSettings = field(default_factory=PartnerSettings)
    outgoing: OutgoingSettings = field(default_factory=OutgoingSettings)
    kafka_users: KafkaUsersSettings = field(default_factory=KafkaUsersSettings)
    mail: MailSettings = field(default_factory=MailSettings)


def read() -> Settings:
    """Read the environment. Raises `ConfigurationError` that names the invalid keys."""
    return Settings(
        gateway=load(GatewaySettings),
        webhooks=load(WebhookSettings),
        kafka=load(KafkaSettings),
        s3=load(S3Settings),
        database=load(DatabaseSettings),
        partners=load(PartnerSettings),
        outgoing=load(OutgoingSettings),
        kafka_users=load(KafkaUsersSettings),
        mail=load(MailSettings),
    )
