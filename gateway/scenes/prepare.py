"""Prepares an acceptance: fetches, checks and stores the photo, and builds the command and the row.

Used by requests over HTTP (`gateway.scenes.accept`) and partners' commands (`gateway.partners.acceptance`).
A prepared photo is accepted (`gateway.scenes.accept_generation`) or taken back. A sweep removes those for
which neither happened.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import structlog

from bus.contract.blob_ref import BlobRef
from bus.contract.ids import new_id
from bus.contract.messages import GenerateScene
from bus.runtime import tasks
from bus.runtime.errors import SharpstreamError
from gateway.accounts.principal import Principal
from gateway.scenes import display_name, photo_source
from gateway.scenes.accept_dependencies import AcceptDependencies
from gateway.scenes.accept_generation import Acceptance
from gateway.scenes.generate_request import GenerateRequest
from gateway.scenes.idempotency import Claim
from gateway.scenes.photo_source import Charge, Fetched, uncharged
from photo.projection import warning
from photo.reader import Facts

_log = structlog.stdlib.get_logger(__name__)


class Preparer:
    """Turns a `GenerateRequest` into an `Acceptance`."""

    def __init__(self, dependencies: AcceptDependencies) -> None:
        self.dependencies = dependencies

    def check_receiver(self, request: GenerateRequest) -> None:
        """Check the webhook's URL. Raises `DomainError` url_refused."""
        if request.webhook_url is not None:
            self.dependencies.receivers.check(request.webhook_url)

    async def prepare(
        self,
        caller: Principal,
        request: GenerateRequest,
        claim: Claim | None = None,
        charge: Charge = uncharged,
    ) -> Acceptance:
        """Return an acceptance whose photo is stored; the caller accepts it or calls `take_back`.

        ``charge`` is called with the bytes of a photo that is fetched, as they arrive. Raises `DomainError`
        with the code of the defect of the photo or its source; then nothing stays stored.
        """
        own = self.dependencies
        fetched = await photo_source.fetch(own, caller.account_id, request.source, charge)
        generation_id = new_id()
        key = f"originals/{generation_id}/{secrets.token_hex(16)}"
        inspected: asyncio.Future[Facts] = asyncio.get_running_loop().create_future()
        checked = asyncio.ensure_future(
            own.photos.check(fetched.photo, caller.account_id, partial(_set_once, inspected))
        )
        try:
            await asyncio.wait([inspected, checked], return_when=asyncio.FIRST_COMPLETED)
            facts = inspected.result() if inspected.done() else await checked
            quota = await own.quotas.of(caller.account_id, caller.role)
        except BaseException:
            await tasks.end([checked])
            raise
        try:
            ref = await self._store_while(checked, key, fetched, facts, caller.account_id)
        except BaseException:
            await asyncio.shield(self.take_back(key))
            raise
        command = GenerateScene(
            generation_id=generation_id,
            account_id=caller.account_id,
            source=ref,
            requested_at=datetime.now(UTC),
            priority=request.priority,
            focal_length_px=request.focal_length_px,
            focal_length_mm=request.focal_length_mm,
            model=request.model,
        )
        return Acceptance(
            command=command,
            url=ref.url(own.bucket),
            metadata=_row_metadata(request, facts, ref),
            max_in_flight=quota.max_in_flight,
            interactive_at_once=quota.interactive_at_once,
            bulk_at_once=quota.bulk_at_once,
            api_key_id=caller.api_key_id,
            webhook_url=request.webhook_url,
            upload_id=fetched.upload_id,
            claim=claim,
            client_metadata=request.metadata_text,
            delete_at=request.delete_at or _delete_at(command.requested_at, request.delete_after_hours),
            retry_of=request.retry_of,
            tags=request.tags,
        )

    async def take_back(self, key: str) -> None:
        """Delete a stored photo that was not accepted. Best effort: a sweep finds the rest."""
        try:
            await self.dependencies.blobs.delete(key)
        except SharpstreamError as error:
            _log.warning("orphaned_photo", key=key, error=str(error))

    async def _store_while(
        self, checked: asyncio.Future[Facts], key: str, fetched: Fetched, facts: Facts, owner: UUID
    ) -> BlobRef:
        """Store the photo while a worker reads it to its end: takes as long as the slower of the two."""
        stored = asyncio.ensure_future(self._store(key, fetched, facts, owner))
        try:
            await checked
        except BaseException:
            stored.cancel()
            with suppress(asyncio.CancelledError, SharpstreamError):
                await stored
            raise
        return await stored

    async def _store(self, key: str, fetched: Fetched, facts: Facts, owner: UUID) -> BlobRef:
        blobs = self.dependencies.blobs
        if fetched.stored is None:
            return await blobs.put(key, fetched.photo, facts.media_type, owner=owner)
        # Copied within the store, so that the upload's URL cannot overwrite the accepted bytes.
        position, version = fetched.stored
        await blobs.copy(position, key, version=version, media_type=facts.media_type, owner=owner)
        digest = (await asyncio.to_thread(hashlib.sha256, fetched.photo)).hexdigest()
        return BlobRef(key=key, sha256=digest, bytes=len(fetched.photo), media_type=facts.media_type)


def _delete_at(requested_at: datetime, hours: int | None) -> datetime | None:
    return None if hours is None else requested_at + timedelta(hours=hours)


def _set_once(future: asyncio.Future[Facts], facts: Facts) -> None:
    if not future.done():  # a second worker reads it where the first one died
        future.set_result(facts)


def _row_metadata(request: GenerateRequest, facts: Facts, ref: BlobRef) -> dict[str, Any]:
    client = request.metadata or {}
    image: dict[str, Any] = {
        "width": facts.width,
        "height": facts.height,
        "media_type": facts.media_type,
        "bytes": ref.bytes,
        "sha256": ref.sha256,
    }
    if facts.projection is not None:
        image |= {"projection": facts.projection, "warning": warning(facts.projection)}
    address = request.source if isinstance(request.source, str) else None
    offered = request.file_name or display_name.of_url(address)
    name = request.name or display_name.named(client, offered)
    return {"client": {}, "image": image} | ({"name": name} if name else {})
