"""The dependencies of the handlers for scenes, exports, shares and uploads."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

import asyncpg

from bus.blobs import BlobStore
from gateway.accounts.key_hashing import ApiKeys
from gateway.accounts.quotas import Quotas
from gateway.accounts.rate_limits import RateLimits
from gateway.metrics import Metrics
from gateway.scenes.accept import Acceptor
from gateway.scenes.accept_dependencies import AcceptDependencies
from gateway.scenes.albums import Albums
from gateway.scenes.archives import Archives
from gateway.scenes.bulk import Bulk
from gateway.scenes.cancel_delete import Removing
from gateway.scenes.export_orders import ExportOrders
from gateway.scenes.exports import ExportStore
from gateway.scenes.idempotency import Idempotency
from gateway.scenes.link_pictures import LinkPictures
from gateway.scenes.owner_notes import OwnerNotes
from gateway.scenes.photo_reader import PhotoReader
from gateway.scenes.prepare import Preparer
from gateway.scenes.presenter import Presenter
from gateway.scenes.queue_overview import QueueOverview
from gateway.scenes.queue_position import Backlog
from gateway.scenes.quota_use import QuotaUse
from gateway.scenes.renditions import Renditions
from gateway.scenes.repository import Scenes
from gateway.scenes.retry import Retries
from gateway.scenes.shares import Shares
from gateway.scenes.start_views import StartViews
from gateway.scenes.stored_bytes import StoredBytes
from gateway.scenes.upload_memory import Budget
from gateway.scenes.uploads import Uploads
from gateway.scenes.views import Views
from gateway.scenes.wait_for_scene import SceneWaiter
from gateway.settings import Settings
from gateway.ssrf import SsrfGuard
from gateway.streaming.hub import Hub
from gateway.streaming.waiters import Waiters

_MIB: Final = 1024 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class SceneDependencies:
    """The instances of one application."""

    scenes: Scenes
    removing: Removing
    exports: ExportStore
    export_orders: ExportOrders
    shares: Shares
    albums: Albums
    views: Views
    start_views: StartViews
    link_pictures: LinkPictures
    uploads: Uploads
    idempotency: Idempotency
    budget: Budget
    backlog: Backlog
    presenter: Presenter
    scene_waiter: SceneWaiter
    acceptor: Acceptor
    stored: StoredBytes
    quota_use: QuotaUse
    queue_overview: QueueOverview
    bulk: Bulk
    archives: Archives
    owner_notes: OwnerNotes
    retries: Retries


def build(  # noqa: PLR0917
    pool: asyncpg.Pool,
    blobs: BlobStore,
    photos: PhotoReader,
    settings: Settings,
    stack: AsyncExitStack,
    quotas: Quotas,
    waiters: Waiters,
    receivers: SsrfGuard,
    metrics: Metrics,
    limits: RateLimits,
    hub: Hub,
) -> SceneDependencies:
    """Return the dependencies; ``stack`` closes them at the end. The caller runs ``backlog``."""
    own = settings.gateway
    images = SsrfGuard(allow_private=own.fetch_allow_private, refused_ports=settings.outgoing.refused_ports)
    outgoing = images.session(connect_s=own.fetch_seconds, total_s=own.fetch_seconds)
    stack.push_async_callback(outgoing.close)
    scenes, uploads, idempotency = Scenes(pool), Uploads(pool), Idempotency(pool)
    exports = ExportStore(pool)
    stored = StoredBytes(pool)
    orders = ExportOrders(scenes, exports, quotas, stored, limits)
    backlog = Backlog(settings.kafka, pool, group=own.inference_group)
    renditions = Renditions(pool, blobs, settings.s3.bucket, photos)
    presenter = Presenter(blobs, backlog, renditions)
    preparer = Preparer(
        AcceptDependencies(
            blobs=blobs,
            bucket=settings.s3.bucket,
            photos=photos,
            fetch_seconds=own.fetch_seconds,
            images=images,
            outgoing=outgoing,
            receivers=receivers,
            quotas=quotas,
            uploads=uploads,
        )
    )
    return SceneDependencies(
        scenes=scenes,
        removing=Removing(pool),
        exports=exports,
        export_orders=orders,
        shares=Shares(pool, ApiKeys.of(own)),
        albums=Albums(pool, ApiKeys.of(own)),
        views=Views(pool),
        start_views=StartViews(pool),
        link_pictures=LinkPictures(blobs, renditions, photos),
        uploads=uploads,
        idempotency=idempotency,
        budget=Budget(own.upload_mib * _MIB, at_once=own.uploads_at_once),
        backlog=backlog,
        presenter=presenter,
        scene_waiter=SceneWaiter(scenes, waiters, presenter),
        acceptor=Acceptor(pool, preparer, idempotency, metrics, stored),
        stored=stored,
        quota_use=QuotaUse(pool, quotas, limits, stored, hub),
        queue_overview=QueueOverview(pool, settings.kafka, group=own.inference_group),
        bulk=Bulk(pool, orders),
        archives=Archives(pool, blobs, ApiKeys.of(own)),
        owner_notes=OwnerNotes(pool),
        retries=Retries(pool, scenes, own.model),
    )
