"""The roles without servers: a Fargate service each, in three zones, with as many tasks as its load needs."""

from __future__ import annotations

from typing import Final

from aws_cdk import Duration
from aws_cdk import aws_applicationautoscaling as scaling
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ecs as ecs
from constructs import Construct

from deploy.aws import containers, contract
from deploy.aws.config import FARGATE, Stage
from deploy.aws.data import Data
from deploy.aws.environment import Environment
from deploy.aws.network import ROLES
from deploy.aws.once import X86
from deploy.aws.records import Records
from deploy.aws.roles import task_role

IMAGES: Final = {"relay": "gateway", "webhooks": "gateway", "partners": "gateway"}
"""Roles that run from another role's image, as in compose.yaml."""
COMMANDS: Final = {"relay": ["relay"], "webhooks": ["webhooks"], "partners": ["partners"]}
BUSY_PERCENT: Final = 60
"""CPU at which a role gets more tasks."""


class Services(Construct):
    """The services, by role."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        stage: Stage,
        data: Data,
        cluster: ecs.ICluster,
        records: Records,
        tag: str,
    ) -> None:
        super().__init__(scope, name)
        self._stage, self._data, self._cluster, self._records, self._tag = stage, data, cluster, records, tag
        self._environment = Environment(stage, data)
        self.of = {role: self._service(role) for role in FARGATE}
        self.scaling = {role: self._scale(role) for role in FARGATE}

    def _service(self, role: str) -> ecs.FargateService:
        size = self._stage.roles[role]
        definition = ecs.FargateTaskDefinition(
            self,
            f"{role.title()}Task",
            family=f"{self._stage.prefix}-{role}",
            cpu=size.cpu,
            memory_limit_mib=size.memory,
            runtime_platform=X86,
            task_role=task_role(self, role, stage=self._stage, data=self._data),
        )
        containers.add(
            definition,
            containers.Program(
                name=role,
                repository=self._data.registry.of[IMAGES.get(role, role)],
                tag=self._tag,
                given=self._environment.of(role),
                log=self._records.group(role.title()),
                authorities=self._data.secrets.authorities,
                secrets_key=self._data.keys.secrets,
                command=COMMANDS.get(role),
                serves=role == "gateway",
            ),
        )
        return ecs.FargateService(
            self,
            role.title(),
            service_name=role,
            cluster=self._cluster,
            task_definition=definition,
            desired_count=size.least,
            min_healthy_percent=100,
            max_healthy_percent=200,
            circuit_breaker=ecs.DeploymentCircuitBreaker(rollback=True),
            availability_zone_rebalancing=ecs.AvailabilityZoneRebalancing.ENABLED,
            vpc_subnets=ROLES,
            security_groups=[self._data.firewall.of[role]],
            assign_public_ip=False,
            enable_execute_command=False,
            health_check_grace_period=Duration.seconds(120) if role == "gateway" else None,
            propagate_tags=ecs.PropagatedTagSource.SERVICE,
            enable_ecs_managed_tags=True,
        )

    def _scale(self, role: str) -> ecs.ScalableTaskCount | None:
        size = self._stage.roles[role]
        if size.least == size.most:
            return None
        count = self.of[role].auto_scale_task_count(min_capacity=size.least, max_capacity=size.most)
        count.scale_on_cpu_utilization(
            "Busy", target_utilization_percent=BUSY_PERCENT, scale_in_cooldown=Duration.minutes(10)
        )
        if role == "export":
            scale_on_queue(count, queue(self._stage.prefix, "export", contract.commands("export")))
        return count


def queue(cluster: str, group: str, topics: list[str]) -> cloudwatch.MathExpression:
    """Return how many commands wait for a group, as MSK counts them each minute.

    A transaction leaves a mark of its own at the end of a partition, which no one commits: one a partition is
    therefore no work, and is taken off.
    """
    waiting = {f"m{number}": lag(cluster, group, topic) for number, topic in enumerate(topics)}
    marks = sum(contract.partitions(topic) for topic in topics)
    total = " + ".join(f"FILL({name}, 0)" for name in waiting)
    return cloudwatch.MathExpression(
        expression=f"MAX([0, {total} - {marks}])",
        using_metrics=dict(waiting),
        label=f"commands that wait for {group}",
        period=Duration.minutes(1),
    )


def lag(cluster: str, group: str, topic: str, name: str = "SumOffsetLag") -> cloudwatch.Metric:
    """Return one of MSK's metrics of how far a group is behind."""
    return cloudwatch.Metric(
        namespace="AWS/Kafka",
        metric_name=name,
        dimensions_map={"Cluster Name": cluster, "Consumer Group": contract.group(group), "Topic": topic},
        statistic="Maximum",
        period=Duration.minutes(1),
    )


def scale_on_queue(count: ecs.ScalableTaskCount, waiting: cloudwatch.MathExpression) -> None:
    """Add tasks while commands wait, the more the longer the queue, and take one away when none does."""
    count.scale_on_metric(
        "Queue",
        metric=waiting,
        adjustment_type=scaling.AdjustmentType.CHANGE_IN_CAPACITY,
        scaling_steps=[
            scaling.ScalingInterval(upper=1, change=-1),
            scaling.ScalingInterval(lower=10, change=+1),
            scaling.ScalingInterval(lower=50, change=+2),
            scaling.ScalingInterval(lower=200, change=+4),
        ],
        cooldown=Duration.minutes(3),
        evaluation_periods=2,
        datapoints_to_alarm=2,
    )
