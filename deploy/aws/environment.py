"""The environment of each role and of each task that runs once: values, and which secrets it is handed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from aws_cdk import aws_secretsmanager as secretsmanager

from deploy.aws import contract
from deploy.aws.config import PREVIOUS, Stage
from deploy.aws.data import Data
from deploy.aws.firewall import DATABASE
from deploy.aws.secret_values import OWNER

CACHE: Final = "/var/cache/sharpstream"
CHECKPOINT: Final = f"{CACHE}/checkpoint.pt"
_STATIC: Final = {
    "webhooks": "WEBHOOKS_INSTANCE_ID",
    "partners": "PARTNERS_INSTANCE_ID",
    "inference": "INFERENCE_INSTANCE_ID",
    "export": "EXPORT_INSTANCE_ID",
    "ledger": "LEDGER_INSTANCE_ID",
}
"""Nothing: tasks come and go under new names, so none comes back to its group as the member that it was."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Given:
    """What a container gets. ``secrets``: key -> the secret, and its field if it has fields."""

    values: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, tuple[secretsmanager.ISecret, str | None]] = field(default_factory=dict)

    def __or__(self, other: Given) -> Given:
        """Return both."""
        return Given(values=self.values | other.values, secrets=self.secrets | other.secrets)


class Environment:
    """Puts together what each role needs, from what the stack of data has made."""

    def __init__(self, stage: Stage, data: Data) -> None:
        self._stage, self._data = stage, data

    def of(self, role: str) -> Given:
        """Return a role's environment."""
        given = self._common() | self._kafka(contract.user(role)) | getattr(self, f"_{role}")()
        if role in DATABASE:
            given |= self._database(role)
        if key := _STATIC.get(role):
            given |= Given(values={key: ""})
        return given

    def once(self, task: str) -> Given:
        """Return the environment of a task that runs once, as the owner of its server."""
        owner = {
            "migrate": lambda: self._owner_of_database() | self._role_passwords(),
            "topics": lambda: self._kafka(OWNER),
            "users": lambda: self._kafka(OWNER) | self._role_passwords() | self._users(),
            "admin": lambda: self.of("gateway") | self._first_password(),
        }
        return self._common() | owner[task]()

    def _common(self) -> Given:
        values = {"LOG_LEVEL": "INFO", "OTEL_EXPORTER_OTLP_ENDPOINT": self._stage.trace_endpoint}
        return Given(values=values)

    def _kafka(self, user: str) -> Given:
        return Given(
            values={
                "KAFKA_BOOTSTRAP_SERVERS": self._data.kafka.brokers,
                "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",  # by an authority that systems know
                "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
                "KAFKA_USERNAME": user,
                "KAFKA_REPLICATION_FACTOR": "3",
            },
            secrets={"KAFKA_PASSWORD": (self._data.secrets.kafka[user], "password")},
        )

    def _database(self, role: str) -> Given:
        return Given(
            values={"DATABASE_URL": self._data.database.role_url(role)},
            secrets={"DATABASE_PASSWORD": (self._data.secrets.role(role), "password")},
        )

    def _owner_of_database(self) -> Given:
        return Given(
            values={"DATABASE_URL": self._data.database.url(OWNER)},
            secrets={"DATABASE_PASSWORD": (self._data.secrets.database, "password")},
        )

    def _role_passwords(self) -> Given:
        roles = contract.facts()["roles"]
        return Given(
            secrets={
                f"ROLE_PASSWORD_{role.upper()}": (self._data.secrets.role(role), "password") for role in roles
            }
        )

    def _first_password(self) -> Given:
        return Given(secrets={"SHARPSTREAM_ADMIN_PASSWORD": (self._data.secrets.first_admin, None)})

    def _users(self) -> Given:
        """Where users of Kafka are made: on MSK they are secrets."""
        return Given(
            values={
                "KAFKA_USERS_CLUSTER_ARN": self._data.kafka.arn,
                "KAFKA_USERS_KMS_KEY_ID": self._data.keys.secrets.key_arn,
            }
        )

    def _store(self) -> Given:
        return Given(values={"S3_REGION": self._stage.region, "S3_BUCKET": self._data.storage.name})

    def _alone(self, *keys: str) -> Given:
        made = self._data.secrets.alone
        both = [each for key in keys for each in (key, PREVIOUS[key]) if each in made]
        return Given(secrets={key: (made[key], None) for key in both})

    def _gateway(self) -> Given:
        values = {
            "GATEWAY_PUBLIC_URL": f"https://{self._stage.domain}",
            "GATEWAY_REGISTRATION": self._stage.registration,
            "GATEWAY_MODEL": self._stage.inference.model,
            # The balancer passes on what CloudFront wrote: the client's address is the last in the header.
            "GATEWAY_TRUSTED_PROXIES": self._data.network.vpc.vpc_cidr_block,
        }
        if self._stage.partner_brokers:
            values["PARTNERS_BOOTSTRAP_SERVERS"] = self._stage.partner_brokers
        secrets = self._alone("GATEWAY_JWT_SECRET", "GATEWAY_API_KEY_PEPPER", "WEBHOOKS_KEY")
        return Given(values=values) | secrets | self._store() | self._users()

    def _relay(self) -> Given:
        return Given()

    def _webhooks(self) -> Given:
        return self._alone("WEBHOOKS_KEY")

    def _partners(self) -> Given:
        return self._store()

    def _export(self) -> Given:
        return self._store()

    def _ledger(self) -> Given:
        return self._store()  # the bucket's name alone, which is part of stored addresses

    def _inference(self) -> Given:
        own = self._stage.inference
        values = {"INFERENCE_MODEL": own.model, "SHARPSTREAM_CACHE": CACHE}
        if own.model == "layered":
            values["LAYERED_DEVICE"] = "cuda"
        if own.checkpoint:
            values |= {
                "SHARP_CHECKPOINT": CHECKPOINT,
                "SHARP_CHECKPOINT_SHA256": own.checkpoint_sha256,
                "SHARP_ACCEPT_LICENSE": own.accept_license,
                "SHARP_DEVICE": "cuda",
            }
        return Given(values=values) | self._store()
