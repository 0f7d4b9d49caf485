"""The tasks that run once, before the roles of a release: compose.yaml has the same.

Its task for the bucket is missing, because the stack of data makes the bucket.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from aws_cdk import aws_ecs as ecs
from constructs import Construct

from deploy.aws import containers
from deploy.aws.config import Stage
from deploy.aws.data import Data
from deploy.aws.environment import Environment
from deploy.aws.firewall import ONCE
from deploy.aws.records import Records
from deploy.aws.roles import once_role

X86: Final = ecs.RuntimePlatform(
    cpu_architecture=ecs.CpuArchitecture.X86_64, operating_system_family=ecs.OperatingSystemFamily.LINUX
)


@dataclass(frozen=True, slots=True)
class Command:
    """Which image a task runs, and how."""

    image: str
    command: list[str]
    entry_point: list[str] | None = None


COMMANDS: Final = {
    "migrate": Command("ledger", ["migrate"]),
    "topics": Command("ledger", [], ["python", "-m", "bus.kafka.admin"]),
    "users": Command("gateway", ["grant-roles"]),
    "admin": Command("gateway", ["create-admin", "--email", "you@example.org", "--api-key-name", "first"]),
}


class Once(Construct):
    """The tasks, by name."""

    def __init__(self, scope: Construct, name: str, *, stage: Stage, data: Data, tag: str) -> None:
        super().__init__(scope, name)
        log = Records(self, "Records", stage=stage, key=data.keys.records).group("Once")
        environment = Environment(stage, data)
        self.tasks = {}
        for task in ONCE:
            self.tasks[task] = definition = ecs.FargateTaskDefinition(
                self,
                task.title(),
                family=f"{stage.prefix}-{task}",
                cpu=512,
                memory_limit_mib=1024,
                runtime_platform=X86,
                task_role=once_role(self, task, stage=stage),
            )
            what = COMMANDS[task]
            containers.add(
                definition,
                containers.Program(
                    name=task,
                    repository=data.registry.of[what.image],
                    tag=tag,
                    given=environment.once(task),
                    log=log,
                    authorities=data.secrets.authorities,
                    secrets_key=data.keys.secrets,
                    command=what.command,
                    entry_point=what.entry_point,
                    once=True,
                ),
            )
