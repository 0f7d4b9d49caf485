"""Each role's user in Kafka may do what the table of rights says, at the real broker, and nothing else."""

from __future__ import annotations

import asyncio

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAuthorizationFailedError
from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePatternFilter,
    ResourceType,
    ScramMechanism,
    UserScramCredentialDeletion,
)
from pydantic import SecretStr

from bus.contract import role_rights, topics
from bus.contract.role_rights import KAFKA, ROLES
from bus.kafka import admin
from bus.runtime.settings import KafkaSettings
from gateway.partners import role_users
from gateway.partners.kafka_admin import connected

pytestmark = pytest.mark.stack
PASSWORDS = {role: f"password-of-{role}" for role in ROLES}


def test_every_role_has_rights_and_every_topic_its_writers() -> None:
    assert set(KAFKA) == set(ROLES) == set(role_rights.STORE)
    for topic in topics.ALL:
        writers = {
            role
            for role, rights in KAFKA.items()
            for each in rights
            if (each.kind, each.name) == ("topic", topic.name) and "write" in each.operations
        }
        assert writers == set(topic.producers)


def settings_of(kafka: KafkaSettings, role: str) -> KafkaSettings:
    mine = {"username": role_rights.user(role), "password": SecretStr(PASSWORDS[role])}
    return kafka.model_copy(update=mine)


async def writes(kafka: KafkaSettings, topic: str) -> bool:
    producer = AIOKafkaProducer(**kafka.client_options(), request_timeout_ms=10_000)
    try:
        await producer.start()
        await producer.send_and_wait(topic, b"from a test")
    except TopicAuthorizationFailedError:
        return False
    finally:
        await producer.stop()
    return True


async def reads(kafka: KafkaSettings, topic: str) -> bool:
    consumer = AIOKafkaConsumer(topic, **kafka.client_options(), group_id=None)
    try:
        await consumer.start()
        await consumer.getmany(timeout_ms=500)
    except TopicAuthorizationFailedError:
        return False
    finally:
        await consumer.stop()
    return True


async def test_roles_read_and_write_their_own_topics_alone(kafka_settings: KafkaSettings, unique) -> None:
    await admin.create_topics(kafka_settings)
    for _ in range(2):  # as at each start
        await role_users.grant(kafka_settings, PASSWORDS)
    asked = {
        ("inference", "reads"): (reads, topics.COMMANDS_BULK, True),
        ("inference", "reads events"): (reads, topics.EVENTS, False),
        ("inference", "writes commands"): (writes, topics.COMMANDS_BULK, False),
        ("inference", "writes exports"): (writes, topics.EXPORT_COMMANDS, False),
        ("webhooks", "reads"): (reads, topics.EVENTS, True),
        ("webhooks", "writes"): (writes, topics.EVENTS, False),
        ("ledger", "reads"): (reads, topics.EVENTS, True),
        ("ledger", "writes"): (writes, topics.EVENTS, False),
        ("gateway", "reads"): (reads, topics.EVENTS, True),
        ("gateway", "writes"): (writes, topics.EVENTS, False),
        ("export", "reads photos' commands"): (reads, topics.COMMANDS_BULK, False),
        ("relay", "reads events"): (reads, topics.EVENTS, False),
        ("partners", "writes events"): (writes, topics.EVENTS, False),
    }
    answers = await asyncio.gather(
        *(
            work(settings_of(kafka_settings, role), topic.name)
            for (role, _), (work, topic, _) in asked.items()
        )
    )
    assert dict(zip(asked, answers, strict=True)) == {name: wanted for name, (*_, wanted) in asked.items()}
    for role in set(ROLES) - {"gateway"}:
        client = AIOKafkaAdminClient(**settings_of(kafka_settings, role).client_options())
        await client.start()
        try:
            created = await client.create_topics([NewTopic(unique(role), 1, 1)])
            codes = [code for _, code, *_ in created.topic_errors]
        except KafkaError as error:
            codes = [error.errno]
        finally:
            await client.close()
        assert codes == [TopicAuthorizationFailedError.errno], role


async def test_a_right_that_the_table_lost_is_taken_away(kafka_settings: KafkaSettings, monkeypatch) -> None:
    await role_users.grant(kafka_settings, PASSWORDS)
    fewer = tuple(right for right in KAFKA["webhooks"] if right.kind != "topic")
    monkeypatch.setitem(KAFKA, "webhooks", fewer)
    await role_users.grant(kafka_settings, PASSWORDS)
    assert not await reads(settings_of(kafka_settings, "webhooks"), topics.EVENTS.name)


async def test_on_msk_the_user_that_grants_keeps_all_rights_and_makes_no_user(
    kafka_settings: KafkaSettings,
) -> None:
    def mine() -> tuple[set[ACL], set[str]]:
        everything = ACLFilter(
            principal=f"User:{kafka_settings.username}",
            host=None,
            operation=ACLOperation.ANY,
            permission_type=ACLPermissionType.ANY,
            resource_pattern=ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY),
        )
        with connected(kafka_settings) as client:
            rights, _ = client.describe_acls(everything)
            known = client.describe_user_scram_credentials([role_rights.user("ledger")])
            client.delete_acls([everything])
        return set(rights), {user for user, what in known.items() if what["credential_infos"]}

    with connected(kafka_settings) as client:
        ledger = UserScramCredentialDeletion(role_rights.user("ledger"), ScramMechanism.SCRAM_SHA_512)
        client.alter_user_scram_credentials([ledger])
    await role_users.grant(kafka_settings, {"ledger": "unused"}, managed=True)
    rights, users = await asyncio.to_thread(mine)
    assert rights == set(role_users.owner_acls(kafka_settings.username or ""))
    assert users == set()
    assert {
        acl.operation for acl in rights if acl.resource_pattern.resource_type == ResourceType.CLUSTER
    } == {
        ACLOperation.ALTER,
        ACLOperation.ALTER_CONFIGS,
        ACLOperation.CREATE,
        ACLOperation.DESCRIBE,
        ACLOperation.DESCRIBE_CONFIGS,
        ACLOperation.IDEMPOTENT_WRITE,
    }


async def test_a_role_moves_to_its_second_user_and_the_first_password_is_changed(
    kafka_settings: KafkaSettings,
) -> None:
    await admin.create_topics(kafka_settings)
    await role_users.grant(kafka_settings, PASSWORDS)
    first = settings_of(kafka_settings, "relay")
    second = first.model_copy(
        update={"username": role_rights.second_user("relay"), "password": SecretStr("password-of-second")}
    )
    topic = topics.COMMANDS_BULK.name
    running = AIOKafkaProducer(**first.client_options())
    await running.start()
    try:
        await running.send_and_wait(topic, b"connected to the leader")
        await role_users.grant(kafka_settings, PASSWORDS, {"relay": "password-of-second"})
        assert await writes(first, topic)
        assert await writes(second, topic)
        assert not await reads(second, topics.EVENTS.name)  # its rights are those of the role
        # Every process of the role has moved; now the first user gets a new password.
        await role_users.grant(
            kafka_settings, PASSWORDS | {"relay": "changed"}, {"relay": "password-of-second"}
        )
        with pytest.raises(KafkaError):
            await writes(first, topic)
        assert await writes(second, topic)
        await running.send_and_wait(topic, b"what is connected stays connected")
        # And back: without a second password there is no second user.
        await role_users.grant(kafka_settings, PASSWORDS)
        with pytest.raises(KafkaError):
            await writes(second, topic)
        assert await writes(first, topic)
    finally:
        await running.stop()
