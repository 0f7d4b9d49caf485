"""cdk-nag's rules of AWS Solutions, and why some of them do not hold here: each exception has a reason."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks
from constructs import IConstruct

from deploy.aws import contract
from deploy.aws.config import PREVIOUS, Stage
from deploy.aws.roles import partners_secrets
from deploy.aws.secret_values import ALONE

ANY_RESOURCE: Final = "AwsSolutions-IAM5[Resource::*]"
LAMBDA_LOGS: Final = (
    "AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole]"
)


@dataclass(frozen=True, slots=True)
class Accepted:
    """A rule that does not hold for the constructs whose path matches, and why."""

    path: str
    rule: str
    reason: str


EXCEPTIONS: Final = (
    Accepted(
        r"/Secrets/(AmazonMSK|Amazonmsk|Sharpstream)\w*$",
        "AwsSolutions-SMG4",
        "A password changes in the server and in the running tasks together, by the steps of"
        " docs/operations/aws.md; a rotation by itself would lock the roles out.",
    ),
    Accepted(
        rf"/Secrets/({'|'.join(key.title().replace('_', '') for key in (*ALONE, *PREVIOUS.values()))})$",
        "AwsSolutions-SMG4",
        "Two of each are valid while it changes, by the steps of docs/operations/rotation.md; a change by"
        " itself would end sessions, API keys and shares.",
    ),
    Accepted(
        r"/Secrets/FirstAdmin$", "AwsSolutions-SMG4", "It is used once, and changed at the first sign-in."
    ),
    Accepted(
        r"/Secrets/Authorities$", "AwsSolutions-SMG4", "Certificates that AWS publishes are no password."
    ),
    Accepted(
        r"/Database/(Instance|Replica\d+)$",
        "AwsSolutions-RDS11",
        "Postgres is in subnets without a way in, and its security group names the roles.",
    ),
    Accepted(
        r"/Database/Replica\d+$", "AwsSolutions-RDS3", "The replica is a copy; its source has a standby."
    ),
    Accepted(r"/Database/Replica\d+$", "AwsSolutions-RDS2", "It has the key of its encrypted source."),
    Accepted(
        r"-dev-data/Database/Instance$", "AwsSolutions-RDS3", "dev has nothing that outlives a failed zone."
    ),
    Accepted(r"-dev-data/Database/Instance$", "AwsSolutions-RDS10", "dev is deleted as a whole."),
    Accepted(
        r"-data/AWS\w+/ServiceRole$",
        LAMBDA_LOGS,
        "The function that asks MSK for its addresses writes its log by AWS's own policy.",
    ),
    Accepted(r"/ExecutionRole$", ANY_RESOURCE, "ecr:GetAuthorizationToken alone: it knows no resources."),
    Accepted(
        r"/InstanceRole$",
        ANY_RESOURCE,
        "What ECS asks of its instances knows no resources or is of this cluster alone;"
        " cloudwatch:PutMetricData is limited by its namespace, and ec2:DescribeTags reads alone.",
    ),
    Accepted(
        r"/InstanceRole$",
        "AwsSolutions-IAM5[Action::ecs:Submit*]",
        "Three actions of ECS's agent, in this cluster.",
    ),
    Accepted(
        r"/Gpus/Instances$",
        "AwsSolutions-AS3",
        "ECS starts and ends the instances; the alarm is on tasks that do not run.",
    ),
    Accepted(
        r"(Task|/Once/\w+)$",
        "AwsSolutions-ECS2",
        "No secret is in it: those are handed over by Secrets Manager.",
    ),
    Accepted(r"/Edge/Distribution$", "AwsSolutions-CFR1", "Customers are everywhere."),
    Accepted(
        r"/Edge/Distribution$",
        "AwsSolutions-CFR2",
        "A web ACL costs by the request: a stage names one in web_acl_arn. The gateway has its own limits.",
    ),
)


def watch(app: cdk.App) -> None:
    """Check everything in the app when it is synthesised."""
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))


def explain(stage: Stage, *stacks: cdk.Stack) -> None:
    """State the exceptions."""
    exceptions = [*EXCEPTIONS, *_of_roles(stage)]
    for stack in stacks:
        for construct in stack.node.find_all():
            path = construct.node.path
            for each in exceptions:
                if re.search(each.path, path):
                    _accept(construct, each)


def _of_roles(stage: Stage) -> Iterator[Accepted]:
    """Yield the prefixes of each role, which end with a star."""
    bucket = f"arn:aws:s3:::{stage.prefix}-objects-<AWS::AccountId>-{stage.region}"
    for role in contract.facts()["roles"]:
        rights = contract.store_rights(role)
        for prefix in sorted({*rights.reads, *rights.writes}):
            yield Accepted(
                rf"/{role.title()}Role$",
                f"AwsSolutions-IAM5[Resource::{bucket}/{prefix}*]",
                f"What bus.contract.role_rights gives to {role}: a prefix of keys.",
            )
    secrets = f"arn:aws:secretsmanager:{stage.region}:<AWS::AccountId>:secret:{partners_secrets(stage)}"
    yield Accepted(
        r"/GatewayRole$",
        f"AwsSolutions-IAM5[Resource::{secrets}]",
        "The gateway makes the users of partners, whose names it cannot know before.",
    )


def _accept(construct: IConstruct, exception: Accepted) -> None:
    acknowledgment = cdk.Acknowledgment(id=exception.rule, reason=exception.reason)
    cdk.Validations.of(construct).acknowledge(acknowledgment)
