"""A committed offset is never taken for none while the group's coordinator loads or moves."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiokafka.errors import GroupAuthorizationFailedError
from aiokafka.protocol.commit import OffsetFetchResponse_v3
from aiokafka.structs import TopicPartition

from bus.kafka.static_membership import Member

PARTITION = TopicPartition("orders", 6)
FOUND = OffsetFetchResponse_v3(0, [("orders", [(6, 2, "", 0)])], 0)


def refused(code: int) -> OffsetFetchResponse_v3:
    """Return Kafka's answer for a whole group: an error, and no partition."""
    return OffsetFetchResponse_v3(0, [], code)


class Client:
    """Answers requests to the coordinator, one after the other."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)

    async def send(self, node: int, request: Any, *, group: Any) -> Any:
        return self.answers.pop(0)


def member(client: Client) -> Any:
    made: Any = Member.__new__(Member)
    made._client, made.group_id, made._retry_backoff_ms = client, "workers", 1
    made._group_instance_id, made.coordinator_id, made.looked = None, 1, 0
    made._coordinator_dead_fut = asyncio.get_running_loop().create_future()

    async def known() -> None:
        made.looked += 1
        made.coordinator_id = 1
        made._coordinator_dead_fut = asyncio.get_running_loop().create_future()

    made.ensure_coordinator_known = known
    return made


@pytest.mark.parametrize("code", [14, 15, 16], ids=["loading", "not available", "moved"])
async def test_the_offset_is_asked_for_again(code: int) -> None:
    workers = member(Client(refused(code), refused(code), FOUND))
    offsets = await workers.fetch_committed_offsets([PARTITION])
    assert offsets[PARTITION].offset == 2
    assert workers.looked == 3


async def test_a_refusal_is_raised() -> None:
    with pytest.raises(GroupAuthorizationFailedError):
        await member(Client(refused(30))).fetch_committed_offsets([PARTITION])


async def test_no_offset_is_none() -> None:
    none = OffsetFetchResponse_v3(0, [("orders", [(6, -1, "", 0)])], 0)
    assert await member(Client(none)).fetch_committed_offsets([PARTITION]) == {}
