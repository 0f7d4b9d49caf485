"""RDS for PostgreSQL: a standby in another zone, backups to any second, TLS alone."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_rds as rds
from constructs import Construct

from deploy.aws.config import Stage
from deploy.aws.firewall import POSTGRES, Firewall
from deploy.aws.network import DATA
from deploy.aws.secret_values import OWNER, Secrets

NAME: Final = "sharpstream"
AUTHORITIES_FILE: Final = "/run/sharpstream/database-authorities.pem"
"""Where a task finds the certificates by which it knows Postgres; deploy/docker/prepare.py writes it."""


class Database(Construct):
    """The instance and its read replicas."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        stage: Stage,
        vpc: ec2.IVpc,
        firewall: Firewall,
        key: kms.IKey,
        secrets: Secrets,
    ) -> None:
        super().__init__(scope, name)
        self._stage, self._vpc, self._firewall, self._key = stage, vpc, firewall, key
        version = stage.database.version
        self.parameters = rds.ParameterGroup(
            self,
            "Parameters",
            engine=rds.DatabaseInstanceEngine.postgres(
                version=rds.PostgresEngineVersion.of(version, version)
            ),
            description=f"{stage.prefix}: TLS alone",
            parameters={
                "rds.force_ssl": "1",
                "password_encryption": "scram-sha-256",
                "log_min_duration_statement": "1000",  # ms; statements have parameters in place of values
                "log_parameter_max_length": "0",  # no customer's value in the log
                "log_parameter_max_length_on_error": "0",
            },
        )
        self.instance = self._instance(secrets)
        self.replicas = [self._replica(number) for number in range(1, stage.database.replicas + 1)]

    @property
    def host(self) -> str:
        """The address of the instance that writes; a standby takes it over."""
        return self.instance.db_instance_endpoint_address

    def url(self, user: str) -> str:
        """Return a user's DATABASE_URL, without the password: DATABASE_PASSWORD is a secret."""
        query = urlencode({"sslmode": "verify-full", "sslrootcert": AUTHORITIES_FILE}, safe="/")
        return f"postgresql://{user}@{self.host}:{POSTGRES}/{NAME}?{query}"

    def role_url(self, role: str) -> str:
        """Return the URL of a role's own user, as `ledger.db.grants` names it."""
        return self.url(f"{NAME}_{role}")

    def _instance(self, secrets: Secrets) -> rds.DatabaseInstance:
        stage = self._stage
        version = stage.database.version
        return rds.DatabaseInstance(
            self,
            "Instance",
            instance_identifier=stage.prefix,
            engine=rds.DatabaseInstanceEngine.postgres(
                version=rds.PostgresEngineVersion.of(version, version)
            ),
            instance_type=ec2.InstanceType(stage.database.instance),
            credentials=rds.Credentials.from_password(
                OWNER, secrets.database.secret_value_from_json("password")
            ),
            database_name=NAME,
            vpc=self._vpc,
            vpc_subnets=DATA,
            security_groups=[self._firewall.database],
            publicly_accessible=False,
            multi_az=stage.database.multi_az,
            allocated_storage=stage.database.volume_gib,
            max_allocated_storage=stage.database.most_gib,
            storage_type=rds.StorageType.GP3,
            storage_encrypted=True,
            storage_encryption_key=self._key,
            parameter_group=self.parameters,
            backup_retention=Duration.days(stage.database.backup_days),
            delete_automated_backups=not stage.protected,
            copy_tags_to_snapshot=True,
            deletion_protection=stage.protected,
            removal_policy=self._policy(),
            auto_minor_version_upgrade=True,
            allow_major_version_upgrade=False,
            enable_performance_insights=True,
            performance_insight_encryption_key=self._key,
            cloudwatch_logs_exports=["postgresql"],
            ca_certificate=rds.CaCertificate.RDS_CA_RSA2048_G1,
            iam_authentication=False,
        )

    def _replica(self, number: int) -> rds.DatabaseInstanceReadReplica:
        return rds.DatabaseInstanceReadReplica(
            self,
            f"Replica{number}",  # encrypted by the key of what it replicates
            source_database_instance=self.instance,
            instance_identifier=f"{self._stage.prefix}-replica-{number}",
            instance_type=ec2.InstanceType(self._stage.database.instance),
            vpc=self._vpc,
            vpc_subnets=DATA,
            security_groups=[self._firewall.database],
            publicly_accessible=False,
            storage_type=rds.StorageType.GP3,
            parameter_group=self.parameters,
            deletion_protection=self._stage.protected,
            removal_policy=RemovalPolicy.DESTROY,  # it holds nothing of its own
            auto_minor_version_upgrade=True,
            enable_performance_insights=True,
            performance_insight_encryption_key=self._key,
            ca_certificate=rds.CaCertificate.RDS_CA_RSA2048_G1,
            iam_authentication=False,
        )

    def _policy(self) -> RemovalPolicy:
        return RemovalPolicy.SNAPSHOT if self._stage.protected else RemovalPolicy.DESTROY
