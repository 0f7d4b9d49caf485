"""The stack of what tasks run on, and of the tasks that run once: deployed before the roles of a release."""

from __future__ import annotations

from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_ecs as ecs
from constructs import Construct

from deploy.aws.config import Stage
from deploy.aws.data import Data
from deploy.aws.gpus import Gpus
from deploy.aws.once import Once


class ClusterStack(Stack):
    """The cluster, its GPU instances, and the tasks that run once."""

    def __init__(
        self, scope: Construct, name: str, *, stage: Stage, data: Data, tag: str, **options: Any
    ) -> None:
        super().__init__(scope, name, **options)
        self.cluster = ecs.Cluster(
            self,
            "Cluster",
            cluster_name=stage.prefix,
            vpc=data.network.vpc,
            container_insights_v2=ecs.ContainerInsights.ENHANCED,
            enable_fargate_capacity_providers=True,
        )
        self.gpus = Gpus(self, "Gpus", stage=stage, data=data, cluster=self.cluster)
        self.once = Once(self, "Once", stage=stage, data=data, tag=tag)
