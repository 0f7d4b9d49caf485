"""Tasks follow load and queues, and what goes wrong rings."""

from __future__ import annotations

import json

from deploy.aws import contract
from deploy.aws.config import FARGATE
from deploy.aws.tests.conftest import Deployment


def test_every_role_that_may_grow_has_its_bounds(each: Deployment) -> None:
    bounds = sorted(
        (target["MinCapacity"], target["MaxCapacity"])
        for target in each.of_type("AWS::ApplicationAutoScaling::ScalableTarget").values()
        if target["ServiceNamespace"] == "ecs"
    )
    scales = [*(each.stage.roles[role] for role in FARGATE), each.stage.inference]
    assert bounds == sorted((one.least, one.most) for one in scales if one.least < one.most)


def queues(each: Deployment) -> list[str]:
    """Return the alarms that scale, of the queues."""
    return [
        json.dumps(alarm)
        for alarm in each.of_type("AWS::CloudWatch::Alarm").values()
        if "SumOffsetLag" in json.dumps(alarm) and "ScalingPolicy" not in alarm.get("AlarmName", "")
    ]


def test_inference_and_export_follow_their_queues(each: Deployment) -> None:
    for role in ("inference", "export"):
        of_role = [text for text in queues(each) if f'"{contract.group(role)}"' in text]
        assert len(of_role) >= 2, role  # up and down
        for topic in contract.commands(role):
            assert all(topic in text for text in of_role)
        marks = sum(contract.partitions(topic) for topic in contract.commands(role))
        assert all(f"- {marks}" in text for text in of_role)


def test_gpus_are_warm_and_watched(each: Deployment) -> None:
    own = each.stage.inference
    group = each.one("AWS::AutoScaling::AutoScalingGroup")
    assert int(group["MaxSize"]) == own.most
    pools = list(each.of_type("AWS::AutoScaling::WarmPool").values())
    assert [pool["MinSize"] for pool in pools] == ([own.warm] if own.warm else [])
    template = each.one("AWS::EC2::LaunchTemplate")["LaunchTemplateData"]
    assert template["MetadataOptions"]["HttpTokens"] == "required"
    assert template["BlockDeviceMappings"][0]["Ebs"]["Encrypted"] is True
    data = json.dumps(template["UserData"])
    assert "nvidia_gpu" in data
    assert "ECS_WARM_POOLS_CHECK=true" in data
    assert "ECS_CLUSTER=" in data
    assert "ECS_AWSVPC_BLOCK_IMDS=true" in data  # tasks get no right of the instance
    (gpus,) = (
        one["ResourceRequirements"]
        for one in each.task("inference")["ContainerDefinitions"]
        if one["Name"] == "inference"
    )
    assert gpus == [{"Type": "GPU", "Value": "1"}]


def test_alarms_reach_an_operator(each: Deployment) -> None:
    ours = [
        alarm
        for alarm in each.of_type("AWS::CloudWatch::Alarm").values()
        if str(alarm.get("AlarmName", "")).startswith(each.stage.prefix)
    ]
    names = {alarm["AlarmName"].removeprefix(f"{each.stage.prefix}-") for alarm in ours}
    assert names >= {
        "errors",
        "latency",
        "queue",
        "ledger",
        "database-disk",
        "kafka-offline",
        "tasks-inference",
    }
    assert {f"tasks-{role}" for role in FARGATE} <= names
    assert all(alarm["AlarmActions"] and len(alarm["AlarmDescription"]) > 20 for alarm in ours)
    topic = each.one("AWS::SNS::Topic")
    assert "KmsMasterKeyId" in topic
    assert each.one("AWS::SNS::Subscription")["Endpoint"] == each.stage.alarm_email
    assert each.one("AWS::CloudWatch::Dashboard")
