"""What each role's tasks may do in AWS: its prefixes in the store, and for the gateway the users of Kafka."""

from __future__ import annotations

from aws_cdk import Aws
from aws_cdk import aws_iam as iam
from constructs import Construct

from deploy.aws.config import Stage
from deploy.aws.data import Data
from deploy.aws.secret_values import kafka_secret


def task_role(scope: Construct, role: str, *, stage: Stage, data: Data) -> iam.Role:
    """Return the identity of a role's tasks; it has no right that is not here."""
    made = iam.Role(
        scope,
        f"{role.title()}Role",
        assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"),
        description=f"{stage.prefix}: what tasks of {role} may do",
    )
    for statement in data.storage.rights(role):
        made.add_to_policy(statement)
    if role == "gateway":
        for statement in _partners_users(stage, data):
            made.add_to_policy(statement)
    if role == "inference" and stage.inference.checkpoint:
        made.add_to_policy(
            iam.PolicyStatement(
                actions=["s3:GetObject"],
                resources=[f"arn:aws:s3:::{stage.inference.checkpoint.removeprefix('s3://')}"],
            )
        )
    return made


def once_role(scope: Construct, task: str, *, stage: Stage) -> iam.Role:
    """Return the identity of a task that runs once: it reaches servers with passwords, and AWS not at all."""
    return iam.Role(
        scope,
        f"{task.title()}Role",
        assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"),
        description=f"{stage.prefix}: the task {task}, without rights in AWS",
    )


def partners_secrets(stage: Stage) -> str:
    """Return the pattern of the names of partners' secrets."""
    return f"{kafka_secret(stage.prefix, 'partner.')}*"


def _partners_users(stage: Stage, data: Data) -> list[iam.PolicyStatement]:
    """Return the rights to make users of Kafka for partners, and for nobody else: secrets of one name."""
    secrets = f"arn:aws:secretsmanager:{stage.region}:{Aws.ACCOUNT_ID}:secret:{partners_secrets(stage)}"
    return [
        iam.PolicyStatement(
            actions=[
                "secretsmanager:CreateSecret",
                "secretsmanager:DeleteSecret",
                "secretsmanager:DescribeSecret",
                "secretsmanager:PutSecretValue",
                # MSK acts in the caller's name when a secret becomes a user.
                "secretsmanager:GetResourcePolicy",
                "secretsmanager:PutResourcePolicy",
                "secretsmanager:DeleteResourcePolicy",
            ],
            resources=[secrets],
        ),
        iam.PolicyStatement(
            actions=[
                "kafka:BatchAssociateScramSecret",
                "kafka:BatchDisassociateScramSecret",
                "kafka:ListScramSecrets",
            ],
            resources=[data.kafka.arn],
        ),
        iam.PolicyStatement(
            actions=["kms:Decrypt", "kms:GenerateDataKey"],
            resources=[data.keys.secrets.key_arn],
            conditions={"StringEquals": {"kms:ViaService": f"secretsmanager.{stage.region}.amazonaws.com"}},
        ),
        iam.PolicyStatement(
            actions=["kms:CreateGrant"],
            resources=[data.keys.secrets.key_arn],
            conditions={"Bool": {"kms:GrantIsForAWSResource": "true"}},
        ),
    ]
