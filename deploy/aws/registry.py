"""ECR: a repository for each image. A tag is never given to another image, and each is scanned."""

from __future__ import annotations

from typing import Final

from aws_cdk import RemovalPolicy
from aws_cdk import aws_ecr as ecr
from constructs import Construct

from deploy.aws.config import Stage

KEPT: Final = 50
"""Images kept of each, for the way back to an earlier release."""


class Registry(Construct):
    """The repositories, by target of deploy/docker/Dockerfile."""

    def __init__(self, scope: Construct, name: str, *, stage: Stage) -> None:
        super().__init__(scope, name)
        self.of = {
            target: ecr.Repository(
                self,
                target.title().replace("-", ""),
                repository_name=f"{stage.prefix}/{target}",
                image_tag_mutability=ecr.TagMutability.IMMUTABLE,
                image_scan_on_push=True,
                encryption=ecr.RepositoryEncryption.KMS,
                lifecycle_rules=[ecr.LifecycleRule(max_image_count=KEPT)],
                removal_policy=RemovalPolicy.RETAIN if stage.protected else RemovalPolicy.DESTROY,
                empty_on_delete=not stage.protected,
            )
            for target in ("gateway", "export", "ledger", stage.inference.image)
        }
