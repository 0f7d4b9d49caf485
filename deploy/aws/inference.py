"""Inference: a service on GPU instances, one task on each, more of them while commands wait."""

from __future__ import annotations

from typing import Final

from aws_cdk import Duration
from aws_cdk import aws_ecs as ecs
from constructs import Construct

from deploy.aws import containers, contract
from deploy.aws.config import Stage
from deploy.aws.data import Data
from deploy.aws.environment import Environment
from deploy.aws.gpus import WEIGHTS, Gpus
from deploy.aws.network import ROLES
from deploy.aws.records import Records
from deploy.aws.roles import task_role
from deploy.aws.services import queue, scale_on_queue

TASK_MEMORY_MIB: Final = 12 * 1024
"""Reserved; the smallest instance has 16 GiB."""
GPU_BUSY_PERCENT: Final = 90


class Inference(Construct):
    """The service."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        stage: Stage,
        data: Data,
        cluster: ecs.ICluster,
        gpus: Gpus,
        records: Records,
        tag: str,
    ) -> None:
        super().__init__(scope, name)
        self._stage, self._data = stage, data
        self.service = self._service(cluster, gpus.provider, records, tag)
        self.waiting = queue(stage.prefix, "inference", contract.commands("inference"))
        count = self.service.auto_scale_task_count(
            min_capacity=stage.inference.least, max_capacity=stage.inference.most
        )
        scale_on_queue(count, self.waiting)
        count.scale_to_track_custom_metric(
            "GpuBusy",
            metric=gpus.busy,
            target_value=GPU_BUSY_PERCENT,
            disable_scale_in=True,  # an idle GPU with a queue waits for the network; the queue decides
            scale_out_cooldown=Duration.minutes(5),
        )

    def _service(
        self, cluster: ecs.ICluster, provider: ecs.AsgCapacityProvider, records: Records, tag: str
    ) -> ecs.Ec2Service:
        stage, data = self._stage, self._data
        definition = ecs.Ec2TaskDefinition(
            self,
            "Task",
            family=f"{stage.prefix}-inference",
            network_mode=ecs.NetworkMode.AWS_VPC,
            task_role=task_role(self, "inference", stage=stage, data=data),
        )
        containers.add(
            definition,
            containers.Program(
                name="inference",
                repository=data.registry.of[stage.inference.image],
                tag=tag,
                given=Environment(stage, data).of("inference"),
                log=records.group("Inference"),
                authorities=data.secrets.authorities,
                secrets_key=data.keys.secrets,
                gpus=1,
                memory=TASK_MEMORY_MIB,
                checkpoint=stage.inference.checkpoint,
            ),
            cache=ecs.Host(source_path=WEIGHTS),
        )
        return ecs.Ec2Service(
            self,
            "Service",
            service_name="inference",
            cluster=cluster,
            task_definition=definition,
            desired_count=stage.inference.least,
            # No instance has a second GPU for the new task: it begins when an old one has ended.
            min_healthy_percent=50 if stage.inference.least > 1 else 0,
            max_healthy_percent=100,
            circuit_breaker=ecs.DeploymentCircuitBreaker(rollback=True),
            capacity_provider_strategies=[
                ecs.CapacityProviderStrategy(capacity_provider=provider.capacity_provider_name, weight=1)
            ],
            placement_strategies=[
                ecs.PlacementStrategy.spread_across(ecs.BuiltInAttributes.AVAILABILITY_ZONE)
            ],
            vpc_subnets=ROLES,
            security_groups=[data.firewall.of["inference"]],
            enable_execute_command=False,
        )
