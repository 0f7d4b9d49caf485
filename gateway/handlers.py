"""Every route, in one place; the handlers themselves are in `gateway.api`."""

from __future__ import annotations

from litestar import Router

from gateway.api import (
    admin,
    admin_usage,
    catalogue,
    contract,
    dead_letters,
    events,
    exports,
    keys,
    partners,
    scenes,
    shares,
    streams,
    system,
    uploads,
    usage,
    users,
    web,
    webhooks,
)

ROUTES = [
    Router(
        "/api/v1",
        route_handlers=[
            users.ROUTER,
            keys.ROUTER,
            scenes.ROUTER,
            uploads.ROUTER,
            exports.ROUTER,
            exports.FORMATS_ROUTER,
            shares.ROUTER,
            shares.SHARED,
            streams.ROUTER,
            events.ROUTER,
            webhooks.ROUTER,
            usage.ROUTER,
            admin_usage.ROUTER,
            catalogue.ROUTER,
            admin.ROUTER,
            dead_letters.ROUTER,
            partners.ROUTER,
            partners.DOCUMENT,
        ],
    ),
    system.ROUTER,
    contract.ROUTER,
    web.ROUTER,
]
