"""Kafka administration for partners: users, rights, quotas and topics. Every step is idempotent.

It uses kafka-python, because aiokafka's admin client has no users, ACLs or quotas. kafka-python blocks, so
every method runs in a thread, with a new connection each time: calls are rare and take 0.2 s.
The controller answers before the brokers have applied a change, so each call waits until every broker reports
it. Granted rights are then in effect, and revoked ones are gone.
Must not decide what a partner may do (`gateway.partners.grants`) or when (`gateway.partners.lifecycle`).
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, TypeVar

from kafka.admin import (
    KafkaAdminClient,
    ScramMechanism,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)
from kafka.errors import KafkaError, TopicAlreadyExistsError, UnknownTopicOrPartitionError, for_code
from kafka.protocol.admin import (
    AlterClientQuotasRequest,
    DescribeAclsRequest,
    DescribeUserScramCredentialsRequest,
)

from bus.contract.partners import OWNED, Names
from bus.kafka import tls_check
from bus.kafka.admin import topic_config
from bus.runtime.errors import TransientError
from bus.runtime.settings import KafkaSettings
from gateway.partners import grants
from gateway.partners.grants import KafkaQuotas
from gateway.partners.secret_users import SecretsRefusedError, SecretUsers

T = TypeVar("T")
REQUEST_TIMEOUT_MS: Final = 15_000
POLL_INTERVAL_S: Final = 0.01


class KafkaRefusedError(TransientError):
    """Kafka did not carry out an administrator's request; a retry may succeed."""

    code = "temporarily_unavailable"


class Cluster:
    """An administrator's client of Kafka. Every method raises `KafkaRefusedError`.

    ``users``: who makes users where Kafka does not, on Amazon MSK.
    """

    def __init__(self, kafka: KafkaSettings, users: SecretUsers | None = None) -> None:
        self._kafka, self._users = kafka, users

    async def open(self, names: Names, quotas: KafkaQuotas, *, password: str | None) -> None:
        """Create everything a partner has; a ``password`` of None leaves the user unchanged.

        Rights are granted last: before that nothing can be written or read. Brokers apply changes in order,
        so one that has applied the rights has applied the rest.
        """

        def work(admin: KafkaAdminClient) -> None:
            _create_topics(admin, names, self._kafka.replication_factor)
            if password is not None:
                self._set_password(admin, names, password)
            _set_quotas(admin, names, quotas.as_kafka())
            _grant(admin, names)

        await self._do(work)

    async def set_password(self, names: Names, password: str) -> None:
        """Replace the password; the old one is no longer accepted."""
        await self._do(lambda admin: self._set_password(admin, names, password))

    async def close(self, names: Names) -> None:
        """Revoke every right; open connections are denied at their next request."""
        await self._do(lambda admin: _revoke(admin, names))

    async def remove(self, names: Names) -> None:
        """Remove everything but the topics."""

        def work(admin: KafkaAdminClient) -> None:
            _revoke(admin, names)
            if self._users is None:
                _forget_user(admin, names)
            else:
                self._users.forget(names.user)
            _set_quotas(admin, names, dict.fromkeys(_LIMITS))
            _delete_groups(admin, names)

        await self._do(work)

    async def count_groups(self) -> Counter[str]:
        """Return how many consumer groups there are in the name of each partner's slug."""
        return Counter(await self._do(_owners_of_groups))

    async def drop_topics(self, names: Names) -> None:
        """Delete the topics and their records."""

        def work(admin: KafkaAdminClient) -> None:
            for topic in (names.commands, names.events):
                with contextlib.suppress(UnknownTopicOrPartitionError):
                    admin.delete_topics([topic.name])

        await self._do(work)

    def _set_password(self, admin: KafkaAdminClient, names: Names, password: str) -> None:
        if self._users is None:
            _set_password(admin, names, password)
        else:
            self._users.set_password(names.user, password)

    async def _do(self, work: Callable[[KafkaAdminClient], T]) -> T:
        return await asyncio.to_thread(self._blocking, work)

    def _blocking(self, work: Callable[[KafkaAdminClient], T]) -> T:
        try:
            with connected(self._kafka) as admin:
                return work(admin)
        except (KafkaError, OSError, RuntimeError, SecretsRefusedError) as error:
            raise KafkaRefusedError(f"Kafka did not do it: {error!r}") from error


_LIMITS: Final = ("producer_byte_rate", "consumer_byte_rate", "request_percentage")


@contextlib.contextmanager
def connected(kafka: KafkaSettings) -> Iterator[KafkaAdminClient]:
    """Yield a client that is connected. Raises `KafkaError`, OSError or RuntimeError."""
    servers = kafka.bootstrap_servers.split(",")
    _probe_bootstrap_servers(servers)
    if said := tls_check.trouble(kafka):
        raise OSError(said)
    # Created in two steps, because a constructor that fails would leak its thread and sockets.
    admin = KafkaAdminClient.__new__(KafkaAdminClient)
    try:
        KafkaAdminClient.__init__(
            admin,
            **kafka.client_options() | {"bootstrap_servers": servers},
            client_id="sharpstream-partners",
            request_timeout_ms=REQUEST_TIMEOUT_MS,
            bootstrap_timeout_ms=REQUEST_TIMEOUT_MS,
        )
        yield admin
    finally:
        admin._closed = not hasattr(admin, "_net")  # noqa: SLF001
        admin.close()


def _probe_bootstrap_servers(servers: Sequence[str]) -> None:
    """Raise `OSError` if no server answers: kafka-python would keep trying and leak a socket each time."""
    for number, server in enumerate(servers, 1):
        host, _, port = server.rpartition(":")
        try:
            socket.create_connection((host, int(port)), timeout=REQUEST_TIMEOUT_MS / 1000).close()
        except OSError:
            if number == len(servers):
                raise
        else:
            return


def _create_topics(admin: KafkaAdminClient, names: Names, replication_factor: int) -> None:
    for topic in (names.commands, names.events):
        wanted = {
            "num_partitions": topic.partitions,
            "replication_factor": replication_factor,
            "configs": topic_config(topic, replication_factor),
        }
        with contextlib.suppress(TopicAlreadyExistsError):
            admin.create_topics({topic.name: wanted})


def _set_password(admin: KafkaAdminClient, names: Names, password: str) -> None:
    # With 192 random bits, more rounds than SCRAM's minimum of 4096 add no protection. A random number of
    # rounds identifies the password that a broker has applied, and brokers report nothing else of it.
    rounds = 4096 + secrets.randbelow(4096)
    new = UserScramCredentialUpsertion(names.user, ScramMechanism.SCRAM_SHA_512, password, rounds)
    _check_users(admin.alter_user_scram_credentials([new]))
    _wait(admin, lambda broker: _rounds_of(admin, names, broker) == [rounds])


def _rounds_of(admin: KafkaAdminClient, names: Names, broker: int) -> list[int]:
    user = DescribeUserScramCredentialsRequest.UserName(name=names.user)
    reported = _ask(admin, DescribeUserScramCredentialsRequest(users=[user]), broker)
    return [each.iterations for result in reported.results for each in result.credential_infos]


def _forget_user(admin: KafkaAdminClient, names: Names) -> None:
    if names.user in _known_users(admin, names):
        old = UserScramCredentialDeletion(names.user, ScramMechanism.SCRAM_SHA_512)
        _check_users(admin.alter_user_scram_credentials([old]))
        _wait(admin, lambda broker: _rounds_of(admin, names, broker) == [])


def _known_users(admin: KafkaAdminClient, names: Names) -> set[str]:
    reported = admin.describe_user_scram_credentials([names.user])
    return {user for user, what in reported.items() if what["credential_infos"]}


def _check_users(reported: dict[str, str | None]) -> None:
    for user, error in reported.items():
        if error is not None:
            raise KafkaRefusedError(f"Kafka did not change the user {user}: {error}", user=user)


def _grant(admin: KafkaAdminClient, names: Names) -> None:
    wanted = grants.rights(names)
    failed = admin.create_acls(wanted)["failed"]
    if failed:
        raise failed[0](f"Kafka did not grant {names.user} its rights.")
    _wait(admin, lambda broker: _count_rights(admin, names, broker) >= len(wanted))


def _revoke(admin: KafkaAdminClient, names: Names) -> None:
    for _, _, error in admin.delete_acls([grants.all_of(names)]):
        if error.errno:
            raise error(f"Kafka did not take the rights of {names.user} away.")
    _wait(admin, lambda broker: _count_rights(admin, names, broker) == 0)


def _count_rights(admin: KafkaAdminClient, names: Names, broker: int) -> int:
    wanted = grants.all_of(names)
    request = DescribeAclsRequest(
        resource_type_filter=wanted.resource_pattern.resource_type,
        resource_name_filter=wanted.resource_pattern.resource_name,
        pattern_type_filter=wanted.resource_pattern.pattern_type,
        principal_filter=wanted.principal,
        host_filter=wanted.host,
        operation=wanted.operation,
        permission_type=wanted.permission_type,
        min_version=1,
    )
    return sum(len(resource.acls) for resource in _ask(admin, request, broker).resources)


def _wait(admin: KafkaAdminClient, knows: Callable[[int], bool]) -> None:
    """Wait until each live broker has applied the change. Raises `KafkaRefusedError` on a timeout."""
    deadline = time.monotonic() + REQUEST_TIMEOUT_MS / 1000
    brokers = admin.describe_cluster()["brokers"]
    for broker in [each["broker_id"] for each in brokers if not each.get("is_fenced")]:
        while not knows(broker):
            if time.monotonic() > deadline:
                raise KafkaRefusedError(f"Broker {broker} does not follow the controller.")
            time.sleep(POLL_INTERVAL_S)


def _ask(admin: KafkaAdminClient, request: Any, broker: int) -> Any:
    """Send a request to one given broker; kafka-python's own methods choose any."""
    answer = admin._manager.run(lambda: admin._manager.send(request, node_id=broker))  # noqa: SLF001
    if answer.error_code:
        raise for_code(answer.error_code)(answer.error_message)
    return answer


def _set_quotas(admin: KafkaAdminClient, names: Names, limits: dict[str, float] | dict[str, None]) -> None:
    """Set the limits; None removes one. kafka-python has this request but no method for it."""
    entry = AlterClientQuotasRequest.EntryData
    ops = [entry.OpData(key=key, value=value or 0.0, remove=value is None) for key, value in limits.items()]
    entity = [entry.EntityData(entity_type="user", entity_name=names.user)]
    request = AlterClientQuotasRequest(entries=[entry(entity=entity, ops=ops)], validate_only=False)
    answer = admin._manager.run(admin._manager.send, request)  # noqa: SLF001  (no public way to send one)
    for reported in answer.entries:
        if reported.error_code:
            failure = for_code(reported.error_code)
            raise failure(f"Kafka did not set the quotas of {names.user}: {reported.error_message}")


def _owners_of_groups(admin: KafkaAdminClient) -> list[str]:
    found = (OWNED.match(group["group_id"]) for group in admin.list_groups())
    return [name[1] for name in found if name]


def _delete_groups(admin: KafkaAdminClient, names: Names) -> None:
    """Delete its groups. One that still has members is removed after they leave, as their rights are gone."""
    mine = [group["group_id"] for group in admin.list_groups() if group["group_id"].startswith(names.prefix)]
    if mine:
        admin.delete_groups(mine)
