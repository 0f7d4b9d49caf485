"""The keys by which data is encrypted at rest: one for each kind, so that rights to one open no other."""

from __future__ import annotations

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from deploy.aws.config import Stage


class Keys(Construct):
    """The keys. AWS makes new material each year; the old one still opens what it closed."""

    def __init__(self, scope: Construct, name: str, *, stage: Stage) -> None:
        super().__init__(scope, name)
        self._stage = stage
        self.store = self._key("Store", "objects in the store")
        self.servers = self._key("Servers", "volumes of Kafka and Postgres, and their backups")
        self.secrets = self._key("Secrets", "secrets; MSK wants a key of ours for its users")
        self.records = self._key("Records", "logs and alarms")
        account = Stack.of(self).account
        self._let(
            f"logs.{stage.region}.amazonaws.com",
            {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": f"arn:aws:logs:{stage.region}:{account}:*"}},
        )
        self._let("cloudwatch.amazonaws.com", {"StringEquals": {"aws:SourceAccount": account}})

    def _key(self, name: str, what: str) -> kms.Key:
        return kms.Key(
            self,
            name,
            alias=f"{self._stage.prefix}-{name.lower()}",
            description=f"{self._stage.prefix}: {what}",
            enable_key_rotation=True,
            removal_policy=RemovalPolicy.RETAIN if self._stage.protected else RemovalPolicy.DESTROY,
        )

    def _let(self, service: str, conditions: dict[str, dict[str, str]]) -> None:
        """Let a service write with the key of records, for this account."""
        self.records.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal(service)],
                actions=[
                    "kms:Encrypt",
                    "kms:Decrypt",
                    "kms:ReEncrypt*",
                    "kms:GenerateDataKey*",
                    "kms:DescribeKey",
                ],
                resources=["*"],  # in a key's policy: this key
                conditions=conditions,
            )
        )
