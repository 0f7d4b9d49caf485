"""A receiver's host name may resolve to another address by the time it is used."""

from __future__ import annotations

import asyncio
import socket

import pytest
from aiohttp.abc import AbstractResolver

from gateway.ssrf import SsrfGuard
from tests.gateway.webhooks.conftest import ANY_PORT, sending


class Names(AbstractResolver):
    """A resolver whose address can be changed."""

    def __init__(self, address: str) -> None:
        self.address, self.asked = address, 0

    async def resolve(self, host, port=0, family=socket.AF_INET):
        self.asked += 1
        kind = socket.AF_INET6 if ":" in self.address else socket.AF_INET
        return [
            {"hostname": host, "host": self.address, "port": port, "family": kind, "proto": 0, "flags": 0}
        ]

    async def close(self):
        pass


async def test_a_name_that_turns_private_after_acceptance_is_not_called(desk, pool, receiver):
    endpoint = await desk.endpoint("/a")
    port = receiver.url.rpartition(":")[2]
    await pool.execute(
        "UPDATE webhook_endpoints SET url = $2 WHERE id = $1",
        endpoint,
        f"http://shop.example.com:{port}/a",
    )
    names = Names("127.0.0.1")
    loopback = SsrfGuard(allow_private=False, loopback_ports=ANY_PORT, resolver=names)
    await desk.fan_in(desk.event())
    async with sending(pool, egress=loopback):
        await desk.wait_for_states(lambda states: states == {"delivered": 1})
    strict = SsrfGuard(allow_private=False, resolver=names)
    strict.check(f"http://shop.example.com:{port}/a")  # the name alone is accepted
    await desk.fan_in(desk.event())
    async with sending(pool, egress=strict):
        await desk.wait_for_states(lambda _: names.asked >= 2)
    [row] = await desk.deliveries(state="pending")
    assert (row["attempts"], row["response_status"]) == (1, None)
    assert "not public" in row["error"]
    assert len(receiver.got["/a"]) == 1


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "fd00::1", "0.0.0.0"])
async def test_literal_addresses_are_checked_again_before_use(desk, pool, receiver, address):
    endpoint = await desk.endpoint("/a")
    port = receiver.url.rpartition(":")[2]
    host = f"[{address}]" if ":" in address else address
    await pool.execute(
        "UPDATE webhook_endpoints SET url = $2 WHERE id = $1", endpoint, f"http://{host}:{port}/a"
    )
    await desk.fan_in(desk.event())
    async with sending(pool, egress=SsrfGuard(allow_private=False)):
        while not (rows := await desk.deliveries(attempts=1)):  # noqa: ASYNC110  (rows have no event)
            await asyncio.sleep(0.02)
    assert rows[0]["response_status"] is None
    assert not receiver.got["/a"]
