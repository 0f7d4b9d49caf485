"""Every route of the application; each subject's folder holds its handlers."""

from __future__ import annotations

from litestar import Router

from gateway.accounts import admin_routes, api_key_routes, link_routes
from gateway.accounts import routes as users
from gateway.operations import admin_usage_routes, dead_letter_routes, usage_routes
from gateway.partners import routes as partners
from gateway.scenes import export_routes, share_routes, upload_routes
from gateway.scenes import routes as scenes
from gateway.streaming import event_routes
from gateway.streaming import routes as streams
from gateway.system import asyncapi_routes, health_routes, model_routes, openapi_page, static_site_routes
from gateway.webhooks import routes as webhooks

ROUTES = [
    Router(
        "/api/v1",
        route_handlers=[
            users.ROUTER,
            api_key_routes.ROUTER,
            scenes.ROUTER,
            upload_routes.ROUTER,
            export_routes.ROUTER,
            export_routes.FORMATS_ROUTER,
            share_routes.ROUTER,
            share_routes.SHARED,
            streams.ROUTER,
            event_routes.ROUTER,
            webhooks.ROUTER,
            usage_routes.ROUTER,
            admin_usage_routes.ROUTER,
            model_routes.ROUTER,
            admin_routes.ROUTER,
            link_routes.ROUTER,
            dead_letter_routes.ROUTER,
            partners.ROUTER,
            partners.DOCUMENT,
        ],
    ),
    health_routes.ROUTER,
    asyncapi_routes.ROUTER,
    openapi_page.ROUTER,
    static_site_routes.ROUTER,
]
