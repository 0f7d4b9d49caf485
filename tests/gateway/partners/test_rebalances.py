"""A new partner's topic takes every partition away for a moment: what is in hand then stays whole."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest
from aiokafka import TopicPartition

from bus.bridges.projection import Projector
from gateway.partners.ingress import Ingress
from tests.bus.bridge_servers import until
from tests.gateway.partners.test_bridges import PHOTO, answers, body, command, stored

pytestmark = pytest.mark.stack

WITHIN_S = 30
_BLOCKED = (
    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
)


async def test_a_job_that_is_being_written_keeps_its_photo(bridged, unique, settings) -> None:
    """The partition is lost and assigned again while the transaction waits for a lock, then commits."""
    _, partner = await bridged.opened(unique("acme"))
    partitions = bridged.bridges.ingress._partitions
    other = await asyncpg.connect(settings.database.url.get_secret_value())
    try:
        async with other.transaction():
            await other.execute("LOCK TABLE scene_generations IN SHARE MODE")
            await asyncio.to_thread(partner.send, body(image_base64=PHOTO), headers=command("1", "a"))

            async def writing() -> bool:
                return await bridged.api.services.pool.fetchval(_BLOCKED) > 0

            await until(writing, what="the transaction")
            [first] = {
                running
                for partition, running in partitions.values()
                if partition._started and partition.partition_key[0] == partner.commands
            }
            _, second = await bridged.opened(unique("other"))

            async def assigned_anew() -> bool:
                return any(tp.topic == second.commands for tp in partitions)

            await until(assigned_anew, what="the new assignment")
            assert first not in {running for _, running in partitions.values()}
            await asyncio.wait([first], timeout=1)  # one that does not wait for its transaction ends here
        assert await answers(partner, 1) == [("a", "generation.requested.v1")]
    finally:
        await other.close()
    assert len(await stored(bridged)) == 1


async def test_a_partition_that_is_taken_away_while_it_opens_is_opened_again(
    bridged, unique, monkeypatch
) -> None:
    """The second topic is found while the first one's offset is read, before the group has rebalanced."""
    reached, assign, waiting = Projector.reached, Ingress.assign, asyncio.Event()
    _, partner = await bridged.opened(unique("acme"))
    consumers = []

    def assigned(ingress, consumer, partitions):
        consumers.append(consumer)
        assign(ingress, consumer, partitions)

    async def late(projector, keys):
        if projector.name == "partners" and consumers and not waiting.is_set():
            waiting.set()
            while consumers[0].assignment():  # noqa: ASYNC110
                await asyncio.sleep(0)
        return await reached(projector, keys)

    monkeypatch.setattr(Ingress, "assign", assigned)
    monkeypatch.setattr(Projector, "reached", late)
    _, second = await bridged.opened(unique("second"))
    await asyncio.wait_for(waiting.wait(), WITHIN_S)
    _, third = await bridged.opened(unique("third"))
    for each in (partner, second, third):
        await asyncio.to_thread(each.send, body(image_base64=PHOTO), headers=command("1", each.slug))
        assert await answers(each, 1) == [(each.slug, "generation.requested.v1")]
    assert TopicPartition(third.commands, 0) in consumers[-1].assignment()
