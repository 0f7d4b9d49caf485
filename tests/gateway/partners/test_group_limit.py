"""A partner with too many consumer groups is suspended, alone, until an admin resumes it."""

from __future__ import annotations

import asyncio

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import GroupAuthorizationFailedError
from aiokafka.structs import OffsetAndMetadata

from gateway.partners.group_limit import GroupLimit
from gateway.partners.kafka_admin import Cluster, connected
from tests.gateway.partners.conftest import Desk
from tests.gateway.partners.outside import Outside
from tests.gateway.partners.test_unreadable import lifecycle_of

pytestmark = pytest.mark.stack
LIMIT = 3


def group_limit(desk: Desk) -> GroupLimit:
    return GroupLimit(desk.api.services.pool, Cluster(desk.settings.kafka), limit=LIMIT)


async def commit(partner: Outside, *groups: str) -> None:
    """Commit an offset in each group, which keeps it although it has no member."""
    for group in groups:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=partner.bootstrap,
            security_protocol="SASL_PLAINTEXT",
            sasl_mechanism="SCRAM-SHA-512",
            sasl_plain_username=partner.username,
            sasl_plain_password=partner.password,
            group_id=f"partner.{partner.slug}.{group}",
            enable_auto_commit=False,
        )
        await consumer.start()
        try:
            part = TopicPartition(partner.events, 0)
            consumer.assign([part])
            await consumer.commit({part: OffsetAndMetadata(0, "")})
        finally:
            await consumer.stop()


async def test_too_many_groups_suspend_their_partner_alone(desk: Desk, unique) -> None:
    created, partner = await desk.opened(unique("acme"))
    kept, other = await desk.opened(f"{partner.slug}-2")
    await commit(partner, *"abc")
    await commit(other, *"abc")
    await group_limit(desk).work()
    assert (await desk.get(f"/{created['id']}"))["state"] == "active"

    await commit(partner, "d")
    await group_limit(desk).work()
    shown = await desk.get(f"/{created['id']}")
    assert (shown["state"], shown["suspension"]["reason"]) == ("suspended", "consumer_groups")
    assert "resume" in shown["suspension"]["message"]
    assert (await desk.get(f"/{kept['id']}"))["state"] == "active"
    await lifecycle_of(desk).work()  # a gateway revokes the rights
    with pytest.raises(GroupAuthorizationFailedError):
        await commit(partner, "e")
    await commit(other, "a")

    with_rights = Cluster(desk.settings.kafka)
    assert (await with_rights.count_groups())[partner.slug] == LIMIT + 1
    await asyncio.to_thread(delete_group, desk, f"partner.{partner.slug}.d")
    resumed = (await desk.post(f"/{created['id']}/resume")).json()
    assert (resumed["state"], resumed["suspension"]) == ("active", None)
    await group_limit(desk).work()
    assert (await desk.get(f"/{created['id']}"))["state"] == "active"
    await commit(partner, "a")


def delete_group(desk: Desk, name: str) -> None:
    with connected(desk.settings.kafka) as admin:
        admin.delete_groups([name])


async def test_without_partners_kafka_is_not_asked(desk: Desk, monkeypatch) -> None:
    async def ask(_: Cluster) -> None:
        raise AssertionError("Kafka was asked")

    monkeypatch.setattr(Cluster, "count_groups", ask)
    await group_limit(desk)._take_turn()
