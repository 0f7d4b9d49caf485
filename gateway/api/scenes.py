"""Scenes: send a photo, look at what became of it."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

import msgspec
from litestar import Response, Router, get, post
from litestar.datastructures import ResponseHeader
from litestar.params import FromPath, FromQuery, QueryParameter

from gateway import intake, paging
from gateway.api.documented import BY_ANY, KEY_CODES, UploadOperation, problems
from gateway.api.schemas.scenes import GenerateOut, SceneItem, SceneOut, ScenePage
from gateway.api.streams import scene_events
from gateway.auth import Caller
from gateway.context import trace_of
from gateway.errors import ApiError
from gateway.forms import read_form
from gateway.services import Using
from gateway.store.scenes import SceneRow, key_of


@post(
    "/generate",
    operation_id="generate_scene",
    status_code=202,
    summary="Turn a photo into a 3D scene",
    operation_class=UploadOperation,
    response_headers=[
        ResponseHeader(
            name="Location", description="Where the scene can be looked at", documentation_only=True
        )
    ],
    responses=problems(
        "upload_malformed",
        *KEY_CODES,
        "account_inactive",
        "photo_too_large",
        "metadata_too_large",
        "unsupported_media_type",
        "photo_missing",
        "photo_empty",
        "photo_truncated",
        "photo_too_small",
        "photo_too_many_pixels",
        "field_unknown",
        "field_repeated",
        "metadata_invalid",
        "focal_length_invalid",
        "priority_invalid",
    ),
)
async def generate(request: Caller, services: Using) -> Response[GenerateOut]:
    """Accept a photo. The answer comes once photo and order are safe, long before the scene is made."""
    form = await read_form(request)
    generation_id = await intake.accept(services, request.user, form, trace_of(request))
    answer = GenerateOut(
        generation_id=generation_id,
        status="pending",
        message="Accepted. Look at the Location, or follow it live at Location + '/events'.",
    )
    return Response(answer, headers={"Location": f"/api/v1/scenes/{generation_id}"})


@get(
    "/{generation_id:uuid}",
    operation_id="get_scene",
    summary="Look at a scene",
    responses=problems(*KEY_CODES, "not_found"),
)
async def get_scene(request: Caller, generation_id: FromPath[UUID], services: Using) -> SceneOut:
    """Return one scene, with fresh presigned URLs."""
    row = await services.scenes.get(request.user.account_id, generation_id)
    if row is None:
        raise ApiError("not_found", "You have no scene with this id.")
    original, result = row.original_image_url, row.generated_3d_gaussian_url
    return SceneOut(
        id=row.id,
        status=row.status,
        priority=row.priority,
        original_image_url=await services.blobs.presign(key_of(original)),
        generated_3d_gaussian_url=result
        and await services.blobs.presign(key_of(result), filename=f"{row.id}.ply"),
        processing_time_seconds=row.processing_time_seconds,
        metadata=_metadata(row),
        error_message=row.error_message,
        cancel_requested_at=row.cancel_requested_at,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


@get(
    "/",
    operation_id="list_scenes",
    summary="List scenes",
    responses=problems(*KEY_CODES, "cursor_invalid", "validation_failed"),
)
async def list_scenes(
    request: Caller,
    services: Using,
    status: FromQuery[Literal["pending", "processing", "completed", "failed", "cancelled"] | None] = None,
    cursor: Annotated[str | None, QueryParameter(max_length=128)] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=100)] = 20,
) -> ScenePage:
    """Return the account's scenes, newest first."""
    before = paging.decode(cursor) if cursor else None
    # One more than asked for tells whether there is a next page.
    rows = await services.scenes.list(request.user.account_id, status=status, before=before, limit=limit + 1)
    shown, last = rows[:limit], rows[limit - 1] if len(rows) > limit else None
    return ScenePage(
        items=[_item(row) for row in shown],
        next_cursor=paging.encode(last.created_at, last.id) if last else None,
    )


def _item(row: SceneRow) -> SceneItem:
    return SceneItem(
        id=row.id,
        status=row.status,
        priority=row.priority,
        processing_time_seconds=row.processing_time_seconds,
        metadata=_metadata(row),
        error_message=row.error_message,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _metadata(row: SceneRow) -> dict[str, object]:
    return msgspec.json.decode(row.metadata, type=dict[str, object]) if row.metadata else {}


ROUTER = Router(
    "/scenes",
    route_handlers=[generate, get_scene, list_scenes, scene_events],
    security=BY_ANY,
    tags=["scenes"],
)
