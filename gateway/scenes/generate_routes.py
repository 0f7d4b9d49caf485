"""The route that accepts a photo: as a form, from a URL or from an upload."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from litestar import Response, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter

from gateway.accounts.auth import Caller
from gateway.errors import DomainError
from gateway.http.context import trace_of
from gateway.http.openapi_helpers import KEY_CODES, header, problems
from gateway.scenes import wait_for_scene
from gateway.scenes.accept import Acceptor
from gateway.scenes.generate_operation import GenerateOperation
from gateway.scenes.generate_request import GenerateRequest
from gateway.scenes.idempotency import well_formed
from gateway.scenes.schemas import EndedOut, GenerateIn, GenerateOut
from gateway.scenes.upload_form import read_form
from gateway.scenes.upload_memory import Budget, Held
from gateway.scenes.wait_for_scene import SceneWaiter

_JSON: Final = "application/json"
_read: Final = msgspec.json.Decoder(GenerateIn)


@post(
    "/generate",
    operation_id="generate_scene",
    status_code=202,
    summary="Turn a photo into a 3D scene",
    operation_class=GenerateOperation,
    response_headers=[
        header("Location", "Where the scene can be looked at"),
        header("Preference-Applied", "`wait=N` where the answer was held as preferred"),
    ],
    responses=problems(
        "upload_malformed",
        *KEY_CODES,
        "account_inactive",
        "not_found",
        "idempotency_in_progress",
        "upload_used",
        "upload_expired",
        "upload_missing",
        "photo_too_large",
        "metadata_too_large",
        "request_too_large",
        "unsupported_media_type",
        "validation_failed",
        "source_invalid",
        "idempotency_key_invalid",
        "idempotency_key_reused",
        "url_refused",
        "url_failed",
        "photo_missing",
        "photo_empty",
        "photo_truncated",
        "photo_too_small",
        "photo_too_many_pixels",
        "photo_too_complex",
        "photo_unreadable",
        "field_unknown",
        "field_repeated",
        "metadata_invalid",
        "focal_length_invalid",
        "priority_invalid",
        "delete_after_hours_invalid",
        "quota_in_flight",
        "rate_limited",
        "busy",
        "body_too_slow",
        "storage_exhausted",
    )
    | {
        200: ResponseSpec(EndedOut, generate_examples=False, description="It ended while the answer was held")
    },
)
async def generate(
    request: Caller,
    *,
    budget: NamedDependency[Budget],
    scene_waiter: NamedDependency[SceneWaiter],
    acceptor: NamedDependency[Acceptor],
    idempotency_key: Annotated[
        str | None,
        HeaderParameter(
            name="Idempotency-Key",
            description="Of your own making: the same request with it makes one scene, for 24 hours",
        ),
    ] = None,
    prefer: Annotated[
        str | None,
        HeaderParameter(
            name="Prefer",
            description="`wait=N`: answer 200 with the scene if it ends within N seconds; `wait`: within 60",
        ),
    ] = None,
) -> Response[GenerateOut]:
    """Accept a photo. The answer comes once photo and request are stored, long before the scene is made.

    Send it as a form; or as JSON with an `image_url`, which is fetched before the answer, or an `upload_id`.
    """
    key = None if idempotency_key is None else well_formed(idempotency_key)
    async with budget.of(request.user.account_id) as held:
        wanted = await _read_request(request, key, held)
        generation_id = await acceptor.accept(request.user, wanted, trace_of(request), held.charge)
        del wanted
    headers = {"Location": f"/api/v1/scenes/{generation_id}"}
    seconds = wait_for_scene.requested_seconds(prefer)
    if seconds is not None:
        headers["Preference-Applied"] = f"wait={seconds}"
        scene = await scene_waiter.wait(request.user.account_id, generation_id, seconds)
        if scene is not None:
            # The annotation describes the 202 alone, and `responses` this one.
            ended: Any = EndedOut(**msgspec.structs.asdict(scene), generation_id=scene.id)
            return Response(ended, status_code=200, headers=headers)
    answer = GenerateOut(
        generation_id=generation_id,
        status="pending",
        message="Accepted. Look at the Location, or follow it live at Location + '/events'.",
    )
    return Response(answer, headers=headers)


def _is_form(request: Caller) -> bool:
    return request.content_type[0] != _JSON


async def _read_request(request: Caller, key: str | None, held: Held) -> GenerateRequest:
    """Read the form or the JSON body. Raises `DomainError`."""
    if _is_form(request):
        return GenerateRequest.from_form(await read_form(request, held.charge), idempotency_key=key)
    try:
        body = _read.decode(await request.body())
    except msgspec.ValidationError as error:
        raise DomainError("validation_failed", f"The body is not valid: {error}.") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise DomainError("malformed", "The body is not valid JSON.") from error
    return GenerateRequest.from_json(body, idempotency_key=key)
