"""The routes of scenes: list, read, cancel, delete."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from litestar import Response, Router, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, HeaderParameter, QueryParameter

from gateway.accounts.auth import Caller
from gateway.errors import DomainError
from gateway.http.compression import COMPRESSED
from gateway.http.context import trace_of
from gateway.http.openapi_helpers import BY_ANY, KEY_CODES, header, problems
from gateway.http.query_times import FORMAT, LONGEST, instant
from gateway.operations.blob_deletion import Removals
from gateway.scenes import scene_list, wait_for_scene
from gateway.scenes.cancel_delete import Removing
from gateway.scenes.change_routes import change_scene, list_tags, retry_scene
from gateway.scenes.export_routes import export_scene, list_exports
from gateway.scenes.generate_routes import generate
from gateway.scenes.presenter import Presenter
from gateway.scenes.repository import Scenes
from gateway.scenes.scene_list import LONGEST_CURSOR, Sort, Wanted
from gateway.scenes.schemas import CancelOut, SceneOut, ScenePage
from gateway.scenes.views import Views
from gateway.scenes.wait_for_scene import SceneWaiter
from gateway.streaming.routes import scene_events


@get(
    "/{generation_id:uuid}",
    operation_id="get_scene",
    summary="Look at a scene",
    response_headers=[header("Preference-Applied", "`wait=N` where the answer was held as preferred")],
    responses=problems(*KEY_CODES, "not_found", "validation_failed"),
)
async def get_scene(
    request: Caller,
    *,
    generation_id: FromPath[UUID],
    scenes: NamedDependency[Scenes],
    presenter: NamedDependency[Presenter],
    scene_waiter: NamedDependency[SceneWaiter],
    views: NamedDependency[Views],
    with_views: Annotated[
        bool,
        QueryParameter(
            name="views",
            description="`true`: have its picture and its file for viewers made, where it is completed and"
            " lacks them; look again within seconds",
        ),
    ] = False,
    prefer: Annotated[
        str | None,
        HeaderParameter(
            name="Prefer",
            description="`wait=N`: answer when it has ended, after N (up to 60) s at the latest",
        ),
    ] = None,
) -> Response[SceneOut]:
    """Return one scene, with fresh presigned URLs.

    While it is pending, `queue` has its position and an estimate; once it has ended, `timings` has the time
    spent in each stage. `preview_url` and `viewer_url` are null until the scene was opened, with `views=true`
    or by a share link, and they are made. With `Prefer: wait=N`, `Preference-Applied` in the answer confirms
    the wait.
    """
    account_id, seconds = request.user.account_id, wait_for_scene.requested_seconds(prefer)
    row, scene = None, None
    if seconds and scene_waiter.full(account_id):
        seconds = None
    if seconds:
        scene = await scene_waiter.wait(account_id, generation_id, seconds)
    if scene is None:
        row = await scenes.get(account_id, generation_id)
        if row is None:
            raise DomainError("not_found", "You have no scene with this id.")
        scene = await presenter.scene_out(row)
    if with_views and (row := row or await scenes.get(account_id, generation_id)):
        await views.order_missing(row, trace_of(request))
    return Response(scene, headers={"Preference-Applied": f"wait={seconds}"} if seconds else {})


@get(
    "/",
    operation_id="list_scenes",
    middleware=[COMPRESSED],
    summary="List scenes",
    responses=problems(*KEY_CODES, "cursor_invalid", "range_invalid", "validation_failed"),
)
async def list_scenes(
    request: Caller,
    scenes: NamedDependency[Scenes],
    presenter: NamedDependency[Presenter],
    *,
    status: FromQuery[Literal["pending", "processing", "completed", "failed", "cancelled"] | None] = None,
    priority: FromQuery[Literal["interactive", "bulk"] | None] = None,
    created_after: Annotated[
        str | None,
        QueryParameter(description="Inclusive; UTC unless it says", format=FORMAT, max_length=LONGEST),
    ] = None,
    created_before: Annotated[
        str | None,
        QueryParameter(description="Exclusive; UTC unless it says", format=FORMAT, max_length=LONGEST),
    ] = None,
    q: Annotated[
        str | None, QueryParameter(description="Part of the name or of a tag, in any case", max_length=100)
    ] = None,
    tag: Annotated[str | None, QueryParameter(description="Only scenes with this tag", max_length=40)] = None,
    favourite: Annotated[bool | None, QueryParameter(description="Only favourites, or only others")] = None,
    model: Annotated[
        str | None,
        QueryParameter(description="Only scenes made by this model, such as `layered`", max_length=60),
    ] = None,
    sort: Annotated[
        Literal["newest", "oldest", "name", "largest"],
        QueryParameter(description="`newest` or `oldest` first, by `name`, or `largest` splat first"),
    ] = "newest",
    cursor: Annotated[str | None, QueryParameter(max_length=LONGEST_CURSOR)] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=100)] = 20,
) -> ScenePage:
    """Return the account's scenes, newest first unless `sort` says otherwise.

    A scene that exists from the first page to the last is shown exactly once, even if others are added or
    deleted in between; by `name` and `largest` one that is renamed or completed meanwhile may be shown twice
    or not. Keep the same filters and the same `sort` while you follow a cursor.
    """
    since, until = instant(created_after, "created_after"), instant(created_before, "created_before")
    if since and until and until <= since:
        raise DomainError("range_invalid", "'created_after' must lie before 'created_before'.")
    # One more than requested shows whether there is a next page.
    order = Sort(sort)
    wanted = Wanted(
        sort=order,
        after=scene_list.decode(order, cursor) if cursor else None,
        status=status,
        priority=priority,
        tag=tag and storable(tag).lower(),
        favourite=favourite,
        model=model and storable(model),
        created_after=since,
        created_before=until,
        q=storable(q) if q else None,
    )
    rows = await scenes.list(request.user.account_id, wanted, limit=limit + 1)
    shown, last = rows[:limit], rows[limit - 1] if len(rows) > limit else None
    return ScenePage(
        items=[await presenter.scene_item(row) for row, _ in shown],
        next_cursor=scene_list.encode(order, last[1], last[0].id) if last else None,
    )


def storable(words: str) -> str:
    """Return words of a query as Postgres can compare them: no stored text holds U+0000."""
    return words.replace("\0", "\ufffd")


@post(
    "/{generation_id:uuid}/cancel",
    operation_id="cancel_scene",
    status_code=202,
    summary="Stop a scene",
    responses=problems(*KEY_CODES, "not_found", "scene_ended"),
)
async def cancel_scene(
    request: Caller, generation_id: FromPath[UUID], removing: NamedDependency[Removing]
) -> CancelOut:
    """Request the cancellation of a scene; a repeated request changes nothing.

    The worker decides: the scene ends as `cancelled`, or as `completed` or `failed` where that came first.
    """
    found = await removing.cancel(request.user.account_id, generation_id, trace_of(request))
    return CancelOut(
        generation_id=generation_id,
        status=found.status,
        message="Asked to stop. Look at the scene's status for what came of it.",
        cancel_requested_at=found.cancel_requested_at,
    )


@delete(
    "/{generation_id:uuid}",
    operation_id="delete_scene",
    summary="Delete a scene",
    responses=problems(*KEY_CODES, "not_found", "scene_unfinished"),
)
async def delete_scene(
    request: Caller,
    generation_id: FromPath[UUID],
    removing: NamedDependency[Removing],
    removals: NamedDependency[Removals],
) -> None:
    """Delete an ended scene, its photo, its splat, its exports and its shares, permanently.

    It disappears from every answer at once; the files follow within seconds. The account keeps its usage and
    the scene's events, which hold nothing of the photo; the last one is `generation.deleted.v1`. The scene's
    own stream is removed with it.
    """
    await removing.delete(request.user.account_id, generation_id, trace_of(request))
    removals.wake()


ROUTER = Router(
    "/scenes",
    route_handlers=[
        generate,
        get_scene,
        list_scenes,
        cancel_scene,
        delete_scene,
        change_scene,
        list_tags,
        retry_scene,
        export_scene,
        list_exports,
        scene_events,
    ],
    security=BY_ANY,
    tags=["scenes"],
)
