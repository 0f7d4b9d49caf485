"""The access policy: a gateway with a route without a rule does not start."""

from __future__ import annotations

import pytest

from gateway import policy
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
