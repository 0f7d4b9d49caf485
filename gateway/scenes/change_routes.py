"""The routes that change one scene: its name, tags and favourite, and its photo processed again."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from litestar import Response, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, HeaderParameter, JSONBody
from msgspec import UNSET

from gateway.accounts.auth import Caller
from gateway.errors import DomainError
from gateway.http.context import trace_of
from gateway.http.openapi_helpers import BODY_CODES, KEY_CODES, header, problems
from gateway.scenes.accept import Acceptor
from gateway.scenes.idempotency import well_formed
from gateway.scenes.owner_notes import NotesChange, OwnerNotes, name_of, tags_of
from gateway.scenes.presenter import Presenter
from gateway.scenes.repository import Scenes
from gateway.scenes.retry import Retries
from gateway.scenes.schemas import GenerateOut, RetryIn, SceneChangeIn, SceneOut, TagList, TagOut
from gateway.scenes.upload_memory import Budget


@patch(
    "/{generation_id:uuid}",
    operation_id="change_scene",
    summary="Rename, tag or mark a scene",
    responses=problems(*KEY_CODES, "not_found", "name_erased", "validation_failed", *BODY_CODES),
)
async def change_scene(
    request: Caller,
    *,
    generation_id: FromPath[UUID],
    data: JSONBody[SceneChangeIn],
    owner_notes: NamedDependency[OwnerNotes],
    scenes: NamedDependency[Scenes],
    presenter: NamedDependency[Presenter],
) -> SceneOut:
    """Change the given fields of a scene, whatever its state; the omitted ones stay.

    Exports, shares and downloads have the new name from then on.
    """
    account_id = request.user.account_id
    change = NotesChange(
        name=None if data.name is UNSET else name_of(data.name),
        tags=None if data.tags is UNSET else tags_of(data.tags),
        favourite=None if data.favourite is UNSET else data.favourite,
    )
    await owner_notes.change(account_id, generation_id, change)
    row = await scenes.get(account_id, generation_id)
    if row is None:  # deleted since
        raise DomainError("not_found", "You have no scene with this id.")
    return await presenter.scene_out(row)


@get(
    "/tags",
    operation_id="list_tags",
    summary="List the tags of your scenes",
    responses=problems(*KEY_CODES),
)
async def list_tags(request: Caller, owner_notes: NamedDependency[OwnerNotes]) -> TagList:
    """Return the tags of the account's scenes, the most used first."""
    found = await owner_notes.tags(request.user.account_id)
    return TagList(items=[TagOut(tag=tag, scenes=scenes) for tag, scenes in found])


@post(
    "/{generation_id:uuid}/retry",
    operation_id="retry_scene",
    status_code=202,
    summary="Process a scene's photo again",
    response_headers=[header("Location", "Where the new scene can be looked at")],
    responses=problems(
        *KEY_CODES,
        "account_inactive",
        "not_found",
        "scene_unfinished",
        "photo_erased",
        "model_not_running",
        "focal_length_invalid",
        "idempotency_in_progress",
        "idempotency_key_invalid",
        "idempotency_key_reused",
        "photo_unreadable",
        "quota_in_flight",
        "storage_exhausted",
        "busy",
        "validation_failed",
        *BODY_CODES,
    ),
)
async def retry_scene(
    request: Caller,
    *,
    generation_id: FromPath[UUID],
    data: JSONBody[RetryIn],
    retries: NamedDependency[Retries],
    budget: NamedDependency[Budget],
    acceptor: NamedDependency[Acceptor],
    idempotency_key: Annotated[
        str | None,
        HeaderParameter(
            name="Idempotency-Key",
            description="Of your own making: the same request with it makes one scene, for 24 hours",
        ),
    ] = None,
) -> Response[GenerateOut]:
    """Make a new scene of the photo of one that was completed, failed or cancelled.

    The new scene has a copy of the photo, the name, the tags and the metadata of the old one, and names it as
    `retry_of`. The old one stays as it is; either can be deleted without the other.
    """
    key = None if idempotency_key is None else well_formed(idempotency_key)
    account_id = request.user.account_id
    wanted = await retries.request(account_id, generation_id, data, key)
    async with budget.of(account_id) as held:
        made = await acceptor.accept(request.user, wanted, trace_of(request), held.charge)
    answer = GenerateOut(
        generation_id=made,
        status="pending",
        message="Accepted. Look at the Location, or follow it live at Location + '/events'.",
    )
    return Response(answer, headers={"Location": f"/api/v1/scenes/{made}"})
