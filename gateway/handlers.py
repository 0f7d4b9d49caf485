"""Every route of the application; each subject's folder holds its handlers."""

from __future__ import annotations

from litestar import Router

from gateway.accounts import admin_routes, admin_session_routes, api_key_routes, link_routes, mail_routes
from gateway.accounts import routes as users
from gateway.operations import admin_usage_routes, audit_routes, dead_letter_routes, usage_routes
from gateway.partners import routes as partners
from gateway.retention import routes as retention
from gateway.scenes import (
    album_routes,
    bulk_routes,
    export_routes,
    queue_routes,
    quota_routes,
    share_routes,
    start_view_routes,
    upload_routes,
)
from gateway.scenes import routes as scenes
from gateway.streaming import event_routes
from gateway.streaming import routes as streams
from gateway.system import (
    album_page,
    asyncapi_routes,
    health_routes,
    llms_text,
    model_routes,
    openapi_page,
    shared_page,
    static_site_routes,
)
from gateway.webhooks import routes as webhooks

ROUTES = [
    Router(
        "/api/v1",
        route_handlers=[
            users.ROUTER,
            mail_routes.ROUTER,
            retention.ROUTER,
            api_key_routes.ROUTER,
            scenes.ROUTER,
            bulk_routes.OF_SCENES,
            bulk_routes.ARCHIVES,
            upload_routes.ROUTER,
            export_routes.ROUTER,
            export_routes.FORMATS_ROUTER,
            start_view_routes.ROUTER,
            share_routes.OF_SCENES,
            share_routes.ROUTER,
            share_routes.SHARED,
            album_routes.ROUTER,
            album_routes.SHARED,
            streams.ROUTER,
            event_routes.ROUTER,
            webhooks.ROUTER,
            usage_routes.ROUTER,
            admin_usage_routes.ROUTER,
            model_routes.ROUTER,
            admin_routes.ROUTER,
            admin_session_routes.ROUTER,
            quota_routes.ROUTER,
            queue_routes.ROUTER,
            retention.ADMIN_ROUTER,
            link_routes.ROUTER,
            dead_letter_routes.ROUTER,
            audit_routes.ROUTER,
            partners.ROUTER,
            partners.DOCUMENT,
        ],
    ),
    health_routes.ROUTER,
    asyncapi_routes.ROUTER,
    openapi_page.ROUTER,
    llms_text.ROUTER,
    shared_page.ROUTER,
    album_page.ROUTER,
    static_site_routes.ROUTER,
]
