"""Gives each role its own user in Kafka, with the rights of `bus.contract.role_rights` and no other.

Run once before the roles start (``python -m gateway grant-roles``), as the user who has all rights.
Idempotent: passwords are set anew, missing rights are added, and surplus ones are taken away.
"""

from __future__ import annotations

import asyncio
import time
from argparse import Namespace
from collections.abc import Iterable, Mapping

import structlog
from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    KafkaAdminClient,
    ResourcePattern,
    ResourcePatternFilter,
    ResourceType,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from kafka.errors import KafkaError

from bus.contract import role_rights
from bus.contract.role_rights import KafkaRight
from bus.runtime import process
from bus.runtime.settings import KafkaSettings, RolePasswords, RoleSettings, load
from gateway.partners.grants import ANYWHERE
from gateway.partners.kafka_admin import (
    POLL_INTERVAL_S,
    REQUEST_TIMEOUT_MS,
    KafkaRefusedError,
    connected,
)

log = structlog.stdlib.get_logger(__name__)

ROUNDS = 4096
"""SCRAM's minimum; the passwords are random and long."""


def main(_role: RoleSettings, _options: Namespace) -> int:
    """Run `grant` with the settings of the environment. Raises `ConfigurationError`."""
    process.run(grant(load(KafkaSettings), load(RolePasswords).given()))
    return process.DONE


async def grant(kafka: KafkaSettings, passwords: Mapping[str, str]) -> None:
    """Make the users and their rights, and return once the brokers apply them. Raises `KafkaRefusedError`."""
    await asyncio.to_thread(_grant, kafka, passwords)


def acls(role: str) -> list[ACL]:
    """Return a role's rights as Kafka's access control lists."""
    return [acl for right in role_rights.KAFKA[role] for acl in _acls(role_rights.user(role), right)]


def _acls(user: str, right: KafkaRight) -> Iterable[ACL]:
    pattern = ACLResourcePatternType.PREFIXED if right.prefixed else ACLResourcePatternType.LITERAL
    for operation in right.operations:
        yield ACL(
            principal=f"User:{user}",
            host=ANYWHERE,
            operation=ACLOperation[operation.upper()],
            permission_type=ACLPermissionType.ALLOW,
            resource_pattern=ResourcePattern(ResourceType[right.kind.upper()], right.name, pattern),
        )


def _grant(kafka: KafkaSettings, passwords: Mapping[str, str]) -> None:
    try:
        with connected(kafka) as admin:
            _set_passwords(admin, passwords)
            for role in passwords:
                _set_rights(admin, role)
            _wait(admin, passwords)
    except (KafkaError, OSError, RuntimeError) as error:
        raise KafkaRefusedError(f"Kafka did not make the roles' users: {error!r}") from error
    log.info("roles_granted", roles=sorted(passwords))


def _set_passwords(admin: KafkaAdminClient, passwords: Mapping[str, str]) -> None:
    users = [
        UserScramCredentialUpsertion(role_rights.user(role), ScramMechanism.SCRAM_SHA_512, password, ROUNDS)
        for role, password in passwords.items()
    ]
    for user, error in admin.alter_user_scram_credentials(users).items():
        if error is not None:
            raise KafkaRefusedError(f"Kafka did not change the user {user}: {error}", user=user)


def _set_rights(admin: KafkaAdminClient, role: str) -> None:
    wanted, present = set(acls(role)), _present(admin, role)
    missing, surplus = wanted - present, present - wanted
    if missing and (failed := admin.create_acls(list(missing))["failed"]):
        raise failed[0](f"Kafka did not grant {role} its rights.")
    if surplus:
        for _, _, error in admin.delete_acls([_filter_of(acl) for acl in surplus]):
            if error.errno:
                raise error(f"Kafka did not take a right of {role} away.")


def _present(admin: KafkaAdminClient, role: str) -> set[ACL]:
    everything = ACLFilter(
        principal=f"User:{role_rights.user(role)}",
        host=None,
        operation=ACLOperation.ANY,
        permission_type=ACLPermissionType.ANY,
        resource_pattern=ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY),
    )
    found, error = admin.describe_acls(everything)
    if error.errno:
        raise error("Kafka did not list a role's rights.")
    return set(found)


def _filter_of(acl: ACL) -> ACLFilter:
    resource = acl.resource_pattern
    return ACLFilter(
        principal=acl.principal,
        host=acl.host,
        operation=acl.operation,
        permission_type=acl.permission_type,
        resource_pattern=ResourcePatternFilter(
            resource.resource_type, resource.resource_name, resource.pattern_type
        ),
    )


def _wait(admin: KafkaAdminClient, roles: Iterable[str]) -> None:
    """Wait until the rights are in effect: the controller answers before the brokers apply a change."""
    deadline = time.monotonic() + REQUEST_TIMEOUT_MS / 1000
    for role in roles:
        while _present(admin, role) != set(acls(role)):
            if time.monotonic() > deadline:
                raise KafkaRefusedError("Kafka does not follow its controller.")
            time.sleep(POLL_INTERVAL_S)
