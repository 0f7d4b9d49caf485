"""What waits and who works, for admins."""

from __future__ import annotations

from typing import Annotated, Final

from litestar import Router, get
from litestar.di import NamedDependency
from msgspec import Meta, Struct

from gateway.http.fields import Email, Id, Moment
from gateway.http.openapi_helpers import BY_PERSON, SIGN_IN_CODES, problems
from gateway.scenes.queue_overview import QueueOverview

_CODES: Final = (*SIGN_IN_CODES, "sign_in_required", "role_insufficient")


class WaitingOut(Struct, frozen=True, kw_only=True):
    """Jobs that wait and that are at work; ``oldest``: when the one that waits longest was asked for."""

    priority: Annotated[
        str, Meta(pattern="^(interactive|bulk|exports)$", description="`exports`: all of them")
    ]
    waiting: int
    processing: int
    oldest: Moment | None


class AccountQueueOut(Struct, frozen=True, kw_only=True):
    """Generations in flight of an account; ``held``: those of its bulk ones that wait for its others."""

    account_id: Id
    email: Email
    interactive: int
    bulk: int
    held: int
    oldest: Moment


class ModelUseOut(Struct, frozen=True, kw_only=True):
    """What made scenes in the last hour, of the last 500."""

    name: str | None
    device: str | None
    scenes: int
    last_at: Moment


class QueueStateOut(Struct, frozen=True, kw_only=True):
    """The queue at one time. ``workers``: the names of those that live; null while Kafka does not answer.

    ``accounts``: the 20 with most in flight.
    """

    at: Moment
    waiting: list[WaitingOut]
    accounts: list[AccountQueueOut]
    workers: list[str] | None
    models: list[ModelUseOut]


@get(
    "/admin/queue",
    operation_id="queue",
    summary="What waits, and who works",
    security=BY_PERSON,
    tags=["admin"],
    responses=problems(*_CODES),
)
async def queue(queue_overview: NamedDependency[QueueOverview]) -> QueueStateOut:
    """Return what waits by priority and account, the workers and the models of late; up to 5 seconds old."""
    found = await queue_overview.read()
    return QueueStateOut(
        at=found.at,
        waiting=[
            WaitingOut(
                priority=each.priority, waiting=each.waiting, processing=each.processing, oldest=each.oldest
            )
            for each in found.waiting
        ],
        accounts=[
            AccountQueueOut(
                account_id=each.account_id,
                email=each.email,
                interactive=each.interactive,
                bulk=each.bulk,
                held=each.held,
                oldest=each.oldest,
            )
            for each in found.accounts
        ],
        workers=found.workers,
        models=[
            ModelUseOut(name=each.name, device=each.device, scenes=each.scenes, last_at=each.last_at)
            for each in found.models
        ],
    )


ROUTER = Router("/", route_handlers=[queue])
