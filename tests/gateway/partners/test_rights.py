"""A partner's rights in Kafka, tried by an independent client at the real broker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError
from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from bus.contract import topics
from bus.contract.partners import Names
from bus.kafka import admin
from gateway.partners.grants import KafkaQuotas
from gateway.partners.kafka_admin import Cluster
from tests.gateway.partners.outside import DENIED, TIMEOUT_S, Outside, denied

pytestmark = pytest.mark.stack

QUOTAS = KafkaQuotas(produce_bytes=50_000_000, consume_bytes=50_000_000, request_percent=1000)


@pytest.fixture
async def pair(infra, kafka_settings, unique):
    """Two partners and the cluster."""
    cluster = Cluster(kafka_settings)
    made = []
    for name in ("a", "b"):
        names, password = Names(unique(name)), f"password of {name}"
        await cluster.open(names, QUOTAS, password=password)
        made.append(Outside(names.slug, infra.partners_bootstrap, names.user, password))
    yield *made, cluster
    for each in made:
        await cluster.remove(Names(each.slug))
        await cluster.drop_topics(Names(each.slug))


def transactional(partner: Outside, name: str) -> None:
    producer = Producer(partner.options(**{"transactional.id": name}))
    producer.init_transactions(TIMEOUT_S)


def matrix(a: Outside, b: Outside) -> dict[str, Callable[[], object]]:
    """Return every operation that A must not do, by name."""
    own, at_once = {"ce_id": "1"}, {"request_timeout": TIMEOUT_S}
    client = a.admin()
    acl = AclBinding(
        ResourceType.TOPIC, "*", ResourcePatternType.LITERAL, f"User:{a.username}", "*", AclOperation.ALL,
        AclPermissionType.ALLOW,
    )  # fmt: skip
    forever = ConfigEntry("retention.ms", "-1", incremental_operation=AlterConfigOpType.SET)
    scram = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)

    def one(futures: dict) -> object:
        return next(iter(futures.values())).result(TIMEOUT_S)

    def reading(topic: str) -> Callable[[], object]:
        return lambda: a.read(bool, topic=topic)

    return {
        "write B's commands": lambda: a.send(b"x", topic=b.commands, headers=own),
        "read B's commands": reading(b.commands),
        "write B's events": lambda: a.send(b"x", topic=b.events, headers=own),
        "read B's events": reading(b.events),
        "write its own events": lambda: a.send(b"x", topic=a.events, headers=own),
        "read its own commands": reading(a.commands),
        **{f"write {t.name}": lambda t=t: a.send(b"x", topic=t.name, headers=own) for t in topics.ALL},
        **{f"read {t.name}": reading(t.name) for t in topics.ALL},
        "read the group offsets of everybody": reading("__consumer_offsets"),
        "write the cluster's metadata": lambda: a.send(b"x", topic="__cluster_metadata", headers=own),
        "B's group": lambda: a.read(bool, group=f"partner.{b.slug}.x"),
        "a group of ours": lambda: a.read(bool, group="sharpstream.ledger"),
        "a group without its prefix": lambda: a.read(bool, group="x"),
        "a group that its slug begins": lambda: a.read(bool, group=f"partner.{a.slug}x"),
        "commit in B's group": lambda: one(
            client.alter_consumer_group_offsets(
                [ConsumerGroupTopicPartitions(f"partner.{b.slug}.x", [TopicPartition(a.events, 0, 0)])],
                **at_once,
            )
        ),
        "look at a group of ours": lambda: one(
            client.list_consumer_group_offsets(
                [ConsumerGroupTopicPartitions("sharpstream.ledger")], **at_once
            )
        ),
        "delete a group of ours": lambda: one(
            client.delete_consumer_groups(["sharpstream.ledger"], **at_once)
        ),
        "a transactional id": lambda: transactional(a, f"partner.{a.slug}.t"),
        "B's transactional id": lambda: transactional(a, f"partner.{b.slug}.t"),
        "our transactional id": lambda: transactional(a, "sharpstream.relay.sharpstream"),
        "create a topic": lambda: one(client.create_topics([NewTopic(f"partner.{a.slug}.x", 1)], **at_once)),
        "delete its topic": lambda: one(client.delete_topics([a.commands], **at_once)),
        "more partitions": lambda: one(client.create_partitions([NewPartitions(a.commands, 9)], **at_once)),
        "delete its records": lambda: one(
            client.delete_records([TopicPartition(a.events, 0, -1)], **at_once)
        ),
        "change its topic": lambda: one(
            client.incremental_alter_configs(
                [ConfigResource(ConfigResource.Type.TOPIC, a.commands, incremental_configs=[forever])],
                **at_once,
            )
        ),
        "look at the broker": lambda: one(
            client.describe_configs([ConfigResource(ConfigResource.Type.BROKER, "1")], **at_once)
        ),
        "give itself rights": lambda: one(client.create_acls([acl], **at_once)),
        "make itself a user": lambda: one(
            client.alter_user_scram_credentials([UserScramCredentialUpsertion("me", scram, b"x")], **at_once)
        ),
        "change our user": lambda: one(
            client.alter_user_scram_credentials(
                [UserScramCredentialUpsertion("sharpstream", scram, b"x")], **at_once
            )
        ),
    }


async def test_operations_outside_a_partners_rights_are_denied(pair, kafka_settings) -> None:
    a, b, _ = pair
    await admin.create_topics(kafka_settings)
    names, tries = zip(*matrix(a, b).items(), strict=True)
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(len(tries)) as threads:  # each waits for the broker by itself
        codes = await asyncio.gather(*(loop.run_in_executor(threads, denied, each) for each in tries))
    assert {name: code for name, code in zip(names, codes, strict=True) if code not in DENIED} == {}


async def test_a_partner_lists_only_its_own_topics_and_groups(pair) -> None:
    a, _, _ = pair
    seen = await asyncio.to_thread(lambda: a.admin().list_topics(timeout=TIMEOUT_S).topics)
    assert set(seen) == {a.commands, a.events}
    groups = await asyncio.to_thread(lambda: a.admin().list_consumer_groups().result(TIMEOUT_S).valid)
    assert [group.group_id for group in groups if not group.group_id.startswith(f"partner.{a.slug}.")] == []


async def test_a_partner_may_use_its_topics_and_opening_is_idempotent(pair) -> None:
    a, _, cluster = pair
    await cluster.open(Names(a.slug), QUOTAS, password=None)
    assert (await asyncio.to_thread(a.send, b"x", headers={"ce_id": "1"})).offset() == 0
    assert await asyncio.to_thread(a.read, lambda found: True) == []


async def test_a_new_password_ends_the_old_one(pair) -> None:
    a, _, cluster = pair
    await cluster.set_password(Names(a.slug), "another")
    with pytest.raises(KafkaException):
        await asyncio.to_thread(lambda: a.admin().list_topics(timeout=5))
    renewed = Outside(a.slug, a.bootstrap, a.username, "another")
    assert (await asyncio.to_thread(renewed.send, b"x", headers={"ce_id": "1"})).offset() == 0


async def test_a_new_password_is_effective_once_it_is_returned(pair) -> None:
    a, _, cluster = pair
    outcomes = []
    for number in range(20):
        old, a = a, replace(a, password=f"password {number}")
        await cluster.set_password(Names(a.slug), a.password)
        outcomes.append((await lets_in(a), await lets_in(old)))
    assert outcomes == [(True, False)] * 20


async def lets_in(partner: Outside) -> bool:
    """Return whether Kafka accepts the password at the first attempt; librdkafka would retry."""
    client = AIOKafkaClient(
        bootstrap_servers=partner.bootstrap,
        security_protocol="SASL_PLAINTEXT",
        sasl_mechanism="SCRAM-SHA-512",
        sasl_plain_username=partner.username,
        sasl_plain_password=partner.password,
    )
    try:
        await client.bootstrap()
    except KafkaConnectionError:
        return False
    finally:
        await client.close()
    return True


async def test_changed_rights_apply_at_once_to_connected_clients(pair) -> None:
    """Kafka answers an administrator before its brokers apply a change; `Cluster` waits for each of them."""
    a, _, cluster = pair
    outcomes = []
    for _ in range(20):
        producer = Producer(a.options(**{"linger.ms": 0}))  # a refused producer caches the refusal
        before = await asyncio.to_thread(code_of, producer, a.commands)
        await cluster.close(Names(a.slug))
        outcomes.append((before, await asyncio.to_thread(code_of, producer, a.commands) in DENIED))
        await cluster.open(Names(a.slug), QUOTAS, password=None)
    assert outcomes == [(0, True)] * 20


def code_of(producer: Producer, topic: str) -> int:
    """Write one record; return 0, or Kafka's error code."""
    outcomes: list[int] = []
    try:
        producer.produce(
            topic, b"x", on_delivery=lambda error, _: outcomes.append(error.code() if error else 0)
        )
    except KafkaException as error:
        return int(error.args[0].code())
    assert producer.flush(TIMEOUT_S) == 0
    return outcomes[0]


async def test_a_partner_beyond_its_quota_is_throttled(pair) -> None:
    """Kafka does not refuse: it delays its response and reports by how much."""
    a, b, cluster = pair
    slow = KafkaQuotas(produce_bytes=100_000, consume_bytes=50_000_000, request_percent=1000)
    await cluster.open(Names(a.slug), slow, password=None)

    def throttled_s(partner: Outside) -> float:
        outcomes: list[float] = []
        # One record per request: with a few large ones, the first to be delayed would come after the last.
        single = {"batch.num.messages": 1, "throttle_cb": lambda event: outcomes.append(event.throttle_time)}
        producer = Producer(partner.options(**single))
        for number in range(40):  # 2 MB; 1.1 MB may pass in a burst
            producer.produce(partner.commands, b"\xff" * 50_000, headers={"ce_id": str(number)})
        assert producer.flush(60) == 0
        return sum(outcomes)

    own, others = await asyncio.gather(asyncio.to_thread(throttled_s, a), asyncio.to_thread(throttled_s, b))
    assert own > 0
    assert others == 0


async def test_removing_a_partner_is_complete_and_idempotent(pair) -> None:
    a, _, cluster = pair
    await asyncio.to_thread(a.read, lambda found: True, group=f"partner.{a.slug}.g")
    for _ in range(2):  # as after a crash in the middle
        await cluster.remove(Names(a.slug))
        await cluster.drop_topics(Names(a.slug))
    with pytest.raises(KafkaException):
        await asyncio.to_thread(lambda: a.admin().list_topics(timeout=5))
