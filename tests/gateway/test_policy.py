"""The access policy: a gateway with a route without a rule does not start."""

from __future__ import annotations

import asyncio

import pytest

from gateway import policy
from gateway.accounts.dependencies import ADMITTED
from gateway.app import create_app


async def test_routes_and_rules_correspond(api):
    ours = {
        str(handler.operation_id)
        for route in api.app.routes
        for handler in getattr(route, "route_handlers", [])
        if handler.fn.__module__.startswith("gateway.")
    }
    assert ours == policy.POLICY.keys()


def test_a_route_without_a_rule_stops_the_start(monkeypatch, settings):
    monkeypatch.delitem(policy.POLICY, "usage")
    with pytest.raises(RuntimeError, match="usage"):
        create_app(settings)


async def test_many_requests_of_one_caller_hold_up_no_other(api, monkeypatch):
    _, theirs = await api.key(await api.person())
    _, mine = await api.key(await api.person())
    authenticator, gate, begun = api.services.authenticator, asyncio.Event(), []
    by_key = authenticator.by_key

    async def slow(key):
        begun.append(key)
        if key == theirs["X-API-Key"]:
            await gate.wait()
        return await by_key(key)

    monkeypatch.setattr(authenticator, "by_key", slow)
    flood = [asyncio.ensure_future(api.client.get("/api/v1/scenes", headers=theirs)) for _ in range(40)]
    while len(begun) < ADMITTED:  # noqa: ASYNC110  (the tasks' state)
        await asyncio.sleep(0)
    assert (await api.client.get("/api/v1/scenes", headers=mine)).status_code == 200
    assert begun.count(theirs["X-API-Key"]) == ADMITTED
    gate.set()
    assert {answer.status_code for answer in await asyncio.gather(*flood)} == {200}
