"""The templates hold the rules of cdk-nag and of cfn-lint, and no secret."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import aws_cdk as cdk
import pytest
from aws_cdk import aws_s3 as s3

from deploy.aws import checks
from deploy.aws.tests.conftest import Deployment

IGNORED = {
    "W3005": "CDK states dependencies that a reference has too",
    "W3010": "a stage chooses its three zones, so that synthesis asks no account",
    "W3045": "CloudFront hands its logs over by a list of rights",
}


def test_cfn_lint_finds_nothing(synthesised: dict[str, Deployment]) -> None:
    """Of the smallest stage and the largest: staging has nothing that neither has."""
    templates = [
        str(synthesised[name].folder / f"sharpstream-{name}-{part}.template.json")
        for name in ("dev", "production")
        for part in ("data", "cluster", "roles")
    ]
    done = subprocess.run(
        [Path(sys.executable).with_name("cfn-lint"), "--ignore-checks", *IGNORED, "--", *templates],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_cdk_nag_is_on(tmp_path: Path) -> None:
    """The stages above are synthesised with it; here is what it refuses."""
    app = cdk.App(outdir=str(tmp_path), analytics_reporting=False)
    s3.Bucket(cdk.Stack(app, "stack"), "bucket")
    checks.watch(app)
    with pytest.raises(RuntimeError, match="ValidationFailed"):
        app.synth()
    report = json.loads((tmp_path / "validation-report.json").read_text())
    found = {
        violation["ruleName"] for plugin in report["pluginReports"] for violation in plugin["violations"]
    }
    assert {"AwsSolutions-S1", "AwsSolutions-S10"} <= found


def test_every_exception_is_needed_and_has_its_reason(synthesised: dict[str, Deployment]) -> None:
    paths = [
        construct.node.path
        for deployment in synthesised.values()
        for stack in (deployment.stacks.data, deployment.stacks.cluster, deployment.stacks.roles)
        for construct in stack.node.find_all()
    ]
    for each in checks.EXCEPTIONS:
        assert any(re.search(each.path, path) for path in paths), each
        assert len(each.reason) > 20


def test_no_secret_is_in_a_template(each: Deployment) -> None:
    text = json.dumps(each.documents)
    assert not re.search(r"(?i)(password|secret|pepper)[\"']?: ?[\"'][A-Za-z0-9+/]{24,}[\"']", text)
    for secret in each.of_type("AWS::SecretsManager::Secret").values():
        assert "GenerateSecretString" in secret or secret["SecretString"] == "not filled yet"


def test_every_policy_with_a_star_is_one_that_needs_it(each: Deployment) -> None:
    """Actions on all resources: those that know none, or are limited by a condition."""
    allowed = {
        "ecr:GetAuthorizationToken",
        "cloudwatch:PutMetricData",
        "ec2:DescribeTags",
        "ecs:DiscoverPollEndpoint",
        "ecs:Poll",
        "ecs:StartTelemetrySession",
        "ecs:Submit*",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
    }
    found = set()
    for policy in each.of_type("AWS::IAM::Policy").values():
        for statement in policy["PolicyDocument"]["Statement"]:
            resources = statement["Resource"]
            if "*" in (resources if isinstance(resources, list) else [resources]):
                actions = statement["Action"]
                found |= set(actions if isinstance(actions, list) else [actions])
    assert found <= allowed
