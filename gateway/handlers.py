"""Every route, in one place; the handlers themselves are in `gateway.api`."""

from __future__ import annotations

from litestar import Router

from gateway.api import catalogue, keys, scenes, system, usage, users

ROUTES = [
    Router(
        "/api/v1",
        route_handlers=[users.ROUTER, keys.ROUTER, scenes.ROUTER, usage.ROUTER, catalogue.ROUTER],
    ),
    system.ROUTER,
]
