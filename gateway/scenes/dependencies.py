"""The dependencies of the handlers for scenes, exports, shares and uploads."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

import asyncpg

from bus.blobs import BlobStore
from gateway.accounts.key_hashing import ApiKeys
from gateway.accounts.quotas import Quotas
from gateway.metrics import Metrics
from gateway.scenes.accept import Acceptor
from gateway.scenes.accept_dependencies import AcceptDependencies
from gateway.scenes.cancel_delete import Removing
from gateway.scenes.exports import ExportStore
from gateway.scenes.idempotency import Idempotency
from gateway.scenes.photo_reader import PhotoReader
from gateway.scenes.prepare import Preparer
from gateway.scenes.presenter import Presenter
from gateway.scenes.queue_position import Backlog
from gateway.scenes.renditions import Renditions
from gateway.scenes.repository import Scenes
from gateway.scenes.shares import Shares
from gateway.scenes.stored_bytes import StoredBytes
from gateway.scenes.upload_memory import Budget
from gateway.scenes.uploads import Uploads
from gateway.scenes.wait_for_scene import SceneWaiter
from gateway.settings import Settings
from gateway.ssrf import SsrfGuard
from gateway.streaming.waiters import Waiters

_MIB: Final = 1024 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class SceneDependencies:
    """The instances of one application."""

    scenes: Scenes
    removing: Removing
    exports: ExportStore
    shares: Shares
    uploads: Uploads
    idempotency: Idempotency
    budget: Budget
    backlog: Backlog
    presenter: Presenter
    scene_waiter: SceneWaiter
    acceptor: Acceptor
    stored: StoredBytes


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
) -> SceneDependencies:
    """Return the dependencies; ``stack`` closes them at the end. The caller runs ``backlog``."""
    own = settings.gateway
    images = SsrfGuard(allow_private=own.fetch_allow_private, refused_ports=settings.outgoing.refused_ports)
    outgoing = images.session(connect_s=own.fetch_seconds, total_s=own.fetch_seconds)
    stack.push_async_callback(outgoing.close)
    scenes, uploads, idempotency = Scenes(pool), Uploads(pool), Idempotency(pool)
    stored = StoredBytes(pool)
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
        exports=ExportStore(pool),
        shares=Shares(pool, ApiKeys(own.api_key_pepper)),
        uploads=uploads,
        idempotency=idempotency,
        budget=Budget(own.upload_mib * _MIB, at_once=own.uploads_at_once),
        backlog=backlog,
        presenter=presenter,
        scene_waiter=SceneWaiter(scenes, waiters, presenter),
        acceptor=Acceptor(pool, preparer, idempotency, metrics, stored),
        stored=stored,
    )
