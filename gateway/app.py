"""The gateway's composition root: builds and closes everything that one gateway needs, nothing at import."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, fields
from typing import Final

import asyncpg
from litestar import Litestar
from litestar.config.cors import CORSConfig
from litestar.exceptions import NotFoundException
from litestar.routes import HTTPRoute

from bus.blobs import BlobStore
from bus.runtime import tasks
from gateway import policy
from gateway.accounts import dependencies as account_dependencies
from gateway.accounts.dependencies import AccountDependencies
from gateway.accounts.key_hashing import ApiKeys
from gateway.handlers import ROUTES
from gateway.http import openapi, try_it
from gateway.http.body_deadline import BodyDeadline
from gateway.http.client_address import FromProxies, TrustedProxies
from gateway.http.dependency_injection import check, provide, publish
from gateway.http.errors import to_response
from gateway.http.head_requests import HeadAsGet
from gateway.http.middleware import Observed
from gateway.http.strict_body import StrictRequest
from gateway.http.try_it import TryIt, TryTokens
from gateway.metrics import Metrics
from gateway.operations import dependencies as operation_dependencies
from gateway.operations.dependencies import OperationDependencies
from gateway.operations.periodic import sweep
from gateway.partners import dependencies as partner_dependencies
from gateway.partners.dependencies import PartnerDependencies
from gateway.retention import dependencies as retention_dependencies
from gateway.retention.dependencies import RetentionDependencies
from gateway.scenes import dependencies as scene_dependencies
from gateway.scenes import photo_reader
from gateway.scenes.dependencies import SceneDependencies
from gateway.settings import Settings
from gateway.streaming import dependencies as stream_dependencies
from gateway.streaming.dependencies import StreamDependencies
from gateway.system import openapi_page, static_site, static_site_routes
from gateway.system.dependencies import SystemDependencies
from gateway.webhooks import dependencies as webhook_dependencies
from gateway.webhooks import repository as webhook_repository
from gateway.webhooks.dependencies import WebhookDependencies
from ledger.db import database, migrate

MAX_JSON_BYTES: Final = 64 * 1024
"""Limit of every body except an upload, which has its own reader and limits."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shared:
    """The instances that several subjects use."""

    settings: Settings
    pool: asyncpg.Pool
    blobs: BlobStore
    metrics: Metrics


@dataclass(frozen=True, kw_only=True, slots=True)
class Groups:
    """Every group of dependencies of one application; no globals."""

    shared: Shared
    accounts: AccountDependencies
    operations: OperationDependencies
    streaming: StreamDependencies
    scenes: SceneDependencies
    system: SystemDependencies
    webhooks: WebhookDependencies
    retention: RetentionDependencies
    partners: PartnerDependencies


def create_app(settings: Settings) -> Litestar:
    """Return the application. Its start fails where Postgres is unreachable or not migrated."""
    metrics = Metrics()
    app = Litestar(
        ROUTES,
        guards=[policy.enforce],
        dependencies=provide(
            Shared,
            AccountDependencies,
            OperationDependencies,
            StreamDependencies,
            SceneDependencies,
            SystemDependencies,
            WebhookDependencies,
            RetentionDependencies,
            PartnerDependencies,
        ),
        exception_handlers={Exception: to_response, NotFoundException: static_site_routes.unknown_address},
        lifespan=[_lifespan(settings, metrics)],
        openapi_config=openapi.config(settings.gateway.public_url, instead=openapi_page.interactive),
        cors_config=_cors(settings.gateway.cors_origins),
        request_class=StrictRequest,
        request_max_body_size=MAX_JSON_BYTES,
        logging_config=None,  # bus.runtime.logs has set logging up for the process
    )
    policy.check(app)
    check(app)
    tried = TryIt(HeadAsGet(app.asgi_handler), lambda: app.state["try_tokens"])
    behind = FromProxies(BodyDeadline(tried), lambda: app.state["proxies"])
    app.asgi_handler = Observed(behind, metrics, _allow(app), ApiKeys.of(settings.gateway).correlation)
    return app


def _allow(app: Litestar) -> dict[str, bytes]:
    routes = (route for route in app.routes if isinstance(route, HTTPRoute))
    return {route.path_format: ", ".join(sorted(route.methods)).encode() for route in routes}


def _lifespan(
    settings: Settings, metrics: Metrics
) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            built = await _build(settings, metrics, stack)
            publish(app.state, *(getattr(built, group.name) for group in fields(built)))
            # None of them ends by itself: `gateway.serving` ends the process if one does.
            background = app.state["background"] = asyncio.create_task(
                tasks.first_of(
                    built.streaming.tail.run(),
                    built.streaming.stream_supervisor.run(),
                    built.operations.removals.run(),
                    built.accounts.mailer.run(),
                    built.scenes.backlog.run(),
                    built.partners.lifecycle.run(),
                    built.partners.group_limit.run(),
                    sweep(_sweeps(built)),
                ),
                name="background",
            )
            try:
                yield
            finally:
                built.streaming.hub.close()
                built.streaming.waiters.close()
                await tasks.end([background])

    return lifespan


def _sweeps(built: Groups) -> dict[str, Callable[[], Awaitable[None]]]:
    return {
        "api_keys": built.accounts.keys.sweep,
        "erasure": built.accounts.erasing.work,
        "retention": built.retention.retention.sweep,
        "uploads": built.scenes.uploads.sweep,
        "orphan_objects": built.operations.orphans.sweep,
        "idempotency_keys": built.scenes.idempotency.sweep,
        "refresh_tokens": built.accounts.sessions.sweep,
        "shares": built.scenes.shares.sweep,
        "albums": built.scenes.albums.sweep,
        "rate_limits": built.accounts.limits.sweep,
        "sign_in_throttle": built.accounts.sign_in_throttle.sweep,
        "one_time_links": built.accounts.one_time_links.sweep,
        "mails": built.accounts.mails.sweep,
    }


async def _build(settings: Settings, metrics: Metrics, stack: AsyncExitStack) -> Groups:
    pool = await stack.enter_async_context(database.open_pool(settings.database, role="gateway"))
    async with pool.acquire() as connection:
        await migrate.check(connection)
    blobs = await stack.enter_async_context(BlobStore(settings.s3))
    own = settings.gateway
    webhooks = webhook_dependencies.build(pool, settings.webhooks, settings.outgoing)
    accounts = account_dependencies.build(pool, settings, stack, erase_more=webhook_repository.erase)
    quotas = accounts.account_quotas
    streaming = stream_dependencies.build(pool, settings, quotas, metrics)
    operations = operation_dependencies.build(pool, blobs)
    return Groups(
        shared=Shared(settings=settings, pool=pool, blobs=blobs, metrics=metrics),
        accounts=accounts,
        operations=operations,
        streaming=streaming,
        scenes=scene_dependencies.build(
            pool,
            blobs,
            await stack.enter_async_context(photo_reader.opened(own.decode_threads)),
            settings,
            stack,
            accounts.account_quotas,
            streaming.waiters,
            webhooks.receivers,
            metrics,
            accounts.limits,
            streaming.hub,
        ),
        system=SystemDependencies(
            proxies=TrustedProxies(own.trusted_proxies),
            web=await static_site.load(own.page, blobs),
            try_tokens=TryTokens(
                [each.get_secret_value() for each in (own.jwt_secret, own.jwt_previous_secret) if each]
            ),
        ),
        webhooks=webhooks,
        retention=retention_dependencies.build(pool, own, operations.removals),
        partners=partner_dependencies.build(pool, settings),
    )


def _cors(origins: list[str]) -> CORSConfig | None:
    if not origins:
        return None
    return CORSConfig(
        allow_origins=origins,
        allow_methods=list(try_it.METHODS),
        allow_headers=list(try_it.REQUEST_HEADERS),
        expose_headers=list(try_it.ANSWER_HEADERS),
        max_age=600,
    )
