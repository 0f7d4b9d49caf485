"""A role's tasks may do in AWS what the product's table of rights says, and nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from deploy.aws import contract
from deploy.aws.config import FARGATE
from deploy.aws.tests.conftest import Deployment

ROLES = (*FARGATE, "inference")
SECRET_USERS = (Path(__file__).parents[3] / "gateway" / "partners" / "secret_users.py").read_text()
WRITES = {"s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"}


def statements(deployment: Deployment, role: str) -> list[tuple[frozenset[str], str, dict]]:
    """Return the actions, the resource and the condition of each statement of a role's tasks."""
    wanted = f"{role.title()}Role"
    found = []
    for name, policy in deployment.of_type("AWS::IAM::Policy").items():
        if f"{wanted}DefaultPolicy" not in name or "Execution" in name:
            continue
        for statement in policy["PolicyDocument"]["Statement"]:
            actions, resources = statement["Action"], statement["Resource"]
            for resource in resources if isinstance(resources, list) else [resources]:
                listed = actions if isinstance(actions, list) else [actions]
                found.append((frozenset(listed), text(resource), statement.get("Condition", {})))
    return found


def text(resource: object) -> str:
    if isinstance(resource, dict) and "Fn::Join" in resource:
        parts = resource["Fn::Join"][1]
        return "".join(part if isinstance(part, str) else "{}" for part in parts)
    return resource if isinstance(resource, str) else json.dumps(resource)


def prefixes(found: list[tuple[frozenset[str], str, dict]], actions: set[str], bucket: str) -> set[str]:
    start = f"arn:aws:s3:::{bucket}/"
    return {
        resource.removeprefix(start).removesuffix("*")
        for listed, resource, _ in found
        if listed == actions and resource.startswith(start)
    }


@pytest.mark.parametrize("role", ROLES)
def test_a_role_reads_and_writes_its_prefixes(each: Deployment, role: str) -> None:
    bucket = f"{each.stage.prefix}-objects-{{}}-{each.stage.region}"
    found, rights = statements(each, role), contract.store_rights(role)
    assert prefixes(found, {"s3:GetObject"}, bucket) == set(rights.reads)
    assert prefixes(found, WRITES, bucket) == set(rights.writes)
    lists = [resource for actions, resource, _ in found if actions == {"s3:ListBucket"}]
    assert lists == ([f"arn:aws:s3:::{bucket}"] if rights.lists else [])


@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_do_nothing_else(each: Deployment, role: str) -> None:
    known = WRITES | {"s3:GetObject", "s3:ListBucket", "kms:Decrypt", "kms:GenerateDataKey"}
    actions = {action for listed, _, _ in statements(each, role) for action in listed}
    others = actions - known
    if role == "gateway":
        assert {action.partition(":")[0] for action in others} == {"secretsmanager", "kafka", "kms"}
        assert not others & {"secretsmanager:GetSecretValue", "secretsmanager:*", "kafka:*"}
        # What gateway.partners.secret_users asks of AWS, by the names of botocore's methods.
        asked = set(re.findall(r"self\._(secrets|msk)\.(?!exceptions|get_paginator)(\w+)\(", SECRET_USERS))
        asked |= {("msk", name) for name in re.findall(r'get_paginator\("(\w+)"\)', SECRET_USERS)}
        services = {"secrets": "secretsmanager", "msk": "kafka"}
        needed = {f"{services[which]}:{name.title().replace('_', '')}" for which, name in asked}
        assert len(needed) == 7
        assert needed <= others
    else:
        assert others == set()
    assert all(resource != "*" for _, resource, _ in statements(each, role))


def test_the_gateway_makes_users_of_partners_alone(each: Deployment) -> None:
    of_secrets = [
        resource
        for actions, resource, _ in statements(each, "gateway")
        if any(action.startswith("secretsmanager:") for action in actions)
    ]
    assert [resource.partition(":secret:")[2] for resource in of_secrets] == [
        f"AmazonMSK_{each.stage.prefix}_partner.*"
    ]


@pytest.mark.parametrize("role", ROLES)
def test_keys_are_used_by_way_of_their_service(each: Deployment, role: str) -> None:
    for actions, _, condition in statements(each, role):
        if "kms:Decrypt" in actions:
            assert list(condition) == ["StringEquals"]
            assert list(condition["StringEquals"]) == ["kms:ViaService"]


@pytest.mark.parametrize("task", ["migrate", "topics", "users", "admin"])
def test_tasks_that_run_once_have_no_rights_in_aws(each: Deployment, task: str) -> None:
    assert statements(each, task) == []
