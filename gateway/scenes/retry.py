"""A scene's photo processed again: a new scene that names its origin, with a copy of the photo of its own.

The old scene keeps its one ending, and either may be deleted without the other (decision 50). What its owner
noted of it goes along: the name, the tags, the metadata, and the time at which it is to be deleted.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from bus.contract.models import matches
from gateway.errors import DomainError
from gateway.scenes import display_name, generate_request
from gateway.scenes.generate_request import GenerateRequest, Original
from gateway.scenes.photo_source import photo_erased
from gateway.scenes.renditions import ENDED
from gateway.scenes.repository import SceneRow, Scenes, key_of
from gateway.scenes.running_model import running_model
from gateway.scenes.schemas import RetryIn


class Retries:
    """Makes requests to generate of scenes that have ended; ``model`` is GATEWAY_MODEL."""

    def __init__(self, pool: asyncpg.Pool, scenes: Scenes, model: str) -> None:
        self._pool, self._scenes, self._model = pool, scenes, model

    async def request(
        self, account_id: UUID, generation_id: UUID, wanted: RetryIn, idempotency_key: str | None
    ) -> GenerateRequest:
        """Return the request that repeats the account's scene.

        Raises `DomainError`: not_found, scene_unfinished, photo_erased, model_not_running,
        focal_length_invalid.
        """
        scene = await self._scenes.get(account_id, generation_id)
        if scene is None:
            raise DomainError("not_found", "You have no scene with this id.")
        if scene.status not in ENDED:
            raise DomainError(
                "scene_unfinished",
                "Only a scene that has ended can be tried again; wait for it, or cancel it first.",
                status=scene.status,
            )
        if scene.original_erased_at is not None:
            raise photo_erased()
        await self._require_running(wanted.model)
        metadata = msgspec.json.decode(scene.metadata or "{}", type=dict[str, Any])
        return GenerateRequest(
            source=Original(
                scene_id=scene.id,
                key=key_of(scene.original_image_url),
                bytes=int((metadata.get("image") or {}).get("bytes") or 0),
            ),
            metadata_text=_client_metadata(scene, metadata),
            priority=wanted.priority,
            focal_length_px=generate_request.focal_length("focal_length_px", wanted.focal_length_px),
            focal_length_mm=generate_request.focal_length("focal_length_mm", wanted.focal_length_mm),
            idempotency_key=idempotency_key,
            model=wanted.model,
            name=display_name.shown(metadata),
            tags=tuple(scene.tags),
            delete_at=scene.delete_at,
        )

    async def _require_running(self, asked: str | None) -> None:
        """Refuse a model that no worker has: its command would fail after its wait in the queue."""
        if asked is None:
            return
        running = await running_model(self._pool, self._model)
        if not matches(asked, running):
            raise DomainError(
                "model_not_running",
                f"The model {asked} does not run here; leave it out, or ask for {running}.",
                running=running,
            )


def _client_metadata(scene: SceneRow, metadata: dict[str, Any]) -> str | None:
    """Return the caller's own metadata as sent; those of an earlier release are in the row's."""
    if scene.client_metadata is not None:
        return scene.client_metadata
    own = metadata.get("client")
    return msgspec.json.encode(own).decode() if own else None
