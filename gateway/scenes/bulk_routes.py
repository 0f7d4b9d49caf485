"""The routes of several scenes at once: one action on all, and their files as one archive."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from litestar import Request, Router, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, JSONBody
from litestar.response import Stream

from bus import presign
from bus.contract.formats import FORMATS, canonical
from gateway.accounts.auth import Caller
from gateway.accounts.rate_limits import RateLimits
from gateway.errors import DomainError
from gateway.http import stored_zip
from gateway.http.client_address import subject_of
from gateway.http.context import trace_of
from gateway.http.openapi_helpers import BODY_CODES, BY_ANY, KEY_CODES, PUBLIC, problems
from gateway.operations.blob_deletion import Removals
from gateway.scenes.archives import RESULT, Archives, Packed
from gateway.scenes.bulk import Bulk, Outcome
from gateway.scenes.bulk_schemas import ArchiveIn, ArchiveOut, BulkIn, BulkItem, BulkOut, LeftOut
from gateway.scenes.export_orders import Wanted
from gateway.scenes.owner_notes import tags_of
from gateway.scenes.share_links import Links
from gateway.scenes.share_routes import BY_ADDRESS
from gateway.settings import Settings

ZIP: Final = {
    200: ResponseSpec(
        bytes, generate_examples=False, media_type=stored_zip.MEDIA_TYPE, description="The archive"
    )
}


@post(
    "/bulk",
    operation_id="change_scenes",
    status_code=200,
    summary="Do the same to several scenes",
    responses=problems(*KEY_CODES, "format_unknown", "validation_failed", *BODY_CODES),
)
async def change_scenes(
    request: Caller,
    data: JSONBody[BulkIn],
    bulk: NamedDependency[Bulk],
    removals: NamedDependency[Removals],
) -> BulkOut:
    """Delete, tag, mark or export up to 100 scenes.

    Each scene has an outcome of its own, with the codes that the request for it alone would have. Sent again,
    a request changes nothing more; an export that was refused by a quota is to be sent again in a while.
    """
    scenes, account_id = list(dict.fromkeys(data.scene_ids)), request.user.account_id
    match data.action:
        case "delete":
            found = await bulk.delete(account_id, scenes, trace_of(request))
            removals.wake()
        case "tag" | "untag":
            tags = tags_of(data.tags)
            if not tags:
                raise _missing("tags", "Name the tags.")
            found = await (bulk.tag if data.action == "tag" else bulk.untag)(account_id, scenes, tags)
        case "favourite" | "unfavourite":
            found = await bulk.mark(account_id, scenes, favourite=data.action == "favourite")
        case "export":
            if data.format is None:
                raise _missing("format", "Name the format.")
            wanted = Wanted.of(data.format, data.options)
            found = await bulk.export(request.user, scenes, wanted, trace_of(request))
    items = [_item(each) for each in found]
    done = sum(each.done for each in items)
    return BulkOut(items=items, done=done, failed=len(items) - done)


@post(
    "/archive",
    operation_id="create_archive",
    status_code=200,
    summary="Pack several scenes' files",
    responses=problems(
        *KEY_CODES,
        "nothing_to_pack",
        "archive_too_large",
        "format_unknown",
        "validation_failed",
        *BODY_CODES,
    ),
)
async def create_archive(
    request: Caller,
    data: JSONBody[ArchiveIn],
    archives: NamedDependency[Archives],
    settings: NamedDependency[Settings],
) -> ArchiveOut:
    """Return a link to a zip of the splats, or of the newest exports in a format, of up to 100 scenes.

    The files are stored in it as they are, 4 GiB at most. The link needs no credentials and is good for 15
    minutes. What is not there is left out: export it first.
    """
    name = RESULT if data.format == RESULT else canonical(data.format)
    if name is None:
        raise DomainError(
            "format_unknown", f"There is no such format; there are: result, {', '.join(FORMATS)}."
        )
    packed = Packed(
        account_id=request.user.account_id, format=name, scenes=list(dict.fromkeys(data.scene_ids))
    )
    contents = await archives.contents(packed)
    ticket, until = archives.ticket(packed)
    return ArchiveOut(
        url=f"{Links(settings.gateway.public_url).base}/api/v1/archives/{ticket}",
        name=_name_of_today(),
        files=len(contents.members),
        bytes=stored_zip.length(contents.members),
        left_out=[_left_out(each, name) for each in contents.missing],
        expires_at=until,
    )


@get(
    "/{ticket:str}",
    operation_id="download_archive",
    summary="Download an archive",
    media_type=stored_zip.MEDIA_TYPE,
    responses=problems("not_found", "nothing_to_pack", "archive_too_large", "rate_limited", "busy") | ZIP,
)
async def download_archive(
    request: Request[Any, Any, Any],
    ticket: FromPath[str],
    archives: NamedDependency[Archives],
    limits: NamedDependency[RateLimits],
) -> Stream:
    """Return the archive of a link. It is made while it is sent: a cut download cannot be resumed."""
    await limits.require(BY_ADDRESS, subject_of(request.client), "This address has looked at many links")
    packed = archives.read(ticket)
    return await download(archives, packed, _name_of_today())


async def download(archives: Archives, packed: Packed, name: str) -> Stream:
    """Return an archive as a download of this name. Raises `DomainError` while the account has its turns."""
    archives.require_turn(packed.account_id)
    contents = await archives.contents(packed)
    length = stored_zip.length(contents.members)
    return Stream(
        archives.stream(packed.account_id, contents.members),
        media_type=stored_zip.MEDIA_TYPE,
        headers={"Content-Disposition": presign.disposition(name), "Content-Length": str(length)},
    )


def _item(outcome: Outcome) -> BulkItem:
    error = outcome.error
    return BulkItem(
        id=outcome.id,
        done=error is None,
        export_id=outcome.export_id,
        code=None if error is None else error.code,
        message=None if error is None else error.message,
    )


def _left_out(scene: UUID, name: str) -> LeftOut:
    if name == RESULT:
        return LeftOut(id=scene, code="scene_unfinished", message="It has no splat, or none any more.")
    return LeftOut(id=scene, code="export_missing", message=f"It has no export as {name}; make one first.")


def _name_of_today() -> str:
    return f"sharpstream-{datetime.now(UTC):%Y-%m-%d}.zip"


def _missing(field: str, message: str) -> DomainError:
    return DomainError("validation_failed", message, fields=[{"field": field, "message": message}])


OF_SCENES = Router(
    "/scenes", route_handlers=[change_scenes, create_archive], security=BY_ANY, tags=["scenes"]
)
ARCHIVES = Router("/archives", route_handlers=[download_archive], security=PUBLIC, tags=["scenes"])
