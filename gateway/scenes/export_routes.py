"""Exports: a finished scene in another format."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

import msgspec
from litestar import Response, Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from bus.contract.format_catalogue import FACTS, options_schema
from gateway.accounts.auth import Caller
from gateway.errors import DomainError
from gateway.http import paging
from gateway.http.compression import COMPRESSED
from gateway.http.context import trace_of
from gateway.http.openapi_helpers import BODY_CODES, BY_ANY, KEY_CODES, PUBLIC, header, problems
from gateway.scenes.export_orders import ExportOrders, Wanted
from gateway.scenes.export_schemas import (
    ExportAcceptedOut,
    ExportIn,
    ExportOut,
    ExportPage,
    FormatList,
    FormatOut,
)
from gateway.scenes.exports import ExportStore
from gateway.scenes.presenter import Presenter
from gateway.scenes.repository import Scenes


@post(
    "/{generation_id:uuid}/export",
    operation_id="export_scene",
    status_code=202,
    summary="Convert a scene into another format",
    response_headers=[header("Location", "Where the export can be looked at")],
    responses=problems(
        *KEY_CODES,
        "not_found",
        "scene_unfinished",
        "result_erased",
        "format_unknown",
        "validation_failed",
        "quota_exports",
        "storage_exhausted",
        *BODY_CODES,
    ),
)
async def export_scene(
    request: Caller,
    *,
    generation_id: FromPath[UUID],
    data: JSONBody[ExportIn],
    export_orders: NamedDependency[ExportOrders],
) -> Response[ExportAcceptedOut]:
    """Accept an export of a completed scene. The answer comes before the file is made.

    The same export of the same scene is made once: a repeated request returns the first, unless it failed
    or its file was erased.
    """
    wanted = Wanted.of(data.format, data.options)
    made = await export_orders.order(request.user, generation_id, wanted, trace_of(request))
    message = "Asked for before: this is it." if made.repeated else "Accepted. Look at the Location."
    answer = ExportAcceptedOut(export_id=made.id, status=made.status, message=message)
    return Response(answer, headers={"Location": f"/api/v1/exports/{made.id}"})


@get(
    "/{export_id:uuid}",
    operation_id="get_export",
    summary="Look at an export",
    responses=problems(*KEY_CODES, "not_found"),
)
async def get_export(
    request: Caller,
    export_id: FromPath[UUID],
    exports: NamedDependency[ExportStore],
    presenter: NamedDependency[Presenter],
) -> ExportOut:
    """Return one export, with a fresh presigned URL once it is completed."""
    row = await exports.get(request.user.account_id, export_id)
    if row is None:
        raise DomainError("not_found", "You have no export with this id.")
    return await presenter.export_out(row)


@get(
    "/{generation_id:uuid}/exports",
    operation_id="list_exports",
    summary="List a scene's exports",
    responses=problems(*KEY_CODES, "not_found", "cursor_invalid", "validation_failed"),
)
async def list_exports(
    request: Caller,
    *,
    generation_id: FromPath[UUID],
    scenes: NamedDependency[Scenes],
    exports: NamedDependency[ExportStore],
    presenter: NamedDependency[Presenter],
    cursor: Annotated[str | None, QueryParameter(max_length=128)] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=100)] = 20,
) -> ExportPage:
    """Return the exports of one scene, newest first."""
    before, account_id = paging.decode(cursor) if cursor else None, request.user.account_id
    if await scenes.get(account_id, generation_id) is None:
        raise DomainError("not_found", "You have no scene with this id.")
    rows = await exports.of_scene(account_id, generation_id, before=before, limit=limit + 1)
    shown, last = rows[:limit], rows[limit - 1] if len(rows) > limit else None
    return ExportPage(
        items=[await presenter.export_out(row) for row in shown],
        next_cursor=paging.encode(last.created_at, last.id) if last else None,
    )


@get(
    "/",
    operation_id="list_all_exports",
    summary="List your exports",
    responses=problems(*KEY_CODES, "cursor_invalid", "validation_failed"),
)
async def list_all_exports(
    request: Caller,
    *,
    exports: NamedDependency[ExportStore],
    presenter: NamedDependency[Presenter],
    status: FromQuery[Literal["pending", "processing", "completed", "failed"] | None] = None,
    cursor: Annotated[str | None, QueryParameter(max_length=128)] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=100)] = 20,
) -> ExportPage:
    """Return the exports of all your scenes, newest first, with fresh presigned URLs."""
    before = paging.decode(cursor) if cursor else None
    rows = await exports.of_account(request.user.account_id, status=status, before=before, limit=limit + 1)
    shown, last = rows[:limit], rows[limit - 1] if len(rows) > limit else None
    return ExportPage(
        items=[await presenter.export_out(row) for row in shown],
        next_cursor=paging.encode(last.created_at, last.id) if last else None,
    )


@get(
    "/",
    operation_id="list_export_formats",
    middleware=[COMPRESSED],
    summary="List export formats",
    sync_to_thread=False,
)
def list_formats() -> FormatList:
    """Return the formats that a scene can be exported to, and the options of each."""
    return FormatList(
        items=[
            FormatOut(**msgspec.structs.asdict(facts) | {"name": name, "options": options_schema(name)})
            for name, facts in FACTS.items()
        ]
    )


FORMATS_ROUTER = Router("/export-formats", route_handlers=[list_formats], security=PUBLIC, tags=["exports"])
ROUTER = Router("/exports", route_handlers=[get_export, list_all_exports], security=BY_ANY, tags=["exports"])
