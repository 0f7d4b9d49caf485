"""The routes of shares: links that show one scene without an account."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Request, Router, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from gateway.accounts.auth import Caller
from gateway.accounts.rate_limits import Policy, RateLimits, refused
from gateway.errors import DomainError
from gateway.http.client_address import subject_of
from gateway.http.context import trace_of
from gateway.http.openapi_helpers import BY_ANY, KEY_CODES, problems
from gateway.http.rate_limit_headers import rate_limit_headers
from gateway.scenes.presenter import Presenter
from gateway.scenes.repository import Scenes
from gateway.scenes.share_schemas import ShareCreatedOut, SharedOut, ShareIn, ShareList, ShareOut
from gateway.scenes.shares import ShareRow, Shares
from gateway.settings import Settings

BY_ADDRESS: Final = Policy(name="shared-address", quota=600, per_s=600)
"""Enough for a classroom behind one address; limits guessing of tokens, which have 256 bits."""


@post(
    "/{generation_id:uuid}/shares",
    operation_id="create_share",
    summary="Share a scene",
    tags=["shares"],
    responses=problems(*KEY_CODES, "not_found", "scene_unfinished", "shares_exhausted", "validation_failed"),
)
async def create_share(
    request: Caller,
    generation_id: FromPath[UUID],
    data: JSONBody[ShareIn],
    settings: NamedDependency[Settings],
    shares: NamedDependency[Shares],
) -> ShareCreatedOut:
    """Make a link that shows a completed scene without an account, until it expires.

    It shows the scene, its name, its size and the photo, never the file that was sent. A share that an API
    key makes lasts 30 days at most, and no longer than the key.
    """
    lasting = timedelta(hours=data.expires_in_hours)
    share, token = await shares.make(
        request.user.account_id, generation_id, lasting=lasting, api_key_id=request.user.api_key_id
    )
    base = settings.gateway.public_url.rstrip("/")
    return ShareCreatedOut(**msgspec.structs.asdict(_out(share)), token=token, url=f"{base}/s/{token}")


@get(
    "/{generation_id:uuid}/shares",
    operation_id="list_shares",
    summary="List a scene's shares",
    tags=["shares"],
    responses=problems(*KEY_CODES, "not_found"),
)
async def list_shares(
    request: Caller,
    generation_id: FromPath[UUID],
    scenes: NamedDependency[Scenes],
    shares: NamedDependency[Shares],
) -> ShareList:
    """Return the live shares of a scene, newest first, without their tokens."""
    if await scenes.get(request.user.account_id, generation_id) is None:
        raise DomainError("not_found", "You have no scene with this id.")
    return ShareList(items=[_out(row) for row in await shares.of_scene(generation_id)])


@delete(
    "/{share_id:uuid}",
    operation_id="delete_share",
    summary="End a share",
    responses=problems(*KEY_CODES, "not_found"),
)
async def delete_share(request: Caller, share_id: FromPath[UUID], shares: NamedDependency[Shares]) -> None:
    """End a share at once. URLs of files that it has already given out stay valid for up to an hour."""
    if not await shares.end(request.user.account_id, share_id):
        raise DomainError("not_found", "You have no share with this id.")


@get(
    "/{token:str}",
    operation_id="open_share",
    summary="Look at a shared scene",
    responses=problems("not_found", "rate_limited"),
)
async def open_share(
    request: Request[Any, Any, Any],
    token: FromPath[str],
    shares: NamedDependency[Shares],
    limits: NamedDependency[RateLimits],
    presenter: NamedDependency[Presenter],
) -> SharedOut:
    """Return the scene of a share. No credentials are needed: the token is enough."""
    allowance = await limits.take(BY_ADDRESS, subject_of(request.client))
    if not allowance.allowed:
        raise refused(allowance, "rate_limited", "This address has looked at many shares")
    trace_of(request).headers |= rate_limit_headers(allowance)
    found = await shares.open(token)
    if found is None:
        raise DomainError("not_found", "There is no such share; it may have expired or been ended.")
    return await presenter.shared_out(*found)


def _out(share: ShareRow) -> ShareOut:
    return ShareOut(
        id=share.id,
        scene_generation_id=share.scene_generation_id,
        created_at=share.created_at,
        expires_at=share.expires_at,
    )


ROUTER = Router("/shares", route_handlers=[delete_share], security=BY_ANY, tags=["shares"])
SHARED = Router("/shared", route_handlers=[open_share], tags=["shares"])
