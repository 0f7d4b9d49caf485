"""Who may call what: a route without a rule must not start."""

from __future__ import annotations

import pytest

from gateway import policy
from gateway.app import create_app


async def test_each_rule_is_for_a_route(api):
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
