"""Gives each role its own user in Kafka, with the rights of `bus.contract.role_rights` and no other.

Run once before the roles start (``python -m gateway grant-roles``), as the user who has all rights.
Idempotent: passwords are set anew, missing rights are added, and surplus ones are taken away.
"""

from __future__ import annotations

import asyncio
import time
from argparse import Namespace
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

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
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)
from kafka.errors import KafkaError

from bus.contract import role_rights
from bus.contract.role_rights import KafkaRight, Kind
from bus.kafka import tls_check
from bus.runtime import process
from bus.runtime.settings import KafkaSettings, RolePasswords, RoleSecondPasswords, RoleSettings, load
from gateway.partners.grants import ANYWHERE
from gateway.partners.kafka_admin import (
    POLL_INTERVAL_S,
    REQUEST_TIMEOUT_MS,
    KafkaRefusedError,
    connected,
)
from gateway.settings import KafkaUsersSettings

log = structlog.stdlib.get_logger(__name__)

_EVERYTHING: Final[tuple[Kind, ...]] = ("topic", "group", "transactional_id")
_CLUSTER: Final = KafkaRight(
    "cluster",
    "kafka-cluster",
    ("create", "alter", "describe", "alter_configs", "describe_configs", "idempotent_write"),
)
ROUNDS = 4096
"""SCRAM's minimum; the passwords are random and long."""


def main(_role: RoleSettings, _options: Namespace) -> int:
    """Run `grant` with the settings of the environment. Raises `ConfigurationError`."""
    managed = load(KafkaUsersSettings).cluster_arn is not None
    process.run(
        _main(
            load(KafkaSettings),
            load(RolePasswords).given(),
            load(RoleSecondPasswords).given(),
            managed=managed,
        )
    )
    return process.DONE


async def _main(
    kafka: KafkaSettings, passwords: Mapping[str, str], second: Mapping[str, str], *, managed: bool
) -> None:
    await tls_check.require(kafka)
    await grant(kafka, passwords, second, managed=managed)


async def grant(
    kafka: KafkaSettings,
    passwords: Mapping[str, str],
    second: Mapping[str, str] | None = None,
    *,
    managed: bool = False,
) -> None:
    """Make the users and their rights, and return once the brokers apply them. Raises `KafkaRefusedError`.

    ``second``: passwords of second users, with the same rights; one that is not named any more is removed.
    With ``managed``, on Amazon MSK, the users are there already, as secrets of AWS. There are no super users
    there: the one that runs this gets all rights first, or the others' rights would shut it out.
    """
    await asyncio.to_thread(_grant, kafka, passwords, second or {}, managed)


def acls(role: str, user: str | None = None) -> list[ACL]:
    """Return a role's rights as Kafka's access control lists, for its first user or another one."""
    of = user or role_rights.user(role)
    return [acl for right in role_rights.KAFKA[role] for acl in _acls(of, right)]


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


def _grant(
    kafka: KafkaSettings, passwords: Mapping[str, str], second: Mapping[str, str], managed: bool
) -> None:
    users = {role_rights.user(role): password for role, password in passwords.items()}
    users |= {role_rights.second_user(role): password for role, password in second.items()}
    wanted = {role_rights.user(role): set(acls(role)) for role in passwords}
    for role in passwords:  # none for a second user that is not named: its rights are surplus
        other = role_rights.second_user(role)
        wanted[other] = set(acls(role, other)) if role in second else set()
    try:
        with connected(kafka) as admin:
            if managed:
                _keep_all_rights(admin, kafka.username or "")
            else:
                _set_passwords(admin, users)
                _remove(admin, [user for user, rights in wanted.items() if not rights])
            for user, rights in wanted.items():
                _set_rights(admin, user, rights)
            _wait(admin, wanted)
    except (KafkaError, OSError, RuntimeError) as error:
        raise KafkaRefusedError(f"Kafka did not make the roles' users: {error!r}") from error
    log.info("roles_granted", roles=sorted(passwords))


def owner_acls(user: str) -> list[ACL]:
    """Return all rights but the brokers' own, for the user who makes topics, users and rights."""
    rights = [KafkaRight(kind, "*", ("all",)) for kind in _EVERYTHING]
    return [acl for right in [*rights, _CLUSTER] for acl in _acls(user, right)]


def _keep_all_rights(admin: KafkaAdminClient, user: str) -> None:
    if failed := admin.create_acls(owner_acls(user))["failed"]:
        raise failed[0](f"Kafka did not grant {user} its rights.")


def _set_passwords(admin: KafkaAdminClient, passwords: Mapping[str, str]) -> None:
    users = [
        UserScramCredentialUpsertion(user, ScramMechanism.SCRAM_SHA_512, password, ROUNDS)
        for user, password in passwords.items()
    ]
    _check(admin.alter_user_scram_credentials(users))


def _remove(admin: KafkaAdminClient, users: Sequence[str]) -> None:
    """Remove those that are there; what they are connected to ends with their rights."""
    known = admin.describe_user_scram_credentials(users) if users else {}
    gone = [
        UserScramCredentialDeletion(user, ScramMechanism.SCRAM_SHA_512)
        for user, found in known.items()
        if found["credential_infos"]
    ]
    if gone:
        _check(admin.alter_user_scram_credentials(gone))


def _check(reported: Mapping[str, str | None]) -> None:
    for user, error in reported.items():
        if error is not None:
            raise KafkaRefusedError(f"Kafka did not change the user {user}: {error}", user=user)


def _set_rights(admin: KafkaAdminClient, user: str, wanted: set[ACL]) -> None:
    present = _present(admin, user)
    missing, surplus = wanted - present, present - wanted
    if missing and (failed := admin.create_acls(list(missing))["failed"]):
        raise failed[0](f"Kafka did not grant {user} its rights.")
    if surplus:
        for _, _, error in admin.delete_acls([_filter_of(acl) for acl in surplus]):
            if error.errno:
                raise error(f"Kafka did not take a right of {user} away.")


def _present(admin: KafkaAdminClient, user: str) -> set[ACL]:
    everything = ACLFilter(
        principal=f"User:{user}",
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


def _wait(admin: KafkaAdminClient, wanted: Mapping[str, set[ACL]]) -> None:
    """Wait until the rights are in effect: the controller answers before the brokers apply a change."""
    deadline = time.monotonic() + REQUEST_TIMEOUT_MS / 1000
    for user, rights in wanted.items():
        while _present(admin, user) != rights:
            if time.monotonic() > deadline:
                raise KafkaRefusedError("Kafka does not follow its controller.")
            time.sleep(POLL_INTERVAL_S)
