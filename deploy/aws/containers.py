"""A role's container in a task: not root, no capability, a read-only file system, secrets handed over by ECS.

Beside it a first container, which ends before the role starts, opens the volumes for the role's user and
writes the files that the role reads (deploy/docker/prepare.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, cast

from aws_cdk import Duration, Stack
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager

from deploy.aws.database import AUTHORITIES_FILE
from deploy.aws.environment import CACHE, CHECKPOINT, Given
from deploy.aws.firewall import GATEWAY

HEALTH: Final = ecs.HealthCheck(
    command=["CMD", "python", "/app/healthcheck.py"],
    interval=Duration.seconds(10),
    timeout=Duration.seconds(5),
    start_period=Duration.seconds(120),
    retries=3,
)
"""As in the images; ECS reads only what the task says."""
OPEN_FILES: Final = 65536
"""A gateway has a connection for each live stream."""
STOP: Final = Duration.seconds(60)
PREPARED: Final = "/run/sharpstream"


@dataclass(frozen=True, kw_only=True, slots=True)
class Program:
    """What runs: an image and its command; ``entry_point`` where it is not the image's own."""

    name: str
    repository: ecr.IRepository
    tag: str
    given: Given
    log: logs.ILogGroup
    authorities: secretsmanager.ISecret
    secrets_key: kms.IKey
    command: list[str] | None = None
    entry_point: list[str] | None = None
    serves: bool = False
    once: bool = False
    gpus: int | None = None
    memory: int | None = None
    checkpoint: str = ""

    @property
    def image(self) -> ecs.ContainerImage:
        """The image."""
        return ecs.ContainerImage.from_ecr_repository(self.repository, self.tag)

    @property
    def logging(self) -> ecs.LogDriver:
        """Its lines in its log group."""
        return ecs.LogDrivers.aws_logs(
            stream_prefix=self.name, log_group=self.log, mode=ecs.AwsLogDriverMode.NON_BLOCKING
        )


def add(
    task: ecs.TaskDefinition, program: Program, *, cache: ecs.Host | None = None
) -> ecs.ContainerDefinition:
    """Add the program and what prepares it to a task; ``cache`` is the volume of downloaded weights."""
    volumes = {"tmp": "/tmp", "prepared": PREPARED}  # noqa: S108  (a volume of the task's own)
    for volume in volumes:
        task.add_volume(name=volume)
    if cache is not None:
        volumes["cache"] = CACHE
        task.add_volume(name="cache", host=cache)
    if program.given.secrets:
        _let_read(task, program.secrets_key)
    first = _preparing(task, program, cached=cache is not None)
    main = task.add_container(
        program.name,
        image=program.image,
        command=program.command,
        entry_point=program.entry_point,
        environment=program.given.values,
        secrets={key: _handed(task, *each) for key, each in program.given.secrets.items()},
        logging=program.logging,
        health_check=None if program.once else HEALTH,
        readonly_root_filesystem=True,
        linux_parameters=_without_rights(task, program.name),
        stop_timeout=STOP,
        # Fargate knows no such option, and lets no process gain rights anyway.
        docker_security_options=["no-new-privileges"] if program.gpus else None,
        gpu_count=program.gpus,
        memory_reservation_mib=program.memory,
        port_mappings=[ecs.PortMapping(container_port=GATEWAY)] if program.serves else None,
    )
    main.add_ulimits(ecs.Ulimit(name=ecs.UlimitName.NOFILE, soft_limit=OPEN_FILES, hard_limit=OPEN_FILES))
    main.add_container_dependencies(
        ecs.ContainerDependency(container=first, condition=ecs.ContainerDependencyCondition.SUCCESS)
    )
    for volume, path in volumes.items():
        for container in (first, main):
            container.add_mount_points(
                ecs.MountPoint(
                    container_path=path,
                    source_volume=volume,
                    read_only=container is main and volume == "prepared",
                )
            )
    return main


def _preparing(task: ecs.TaskDefinition, program: Program, *, cached: bool) -> ecs.ContainerDefinition:
    values = {"PREPARE_OPEN": ":".join(["/tmp", *([CACHE] if cached else [])])}  # noqa: S108
    secrets = {}
    if "DATABASE_URL" in program.given.values:
        values["PREPARE_AUTHORITIES_FILE"] = AUTHORITIES_FILE
        secrets["PREPARE_AUTHORITIES"] = _handed(task, program.authorities, None)
    if program.checkpoint:
        values |= {"PREPARE_CHECKPOINT": program.checkpoint, "PREPARE_CHECKPOINT_FILE": CHECKPOINT}
    return task.add_container(
        "prepare",
        image=program.image,
        entry_point=["python", "/app/prepare.py"],
        command=[],
        user="0",  # volumes are root's; it has no capability, and ends before the role begins
        essential=False,
        environment=values,
        secrets=secrets,
        logging=program.logging,
        readonly_root_filesystem=True,
        linux_parameters=_without_rights(task, "prepare"),
        memory_reservation_mib=128,
    )


def _handed(task: ecs.TaskDefinition, secret: secretsmanager.ISecret, field: str | None) -> ecs.Secret:
    """Return a secret by its name alone: otherwise CDK changes its key's policy, a stack below."""
    name = f"Of{secret.node.id}"
    known = task.node.try_find_child(name)
    if known is None:
        known = secretsmanager.Secret.from_secret_complete_arn(task, name, secret.secret_arn)
    return ecs.Secret.from_secrets_manager(cast(secretsmanager.ISecret, known), field)


def _let_read(task: ecs.TaskDefinition, key: kms.IKey) -> None:
    """Let ECS, which hands the secrets over, open them; the role itself has no such right."""
    task.obtain_execution_role().add_to_principal_policy(
        iam.PolicyStatement(
            actions=["kms:Decrypt"],
            resources=[key.key_arn],
            conditions={
                "StringEquals": {"kms:ViaService": f"secretsmanager.{Stack.of(task).region}.amazonaws.com"}
            },
        )
    )


def _without_rights(task: ecs.TaskDefinition, name: str) -> ecs.LinuxParameters:
    parameters = ecs.LinuxParameters(task, f"{name}Linux", init_process_enabled=True)
    parameters.drop_capabilities(ecs.Capability.ALL)
    return parameters
