"""Exports: a finished scene in another format."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final
from uuid import UUID

import msgspec
from litestar import Response, Router, get, post
from litestar.datastructures import ResponseHeader
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from bus.contract import options as export_options
from bus.contract import splat
from bus.contract.blob_ref import BlobRef
from bus.contract.format_catalogue import FACTS, options_schema
from bus.contract.formats import FORMATS, canonical
from bus.contract.ids import new_id
from bus.contract.messages import ExportScene
from gateway.accounts.auth import Caller
from gateway.accounts.quotas import Quotas
from gateway.errors import DomainError
from gateway.http import paging
from gateway.http.compression import COMPRESSED
from gateway.http.context import trace_of
from gateway.http.openapi_helpers import BY_ANY, KEY_CODES, problems
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
from gateway.scenes.repository import SceneRow, Scenes, key_of
from gateway.scenes.stored_bytes import StoredBytes

_SAME: Final = "Asked for before: this is it."


@post(
    "/{generation_id:uuid}/export",
    operation_id="export_scene",
    status_code=202,
    summary="Convert a scene into another format",
    response_headers=[
        ResponseHeader(
            name="Location", description="Where the export can be looked at", documentation_only=True
        )
    ],
    responses=problems(
        *KEY_CODES,
        "not_found",
        "scene_unfinished",
        "format_unknown",
        "validation_failed",
        "quota_exports",
        "storage_exhausted",
    ),
)
async def export_scene(
    request: Caller,
    *,
    generation_id: FromPath[UUID],
    data: JSONBody[ExportIn],
    scenes: NamedDependency[Scenes],
    exports: NamedDependency[ExportStore],
    account_quotas: NamedDependency[Quotas],
    stored: NamedDependency[StoredBytes],
) -> Response[ExportAcceptedOut]:
    """Accept an export of a completed scene. The answer comes before the file is made.

    The same export of the same scene is made once: a repeated request returns the first, unless it failed.
    """
    name = canonical(data.format)
    if name is None:
        raise DomainError(
            "format_unknown", f"There is no such format; there are: {', '.join(FORMATS)}.", formats=FORMATS
        )
    _check(name, data.options)
    options = export_options.without_defaults(name, data.options)
    account_id = request.user.account_id
    scene = await scenes.get(account_id, generation_id)
    if scene is None:
        raise DomainError("not_found", "You have no scene with this id.")
    made = await exports.same(account_id, generation_id, name, options)
    if made is not None:
        return _answer(made.id, made.status, _SAME)
    command = ExportScene(
        export_id=new_id(),
        generation_id=generation_id,
        account_id=account_id,
        source=_splat(scene),
        format=name,
        requested_at=datetime.now(UTC),
        options=options,
    )
    quota = await account_quotas.of(account_id, request.user.role)
    await stored.require_room(account_id, quota.stored_bytes)
    made = await exports.accept(
        command,
        most_in_flight=quota.max_exports_in_flight,
        api_key_id=request.user.api_key_id,
        trace=trace_of(request),
    )
    if made is not None:
        return _answer(made.id, made.status, _SAME)
    return _answer(command.export_id, "pending", "Accepted. Look at the Location.")


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


def _check(name: str, options: export_options.Options) -> None:
    """Raise `DomainError` validation_failed for options that the format lacks or values out of range."""
    try:
        export_options.read(name, options)
    except export_options.OptionsError as error:
        field = {"field": f"options.{error.details['option']}", "message": error.message}
        raise DomainError("validation_failed", error.message, fields=[field]) from error


def _answer(export_id: UUID, status: str, message: str) -> Response[ExportAcceptedOut]:
    answer = ExportAcceptedOut(export_id=export_id, status=status, message=message)
    return Response(answer, headers={"Location": f"/api/v1/exports/{export_id}"})


def _splat(scene: SceneRow) -> BlobRef:
    """Return the blob reference of the scene's result. Raises `DomainError` scene_unfinished."""
    if scene.status != "completed" or not scene.generated_3d_gaussian_url:
        hint = {"failed": "it failed", "cancelled": "it was cancelled"}.get(
            scene.status, "it is not done yet"
        )
        raise DomainError(
            "scene_unfinished",
            f"Only a completed scene can be exported; {hint}.",
            status=scene.status,
        )
    if scene.result_blob is not None:
        return msgspec.json.decode(scene.result_blob, type=BlobRef)
    # Written by an older release, which stored the reference in parts and without its media type.
    result = msgspec.json.decode(scene.metadata or "{}")["result"]
    return BlobRef(
        key=key_of(scene.generated_3d_gaussian_url),
        sha256=result["sha256"],
        bytes=result["bytes"],
        media_type=splat.MEDIA_TYPE,
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


FORMATS_ROUTER = Router("/export-formats", route_handlers=[list_formats], tags=["exports"])
ROUTER = Router("/exports", route_handlers=[get_export], security=BY_ANY, tags=["exports"])
