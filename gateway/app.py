"""The composition root: everything of one gateway is built here and closed here, nothing at import."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Final

from litestar import Litestar
from litestar.config.cors import CORSConfig
from litestar.di import Provide
from litestar.routes import HTTPRoute

from bus.blobs import BlobStore
from bus.contract import topics
from bus.runtime import tasks
from gateway import policy
from gateway.accounts.access_tokens import Tokens
from gateway.accounts.api_keys import Keys
from gateway.accounts.erasure import Erasing
from gateway.accounts.key_hashing import ApiKeys
from gateway.accounts.passwords import Passwords
from gateway.accounts.quotas import Quota, Quotas
from gateway.accounts.rate_limits import Limits
from gateway.accounts.refresh_tokens import Sessions
from gateway.accounts.repository import Accounts
from gateway.handlers import ROUTES
from gateway.http import openapi
from gateway.http.errors import to_response
from gateway.http.middleware import Metrics, Observed
from gateway.operations.blob_deletion import Removals
from gateway.operations.dead_letters import DeadLetterStore
from gateway.operations.invariants_cache import Books
from gateway.operations.orphan_objects import Orphans
from gateway.operations.periodic import sweep
from gateway.partners.grants import Quotas as PartnerQuotas
from gateway.partners.kafka_admin import Cluster
from gateway.partners.lifecycle import Lifecycle
from gateway.partners.repository import PartnerStore
from gateway.scenes import photo_check
from gateway.scenes.cancel_delete import Removing
from gateway.scenes.exports import ExportStore
from gateway.scenes.idempotency import Idempotency
from gateway.scenes.queue_position import Backlog
from gateway.scenes.repository import Scenes
from gateway.scenes.shares import Shares
from gateway.scenes.upload_memory import Budget
from gateway.scenes.uploads import Uploads
from gateway.services import Services, of_state
from gateway.settings import GatewaySettings, Settings
from gateway.ssrf import Egress
from gateway.streaming.event_log import History
from gateway.streaming.event_tail import Tail
from gateway.streaming.hub import Hub
from gateway.streaming.subscriber import Limits as ReaderLimits
from gateway.streaming.supervisor import Vigil
from gateway.streaming.waiters import Waiters
from gateway.system import static_site
from gateway.webhooks.account_secrets import AccountKeys
from gateway.webhooks.http_session import guard
from gateway.webhooks.redelivery import Sending
from gateway.webhooks.repository import Webhooks
from gateway.webhooks.secrets import Sealer
from ledger.db import database, migrate

MAX_JSON_BYTES: Final = 64 * 1024
"""Bytes of any body but an upload, which has its own reader and limits."""
_MIB: Final = 1024 * 1024


def create_app(settings: Settings) -> Litestar:
    """Return the application. Its start stops the process where Postgres is away or not migrated."""
    photo_check.prepare()
    metrics = Metrics()
    app = Litestar(
        ROUTES,
        guards=[policy.enforce],
        dependencies={"services": Provide(of_state, sync_to_thread=False)},
        exception_handlers={Exception: to_response},
        lifespan=[_lifespan(settings, metrics)],
        openapi_config=openapi.config(settings.gateway.public_url),
        cors_config=_cors(settings.gateway.cors_origins),
        request_max_body_size=MAX_JSON_BYTES,
        logging_config=None,  # bus.runtime.logs has set logging up for the process
    )
    policy.check(app)
    app.asgi_handler = Observed(app.asgi_handler, metrics, _allow(app))
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
            services = await _build(settings, metrics, stack)
            app.state["services"] = services
            beside = [
                asyncio.create_task(services.tail.run(), name="tail"),
                asyncio.create_task(services.vigil.run(), name="vigil"),
                asyncio.create_task(services.removals.run(), name="removals"),
                asyncio.create_task(services.backlog.run(), name="backlog"),
                asyncio.create_task(services.lifecycle.run(), name="partners"),
                asyncio.create_task(sweep(_sweeps(services)), name="sweep"),
            ]
            try:
                yield
            finally:
                services.hub.close()
                services.waiters.close()
                await tasks.end(beside)

    return lifespan


def _sweeps(services: Services) -> list[Callable[[], Awaitable[None]]]:
    return [
        services.keys.sweep,
        services.erasing.work,
        services.uploads.sweep,
        services.orphans.sweep,
        services.idempotency.sweep,
        services.sessions.sweep,
        services.shares.sweep,
        services.limits.sweep,
    ]


async def _build(settings: Settings, metrics: Metrics, stack: AsyncExitStack) -> Services:
    pool = await stack.enter_async_context(database.open_pool(settings.database, role="gateway"))
    async with pool.acquire() as connection:
        await migrate.check(connection)
    blobs = await stack.enter_async_context(BlobStore(settings.s3))
    own = settings.gateway
    passwords = Passwords(own.bcrypt_rounds)
    stack.callback(passwords.close)
    decoders = ThreadPoolExecutor(own.decode_threads, thread_name_prefix="photo")
    stack.callback(decoders.shutdown, cancel_futures=True)
    epoch, partitions = settings.kafka.topic_epoch, topics.EVENTS.partitions
    lag = ReaderLimits(events=own.reader_queue, bytes=own.reader_bytes, stall_s=own.reader_stall_seconds)
    hub = Hub(epoch=epoch, partitions=partitions, ring_events=own.ring_events, limits=lag)
    vigil = Vigil(
        hub,
        pool,
        heartbeat_s=own.heartbeat_seconds,
        longest_s=own.stream_seconds,
        signed_in_s=own.access_token_seconds,
    )
    history = History(pool, epoch=epoch, partitions=partitions)
    sealer = Sealer(settings.webhooks.key)
    partners = PartnerStore(pool)
    waiters = Waiters()
    hub.listeners.append(waiters.hear)
    images = Egress(allow_private=own.fetch_allow_private)
    outgoing = images.session(connect_s=own.fetch_seconds, total_s=own.fetch_seconds)
    stack.push_async_callback(outgoing.close)
    return Services(
        settings=settings,
        pool=pool,
        blobs=blobs,
        check_blobs=blobs.check,
        accounts=Accounts(pool),
        sessions=Sessions(pool, ApiKeys(own.api_key_pepper), seconds=own.refresh_token_seconds),
        erasing=Erasing(pool),
        receivers=guard(settings.webhooks),
        webhooks=Webhooks(pool, sealer, most=settings.webhooks.max_endpoints),
        sending=Sending(pool),
        account_keys=AccountKeys(pool, sealer),
        keys=Keys(pool),
        scenes=Scenes(pool, blobs.bucket),
        dead_letters=DeadLetterStore(pool),
        partners=partners,
        lifecycle=_lifecycle(settings, partners),
        removing=Removing(pool),
        exports=ExportStore(pool),
        shares=Shares(pool, ApiKeys(own.api_key_pepper)),
        uploads=Uploads(pool),
        idempotency=Idempotency(pool),
        quotas=Quotas(pool, _quota(own)),
        limits=Limits(pool),
        budget=Budget(own.upload_mib * _MIB),
        images=images,
        outgoing=outgoing,
        removals=Removals(pool, blobs),
        orphans=Orphans(pool, blobs, blobs.bucket),
        backlog=Backlog(settings.kafka, pool, group=own.inference_group),
        books=Books(pool),
        waiters=waiters,
        history=history,
        passwords=passwords,
        tokens=Tokens(own),
        api_keys=ApiKeys(own.api_key_pepper),
        decoders=decoders,
        hub=hub,
        tail=Tail(settings.kafka, hub, history.floors),
        vigil=vigil,
        metrics=metrics,
        web=await static_site.load(own.page, blobs),
    )


def _quota(own: GatewaySettings) -> Quota:
    return Quota(
        max_in_flight=own.max_in_flight,
        requests_per_minute=own.requests_per_minute,
        max_streams=own.max_streams,
        interactive_at_once=own.interactive_at_once,
    )


def _lifecycle(settings: Settings, store: PartnerStore) -> Lifecycle:
    own = settings.partners
    quotas = PartnerQuotas(
        produce_bytes=own.produce_bytes,
        consume_bytes=own.consume_bytes,
        request_percent=own.request_percent,
    )
    return Lifecycle(store, Cluster(settings.kafka), quotas, keep_s=own.remove_after_seconds)


def _cors(origins: list[str]) -> CORSConfig | None:
    if not origins:
        return None
    return CORSConfig(
        allow_origins=origins,
        allow_methods=["GET", "POST", "PATCH", "DELETE"],
        allow_headers=[
            "Authorization",
            "Content-Type",
            "X-API-Key",
            "X-Correlation-ID",
            "Last-Event-ID",
            "Idempotency-Key",
            "Prefer",
        ],
        expose_headers=[
            "Location",
            "Preference-Applied",
            "RateLimit",
            "RateLimit-Policy",
            "Retry-After",
            "X-Correlation-ID",
        ],
        max_age=600,
    )
