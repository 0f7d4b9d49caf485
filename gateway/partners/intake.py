"""The partners role's dependencies for accepting photos. The gateway's: `gateway.scenes.dependencies`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg

from bus.blobs import BlobStore
from bus.runtime.settings import S3Settings
from gateway.accounts.quotas import Quota, Quotas
from gateway.scenes import photo_reader
from gateway.scenes.accept_dependencies import AcceptDependencies
from gateway.scenes.stored_bytes import GIB
from gateway.scenes.uploads import Uploads
from gateway.settings import PartnerBridgeSettings, Ports
from gateway.ssrf import SsrfGuard


@asynccontextmanager
async def opened(
    pool: asyncpg.Pool, s3: S3Settings, own: PartnerBridgeSettings, *, refused_ports: Ports = ()
) -> AsyncIterator[AcceptDependencies]:
    """Open the dependencies for the body."""
    async with AsyncExitStack() as stack:
        blobs = await stack.enter_async_context(BlobStore(s3))
        photos = await stack.enter_async_context(photo_reader.opened(own.decode_threads, waited_for=False))
        images = SsrfGuard(allow_private=own.fetch_allow_private, refused_ports=refused_ports)
        outgoing = images.session(connect_s=own.fetch_seconds, total_s=own.fetch_seconds)
        stack.push_async_callback(outgoing.close)
        # Streams and exports are not limited here: only the gateway has them.
        quota = Quota(
            max_in_flight=own.max_in_flight,
            requests_per_minute=own.requests_per_minute,
            max_streams=1,
            interactive_at_once=own.interactive_at_once,
            bulk_at_once=own.bulk_at_once,
            max_exports_in_flight=1,
            exports_per_minute=1,
            stored_bytes=int(own.stored_gib * GIB),
        )
        yield AcceptDependencies(
            blobs=blobs,
            bucket=s3.bucket,
            photos=photos,
            fetch_seconds=own.fetch_seconds,
            images=images,
            outgoing=outgoing,
            receivers=images,
            quotas=Quotas(pool, quota),
            uploads=Uploads(pool),
        )
