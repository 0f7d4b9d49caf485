"""The routes of shares: links that show one scene without an account."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Request, Router, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from gateway.accounts.auth import Caller
from gateway.accounts.rate_limits import Policy, RateLimits, refused
from gateway.errors import DomainError
from gateway.http.client_address import subject_of
from gateway.http.context import trace_of
from gateway.http.openapi_helpers import BODY_CODES, BY_ANY, KEY_CODES, PUBLIC, problems
from gateway.http.rate_limit_headers import rate_limit_headers
from gateway.scenes.presenter import Presenter
from gateway.scenes.repository import Scenes
from gateway.scenes.share_links import Links
from gateway.scenes.share_schemas import ShareCreatedOut, SharedOut, ShareIn, ShareList, ShareOut
from gateway.scenes.shares import OpenedShare, ShareOptions, ShareRow, Shares
from gateway.scenes.views import Views
from gateway.settings import Settings

BY_ADDRESS: Final = Policy(name="shared-address", quota=600, per_s=600)
"""Enough for a classroom behind one address; limits guessing of tokens, which have 256 bits."""


@post(
    "/{generation_id:uuid}/shares",
    operation_id="create_share",
    summary="Share a scene",
    responses=problems(
        *KEY_CODES,
        "not_found",
        "scene_unfinished",
        "result_erased",
        "shares_exhausted",
        "validation_failed",
        *BODY_CODES,
    ),
)
async def create_share(
    request: Caller,
    generation_id: FromPath[UUID],
    data: JSONBody[ShareIn],
    settings: NamedDependency[Settings],
    shares: NamedDependency[Shares],
) -> ShareCreatedOut:
    """Make a link that shows a completed scene without an account, until it expires.

    It shows the scene, its name, its size and, unless you hide it, the photo, never the file that was sent.
    A share that an API key makes lasts 30 days at most, and no longer than the key.
    """
    share, token = await shares.make(
        request.user.account_id,
        generation_id,
        lasting=timedelta(hours=data.expires_in_hours),
        options=ShareOptions(
            show_photo=data.show_photo,
            allow_download=data.allow_download,
            embed_origins=data.embed_origins,
        ),
        api_key_id=request.user.api_key_id,
    )
    shown = _out(share, Links(settings.gateway.public_url), token)
    return ShareCreatedOut(**msgspec.structs.asdict(shown), token=token)


@get(
    "/{generation_id:uuid}/shares",
    operation_id="list_shares",
    summary="List a scene's shares",
    responses=problems(*KEY_CODES, "not_found"),
)
async def list_shares(
    request: Caller,
    generation_id: FromPath[UUID],
    scenes: NamedDependency[Scenes],
    shares: NamedDependency[Shares],
    settings: NamedDependency[Settings],
) -> ShareList:
    """Return the live shares of a scene, newest first.

    An API key gets the links of those shares that it has made itself, which end with it.
    """
    if await scenes.get(request.user.account_id, generation_id) is None:
        raise DomainError("not_found", "You have no scene with this id.")
    found, own, links = (
        await shares.of_scene(generation_id),
        request.user.api_key_id,
        Links(settings.gateway.public_url),
    )
    tokens = await shares.tokens([row for row in found if own is None or row.api_key_id == own])
    return ShareList(items=[_out(row, links, tokens.get(row.id)) for row in found])


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
    responses=problems("not_found", "result_erased", "validation_failed", "rate_limited"),
)
async def open_share(
    request: Request[Any, Any, Any],
    *,
    token: FromPath[str],
    shares: NamedDependency[Shares],
    limits: NamedDependency[RateLimits],
    presenter: NamedDependency[Presenter],
    views: NamedDependency[Views],
    again: Annotated[bool, QueryParameter(description="Not counted: the same viewer asks again")] = False,
) -> SharedOut:
    """Return the scene of a share. No credentials are needed: the token is enough.

    The first look has its picture and its file for viewers made; look again within seconds, with `again`.
    """
    found = await opened(request, token, shares, limits)
    if not again:
        shares.count(found.id)
    await views.order_missing(found.scene, trace_of(request))
    return await presenter.shared_out(found)


async def require_room(request: Request[Any, Any, Any], limits: RateLimits) -> None:
    """Count one opening by the caller's address. Raises `DomainError` rate_limited."""
    allowance = await limits.take(BY_ADDRESS, subject_of(request.client))
    if not allowance.allowed:
        raise refused(allowance, "rate_limited", "This address has opened many shares")
    trace_of(request).headers |= rate_limit_headers(allowance)


async def opened(
    request: Request[Any, Any, Any], token: str, shares: Shares, limits: RateLimits
) -> OpenedShare:
    """Return what the token shows, within the limit of the caller's address.

    Raises `DomainError` not_found, result_erased, rate_limited.
    """
    await require_room(request, limits)
    found = await shares.open(token)
    if found is None:
        raise DomainError("not_found", "There is no such share; it may have expired or been ended.")
    if found.scene.result_erased_at is not None:
        raise DomainError("result_erased", "The shared scene is gone: its owner keeps it no longer.")
    return found


def _out(share: ShareRow, links: Links, token: str | None) -> ShareOut:
    return ShareOut(
        id=share.id,
        scene_generation_id=share.scene_generation_id,
        url=token and links.page(token),
        embed_html=token and links.frame(token),
        created_at=share.created_at,
        expires_at=share.expires_at,
        show_photo=share.show_photo,
        allow_download=share.allow_download,
        embed_origins=list(share.embed_origins),
        opened=share.opened,
    )


OF_SCENES = Router("/scenes", route_handlers=[create_share, list_shares], security=BY_ANY, tags=["shares"])
ROUTER = Router("/shares", route_handlers=[delete_share], security=BY_ANY, tags=["shares"])
SHARED = Router("/shared", route_handlers=[open_share], security=PUBLIC, tags=["shares"])
