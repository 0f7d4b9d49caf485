"""The composition root: everything of one gateway is built here and closed here, nothing at import."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from typing import Final

from litestar import Litestar
from litestar.config.cors import CORSConfig
from litestar.di import Provide

from bus import topics
from bus.blobs import BlobStore
from gateway import openapi, photos, policy
from gateway.apikeys import ApiKeys
from gateway.errors import to_response
from gateway.handlers import ROUTES
from gateway.hub import Hub
from gateway.observe import Metrics, Observed
from gateway.passwords import Passwords
from gateway.services import Services, of_state
from gateway.settings import Settings
from gateway.store.accounts import Accounts
from gateway.store.history import History
from gateway.store.keys import Keys
from gateway.store.scenes import Scenes
from gateway.tail import Tail
from gateway.tokens import Tokens
from ledger import database, migrate

MAX_JSON_BYTES: Final = 64 * 1024
"""Bytes of any body but an upload, which has its own reader and limits."""


def create_app(settings: Settings) -> Litestar:
    """Return the application. Its start stops the process where Postgres is away or not migrated."""
    photos.prepare()
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
        logging_config=None,  # bus.logs has set logging up for the process
    )
    policy.check(app)
    app.asgi_handler = Observed(app.asgi_handler, metrics)
    return app


def _lifespan(
    settings: Settings, metrics: Metrics
) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            services = await _build(settings, metrics, stack)
            app.state["services"] = services
            following = asyncio.create_task(services.tail.run(), name="tail")
            try:
                yield
            finally:
                services.hub.close()
                following.cancel()
                with suppress(asyncio.CancelledError):
                    await following

    return lifespan


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
    hub = Hub(epoch=epoch, partitions=partitions, ring_events=own.ring_events, reader_queue=own.reader_queue)
    history = History(pool, epoch=epoch, partitions=partitions)
    return Services(
        settings=settings,
        pool=pool,
        blobs=blobs,
        check_blobs=blobs.check,
        accounts=Accounts(pool),
        keys=Keys(pool),
        scenes=Scenes(pool, blobs.bucket),
        history=history,
        passwords=passwords,
        tokens=Tokens(own),
        api_keys=ApiKeys(own.api_key_pepper),
        decoders=decoders,
        hub=hub,
        tail=Tail(settings.kafka, hub, history.floors),
        metrics=metrics,
    )


def _cors(origins: list[str]) -> CORSConfig | None:
    if not origins:
        return None
    return CORSConfig(
        allow_origins=origins,
        allow_methods=["GET", "POST", "PATCH", "DELETE"],
        allow_headers=["Authorization", "Content-Type", "X-API-Key", "X-Correlation-ID", "Last-Event-ID"],
        expose_headers=["Location", "X-Correlation-ID"],
        max_age=600,
    )
