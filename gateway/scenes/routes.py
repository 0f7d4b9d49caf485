"""The routes of scenes: list, read, cancel, delete."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from litestar import Response, Router, delete, get, post
from litestar.datastructures import ResponseHeader
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, HeaderParameter, QueryParameter

from gateway.accounts.auth import Caller
from gateway.errors import DomainError
from gateway.http import paging
from gateway.http.compression import COMPRESSED
from gateway.http.context import trace_of
from gateway.http.openapi_helpers import BY_ANY, KEY_CODES, problems
from gateway.http.query_times import FORMAT, LONGEST, instant
from gateway.operations.blob_deletion import Removals
from gateway.scenes import wait_for_scene
from gateway.scenes.cancel_delete import Removing
from gateway.scenes.export_routes import export_scene, list_exports
from gateway.scenes.generate_routes import generate
from gateway.scenes.presenter import Presenter
from gateway.scenes.repository import Scenes
from gateway.scenes.schemas import CancelOut, SceneOut, ScenePage
from gateway.scenes.share_routes import create_share, list_shares
from gateway.scenes.wait_for_scene import SceneWaiter
from gateway.streaming.routes import scene_events


@get(
    "/{generation_id:uuid}",
    operation_id="get_scene",
    summary="Look at a scene",
    response_headers=[
        ResponseHeader(
            name="Preference-Applied",
            description="`wait=N` where the answer was held as preferred",
            documentation_only=True,
        )
    ],
    responses=problems(*KEY_CODES, "not_found"),
)
async def get_scene(
    request: Caller,
    *,
    generation_id: FromPath[UUID],
    scenes: NamedDependency[Scenes],
    presenter: NamedDependency[Presenter],
    scene_waiter: NamedDependency[SceneWaiter],
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
    spent in each stage. With `Prefer: wait=N`, `Preference-Applied` in the answer confirms the wait.
    """
    account_id, seconds, scene = request.user.account_id, wait_for_scene.requested_seconds(prefer), None
    if seconds and scene_waiter.full(account_id):
        seconds = None
    if seconds:
        scene = await scene_waiter.wait(account_id, generation_id, seconds)
    if scene is None:
        row = await scenes.get(account_id, generation_id)
        if row is None:
            raise DomainError("not_found", "You have no scene with this id.")
        scene = await presenter.scene_out(row)
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
        str | None, QueryParameter(description="Part of the name, in any case", max_length=100)
    ] = None,
    cursor: Annotated[str | None, QueryParameter(max_length=128)] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=100)] = 20,
) -> ScenePage:
    """Return the account's scenes, newest first.

    A scene that exists from the first page to the last is shown exactly once, even if others are added or
    deleted in between. Keep the same filters while you follow a cursor.
    """
    since, until = instant(created_after, "created_after"), instant(created_before, "created_before")
    if since and until and until <= since:
        raise DomainError("range_invalid", "'created_after' must lie before 'created_before'.")
    # One more than requested shows whether there is a next page.
    rows = await scenes.list(
        request.user.account_id,
        limit=limit + 1,
        before=paging.decode(cursor) if cursor else None,
        status=status,
        priority=priority,
        created_after=since,
        created_before=until,
        q=q.replace("\0", "\ufffd") if q else None,
    )
    shown, last = rows[:limit], rows[limit - 1] if len(rows) > limit else None
    return ScenePage(
        items=[await presenter.scene_item(row) for row in shown],
        next_cursor=paging.encode(last.created_at, last.id) if last else None,
    )


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
        export_scene,
        list_exports,
        create_share,
        list_shares,
        scene_events,
    ],
    security=BY_ANY,
    tags=["scenes"],
)
