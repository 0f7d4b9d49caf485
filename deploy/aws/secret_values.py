"""The secrets of `.env.example`: made by Secrets Manager, and never in a template.

A role's password is the same in Kafka and Postgres. A user of MSK *is* such a secret, hence its name.
"""

from __future__ import annotations

from typing import Final

from aws_cdk import RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from deploy.aws import contract
from deploy.aws.config import PREVIOUS, Stage

OWNER: Final = "sharpstream"
"""The user with all rights, in Kafka and in Postgres."""
LENGTH: Final = 48
"""Letters and digits: 285 bits. The password stands in URLs."""
ALONE: Final = tuple(PREVIOUS)
"""Keys that are one value each, named as in the environment."""


def kafka_secret(prefix: str, user: str) -> str:
    """Return the name of the secret of a user of Kafka; MSK takes no other beginning."""
    return f"AmazonMSK_{prefix}_{user}"


class Secrets(Construct):
    """All secrets. ``kafka`` and ``database`` have the fields username and password."""

    def __init__(self, scope: Construct, name: str, *, stage: Stage, key: kms.IKey) -> None:
        super().__init__(scope, name)
        self._stage, self._key = stage, key
        users = [OWNER, *(contract.user(role) for role in contract.facts()["roles"])]
        self.kafka = {user: self._of_user(user, kafka_secret(stage.prefix, user)) for user in users}
        for secret in self.kafka.values():
            secret.add_to_resource_policy(
                iam.PolicyStatement(
                    sid="AWSKafkaResourcePolicy",
                    principals=[iam.ServicePrincipal("kafka.amazonaws.com")],
                    actions=["secretsmanager:getSecretValue"],
                    resources=[secret.secret_arn],
                )
            )
        self.database = self._of_user(OWNER, f"{stage.prefix}/database")
        self.alone = {key: self._made(key.title().replace("_", ""), f"{stage.prefix}/{key}") for key in ALONE}
        if stage.rotating:
            second = PREVIOUS[stage.rotating]
            self.alone[second] = self._made(second.title().replace("_", ""), f"{stage.prefix}/{second}")
        self.first_admin = self._made("FirstAdmin", f"{stage.prefix}/first-admin")
        # Filled by the operator (docs/operations/aws.md); tasks do not start before.
        authorities = secretsmanager.CfnSecret(
            self,
            "Authorities",
            name=f"{stage.prefix}/database-authorities",
            description="The certificates by which Postgres is known, as AWS publishes them",
            secret_string="not filled yet",  # noqa: S106  (a text that tasks refuse)
            kms_key_id=key.key_arn,
        )
        authorities.apply_removal_policy(self._policy())
        self.authorities = secretsmanager.Secret.from_secret_attributes(
            self, "AuthoritiesRead", secret_complete_arn=authorities.ref, encryption_key=key
        )

    def role(self, role: str) -> secretsmanager.Secret:
        """Return the secret of a role's user."""
        return self.kafka[contract.user(role)]

    def _of_user(self, user: str, name: str) -> secretsmanager.Secret:
        return secretsmanager.Secret(
            self,
            name.title().replace("_", "").replace("-", "").replace("/", ""),
            secret_name=name,
            encryption_key=self._key,
            removal_policy=self._policy(),
            generate_secret_string=secretsmanager.SecretStringGenerator(
                secret_string_template=f'{{"username": "{user}"}}',
                generate_string_key="password",
                password_length=LENGTH,
                exclude_punctuation=True,
            ),
        )

    def _made(self, construct: str, name: str) -> secretsmanager.Secret:
        return secretsmanager.Secret(
            self,
            construct,
            secret_name=name,
            encryption_key=self._key,
            removal_policy=self._policy(),
            generate_secret_string=secretsmanager.SecretStringGenerator(
                password_length=LENGTH, exclude_punctuation=True
            ),
        )

    def _policy(self) -> RemovalPolicy:
        return RemovalPolicy.RETAIN if self._stage.protected else RemovalPolicy.DESTROY
