"""The route of uploads: clients put large photos directly into the store."""

from __future__ import annotations

from litestar import Router, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from bus.blobs import BlobStore
from bus.contract.limits import MAX_PHOTO_BYTES
from gateway.accounts.auth import Caller
from gateway.http.openapi_helpers import BODY_CODES, BY_ANY, KEY_CODES, problems
from gateway.scenes.photo_errors import too_large
from gateway.scenes.schemas import UploadIn, UploadOut
from gateway.scenes.uploads import Uploads
from gateway.settings import Settings


@post(
    "/",
    operation_id="create_upload",
    summary="Get a place to put a photo",
    responses=problems(
        *KEY_CODES,
        "malformed",
        "photo_too_large",
        "uploads_exhausted",
        "validation_failed",
        "rate_limited",
        *BODY_CODES,
    ),
)
async def create_upload(
    request: Caller,
    data: JSONBody[UploadIn],
    settings: NamedDependency[Settings],
    blobs: NamedDependency[BlobStore],
    uploads: NamedDependency[Uploads],
) -> UploadOut:
    """Return a URL that takes one PUT of exactly these bytes and this type, with these headers.

    Then give the `upload_id` to `POST /scenes/generate`. An upload makes one scene; unused ones are removed.
    """
    if data.bytes > MAX_PHOTO_BYTES:
        raise too_large()
    seconds = settings.gateway.upload_seconds
    upload_id, key, until = await uploads.make(
        request.user.account_id, size=data.bytes, media_type=data.media_type, seconds=seconds
    )
    url = await blobs.presign_put(key, size=data.bytes, media_type=data.media_type, seconds=seconds)
    headers = {"Content-Type": data.media_type, "Content-Length": str(data.bytes)}
    return UploadOut(upload_id=upload_id, url=url, method="PUT", headers=headers, expires_at=until)


ROUTER = Router("/uploads", route_handlers=[create_upload], security=BY_ANY, tags=["scenes"])
