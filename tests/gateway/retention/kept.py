"""An account with something of every kind that retention erases, of a given age."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from bus.bridges import outbox
from bus.contract.ids import new_id
from ledger.db.scene_views import VIEWER
from tests.gateway.conftest import Api
from tests.gateway.rows import RESULT

EXPORT = """
INSERT INTO export_jobs (id, scene_generation_id, export_format, options, purpose, status, export_file_url,
                         stored_bytes, created_at, updated_at)
VALUES ($1, $2, $3, '{}', $4, $5, $6, 7, now() - $7::interval, now() - $7::interval)"""
CLIENT = '{"name": "Ada\'s kitchen", "room": 1e308}'


@dataclass(frozen=True, kw_only=True)
class Kept:
    """The ids of what was made, and the keys of its objects."""

    account: UUID
    scene: UUID
    export: UUID
    viewer: UUID
    message: UUID
    keys: dict[str, str]


async def add_account(api: Api) -> UUID:
    """Insert an account, which has no password."""
    account = uuid4()
    await api.sql(
        "INSERT INTO users (id, email, password_hash, first_name, last_name, role, created_at, updated_at,"
        " is_active) VALUES ($1, $2, '', '', '', 'user', now(), now(), true)",
        account,
        f"{account}@example.com",
    )
    return account


async def fill(api: Api, account: UUID, age: timedelta, *, stored: bool = False) -> Kept:
    """Make one of each kind, ended ``age`` ago; with ``stored`` also the objects."""
    scene, export, message = new_id(), new_id(), uuid4()
    viewer = VIEWER.id_for(scene)
    keys = {
        "originals": f"originals/{scene}/photo",
        "renditions": f"results/{scene}/photo.webp",
        "thumbnails": f"results/{scene}/small.jpg",
        "results": f"results/{scene}/winner.ply",
        "exports": f"exports/{export}/a.glb",
        "views": f"exports/{viewer}/a.spz",
    }
    urls = {name: f"s3://{api.services.blobs.bucket}/{key}" for name, key in keys.items()}
    metadata: dict[str, Any] = {
        "client": {},
        "name": "Ada's kitchen",
        "image": {"bytes": 5},
        "result": RESULT,
    }
    blob = {"key": keys["results"], "sha256": "ab" * 32, "bytes": 3, "media_type": "application/ply"}
    await api.sql(
        "INSERT INTO scene_generations (id, user_id, original_image_url, generated_3d_gaussian_url,"
        " photo_url, thumbnail_url, result_blob, status, priority, metadata, client_metadata, created_at,"
        " updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, 'completed', 'bulk', $8, $9,"
        " now() - $10::interval, now() - $10::interval)",
        scene, account, urls["originals"], urls["results"], urls["renditions"], urls["thumbnails"],
        json.dumps(blob), json.dumps(metadata), CLIENT, age,
    )  # fmt: skip
    await api.sql(EXPORT, export, scene, "glb_mesh", None, "completed", urls["exports"], age)
    await api.sql(EXPORT, viewer, scene, VIEWER.format, VIEWER.purpose, "completed", urls["views"], age)
    endpoint = uuid4()
    await api.sql(
        "INSERT INTO webhook_endpoints (id, account_id, url, events, description, state, secret, created_at,"
        " updated_at) VALUES ($1, $2, 'http://127.0.0.1:9/', '{*}', '', 'active', '', now(), now())",
        endpoint, account,
    )  # fmt: skip
    await api.sql(
        "INSERT INTO webhook_messages (event_id, account_id, type, subject, body, created_at)"
        " VALUES ($1, $2, 'generation.completed.v1', $3, '{}', now() - $4::interval)",
        message, account, scene, age,
    )  # fmt: skip
    await api.sql(
        "INSERT INTO webhook_deliveries (id, endpoint_id, account_id, lane, event_id, origin, state,"
        " response_body, created_at, attempted_at)"
        " VALUES ($1, $2, $3, $2, $4, 'event', 'delivered', 'thanks', now() - $5::interval,"
        " now() - $5::interval)",
        uuid4(), endpoint, account, message, age,
    )  # fmt: skip
    await api.sql(
        "INSERT INTO idempotency_keys (user_id, key, fingerprint, token, lease_until, generation_id,"
        " created_at) VALUES ($1, $2, '', $3, now(), $4, now() - $5::interval)",
        account, str(scene), uuid4(), scene, age,
    )  # fmt: skip
    if stored:
        for key in keys.values():
            await api.services.blobs.put(key, b"something", "application/octet-stream")
    return Kept(account=account, scene=scene, export=export, viewer=viewer, message=message, keys=keys)


async def left(api: Api, kept: Kept) -> set[str]:
    """Return the kinds of which the rows still have something."""
    (row,) = await api.sql(
        "SELECT deleted_at IS NULL AS scenes, original_erased_at IS NULL AS originals,"
        " result_erased_at IS NULL AS results, metadata ? 'name' OR client_metadata LIKE '%Ada%' AS names,"
        " client_metadata IS NOT NULL AS client_metadata,"
        " EXISTS (SELECT FROM export_jobs WHERE id = $2 AND export_file_url IS NOT NULL) AS exports,"
        " EXISTS (SELECT FROM export_jobs WHERE id = $3 AND export_file_url IS NOT NULL) AS views,"
        " EXISTS (SELECT FROM webhook_messages WHERE event_id = $4) AS webhooks,"
        " EXISTS (SELECT FROM idempotency_keys k WHERE k.generation_id = $1) AS idempotency"
        " FROM scene_generations WHERE id = $1",
        kept.scene, kept.export, kept.viewer, kept.message,
    )  # fmt: skip
    return {name for name, there in row.items() if there}


async def recorded(api: Api, account: UUID) -> dict[str, int]:
    """Return the record: kind -> how much was erased."""
    rows = await api.sql("SELECT kind, erased FROM erasures WHERE account_id = $1", account)
    return {row["kind"]: row["erased"] for row in rows}


async def removals(api: Api) -> list[str]:
    """Return the keys whose removal waits."""
    return [row["key"] for row in await api.sql("SELECT key FROM blob_removals ORDER BY key")]


async def published(api: Api, subject: UUID) -> list[str]:
    """Return the types of the messages about a scene that wait in the outbox."""
    rows = await api.sql("SELECT records FROM outbox ORDER BY id")
    named = [
        {name: value.decode() for name, value in record.headers}
        for row in rows
        for record in outbox.load(row["records"])
    ]
    return [each["ce_type"] for each in named if each["ce_subject"] == str(subject)]
