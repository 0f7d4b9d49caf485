"""Log groups: encrypted, and kept as long as the stage says."""

from __future__ import annotations

from typing import Final

from aws_cdk import RemovalPolicy
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from deploy.aws.config import Stage

KEPT: Final = {
    7: logs.RetentionDays.ONE_WEEK,
    30: logs.RetentionDays.ONE_MONTH,
    90: logs.RetentionDays.THREE_MONTHS,
    365: logs.RetentionDays.ONE_YEAR,
}


class Records(Construct):
    """Makes log groups in the stack of ``scope``."""

    def __init__(self, scope: Construct, name: str, *, stage: Stage, key: kms.IKey) -> None:
        super().__init__(scope, name)
        self._stage, self._key = stage, key

    def group(self, name: str, log_group_name: str | None = None) -> logs.LogGroup:
        """Return a new log group; its name is ours unless the service that writes it chose one."""
        return logs.LogGroup(
            self,
            name,
            log_group_name=log_group_name or f"/{self._stage.prefix}/{name.lower()}",
            retention=KEPT[self._stage.log_days],
            encryption_key=self._key,
            removal_policy=RemovalPolicy.RETAIN if self._stage.protected else RemovalPolicy.DESTROY,
        )
