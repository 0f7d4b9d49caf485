"""The deployment of one stage or of all: ``cdk --app ".venv/deploy/bin/python -m deploy.aws.app"``.

Context: ``-c stage=production`` (all by default), ``-c tag=v1.2.3`` (the images' tag), ``-c kafka=open``
(until the first rights are given). Nothing is asked of an account: a stage says its region, zones and
certificates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import aws_cdk as cdk
from constructs import Construct

from deploy.aws import checks
from deploy.aws.cluster import ClusterStack
from deploy.aws.config import STAGES, Stage, load
from deploy.aws.data import Data
from deploy.aws.edge import Edge
from deploy.aws.inference import Inference
from deploy.aws.records import Records
from deploy.aws.services import Services
from deploy.aws.watching import Watching


class RolesStack(cdk.Stack):
    """The roles, the way in, and what watches them: deployed with each release."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        stage: Stage,
        data: Data,
        cluster: ClusterStack,
        tag: str,
        **options: Any,
    ) -> None:
        super().__init__(scope, name, **options)
        records = Records(self, "Records", stage=stage, key=data.keys.records)
        self.services = Services(
            self, "Services", stage=stage, data=data, cluster=cluster.cluster, records=records, tag=tag
        )
        self.inference = Inference(
            self,
            "Inference",
            stage=stage,
            data=data,
            cluster=cluster.cluster,
            gpus=cluster.gpus,
            records=records,
            tag=tag,
        )
        self.edge = Edge(
            self,
            "Edge",
            stage=stage,
            network=data.network,
            firewall=data.firewall,
            logs=data.storage.logs,
            gateway=self.services.of["gateway"],
        )
        self.watching = Watching(
            self,
            "Watching",
            stage=stage,
            data=data,
            services=self.services,
            inference=self.inference,
            edge=self.edge,
            busy=cluster.gpus.busy,
        )
        cdk.CfnOutput(self, "PageBucket", value=self.edge.page.bucket_name)
        cdk.CfnOutput(self, "Distribution", value=self.edge.distribution.distribution_domain_name)


@dataclass(frozen=True, kw_only=True, slots=True)
class Stacks:
    """The three stacks of a stage, in the order in which they are deployed."""

    data: Data
    cluster: ClusterStack
    roles: RolesStack


def build(app: cdk.App, stage: Stage, *, tag: str, is_open: bool = False) -> Stacks:
    """Add a stage's stacks to the app."""
    options: dict[str, Any] = {
        "env": cdk.Environment(region=stage.region),
        "termination_protection": stage.protected,
        "tags": {"project": "sharpstream", "stage": stage.name},
    }
    prefix = stage.prefix
    data = Data(app, f"{prefix}-data", stage=stage, is_open=is_open, **options)
    cluster = ClusterStack(app, f"{prefix}-cluster", stage=stage, data=data, tag=tag, **options)
    roles = RolesStack(app, f"{prefix}-roles", stage=stage, data=data, cluster=cluster, tag=tag, **options)
    return Stacks(data=data, cluster=cluster, roles=roles)


def main() -> None:
    """Synthesise what the context asks for. Raises `deploy.aws.config.StageError`."""
    app = cdk.App()
    wanted = app.node.try_get_context("stage")
    tag = app.node.try_get_context("tag") or "unreleased"
    for name in [wanted] if wanted else STAGES:
        stacks = build(app, load(name), tag=tag, is_open=app.node.try_get_context("kafka") == "open")
        checks.explain(load(name), stacks.data, stacks.cluster, stacks.roles)
    checks.watch(app)
    app.synth()


if __name__ == "__main__":
    main()
