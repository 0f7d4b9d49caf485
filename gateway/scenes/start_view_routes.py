"""The route of start views: from where a scene is seen at first."""

from __future__ import annotations

from uuid import UUID

from litestar import Router, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from gateway.accounts.auth import Caller
from gateway.http.openapi_helpers import BODY_CODES, BY_ANY, KEY_CODES, problems
from gateway.scenes.schemas import StartView
from gateway.scenes.start_views import StartViews


@put(
    "/{generation_id:uuid}/start-view",
    operation_id="set_start_view",
    summary="Save a scene's start view",
    responses=problems(*KEY_CODES, "not_found", "validation_failed", *BODY_CODES),
)
async def set_start_view(
    request: Caller,
    generation_id: FromPath[UUID],
    data: JSONBody[StartView],
    start_views: NamedDependency[StartViews],
) -> StartView:
    """Save from where the scene is seen at first: on its page, by its shares, and in other pages.

    Zeros are where the photo was taken, which is the start of every scene until another is saved. Viewers
    look at the middle of the scene, and stay within what one photo can show.
    """
    await start_views.save(request.user.account_id, generation_id, data)
    return data


ROUTER = Router("/scenes", route_handlers=[set_start_view], security=BY_ANY, tags=["scenes"])
