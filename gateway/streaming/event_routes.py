"""The account's events: the same log as a live stream, and as pages of JSON for polling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final, get_args

from litestar import Response, Router, get
from litestar.di import NamedDependency
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, Operation, Schema
from litestar.params import QueryParameter

from bus.contract.messages import Event, Progress
from gateway.accounts.auth import Caller
from gateway.accounts.principal import Principal
from gateway.errors import DomainError
from gateway.http.openapi_helpers import BY_ANY, problems
from gateway.streaming import event
from gateway.streaming.cursor import BEGINNING, Position, partition_of, text_of
from gateway.streaming.routes import STREAM_CODES, After, LastEventId
from gateway.streaming.schemas import EventsOut
from gateway.streaming.sse_response import EventStream, Following
from gateway.streaming.stream_opener import StreamOpener
from gateway.streaming.subscriber import Wanted

KNOWN: Final = tuple(str(kind.__struct_config__.tag) for kind in (*get_args(Event), *get_args(Progress)))
"""The types that an account can see."""


@dataclass
class EventsOperation(Operation):
    """An operation that also answers with a stream."""

    def __post_init__(self) -> None:
        """Add the stream to the response that Litestar describes."""
        answers: dict[str, Any] = dict(self.responses or {})
        if "200" in answers:
            text = Schema(type=OpenAPIType.STRING, description="Server-Sent Events, without an end")
            answers["200"].content[event.MEDIA_TYPE] = OpenAPIMediaType(schema=text)


@get(
    "/events",
    operation_id="events",
    summary="Follow all events of the account, or read them page by page",
    operation_class=EventsOperation,
    responses=problems(*STREAM_CODES, "types_invalid", "validation_failed"),
)
async def events(
    request: Caller,
    streams: NamedDependency[StreamOpener],
    *,
    last_event_id: LastEventId = None,
    after: After = None,
    types: Annotated[
        str | None,
        QueryParameter(
            max_length=1000,
            description="Only these, comma-separated: `generation.completed.v1,export.failed.v1`",
        ),
    ] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=500, description="Events a page; not for a stream")] = 100,
) -> Response[EventsOut]:
    """Return the account's events in order, each once.

    With `Accept: text/event-stream` as endless Server-Sent Events: from now on, or after the event that
    Last-Event-ID or `after` names; `after=0` begins with the oldest. Otherwise as JSON: from the oldest
    event, or after the one that `after` names; send `next_cursor` as `after` to continue, also when the page
    was empty. The cursors of both are the same, on every gateway.
    """
    wanted = _types(types)
    given = last_event_id or after
    if _wants_stream(request):
        return await _live(streams, request.user, given, wanted)  # type: ignore[return-value]
    return await _page(streams, request.user, given, wanted, limit)


def _wants_stream(request: Caller) -> bool:
    offered = request.headers.getall("accept", ["*/*"])
    return any(
        part.strip().lower().startswith(event.MEDIA_TYPE) for line in offered for part in line.split(",")
    )


async def _live(
    streams: StreamOpener, who: Principal, given: str | None, types: frozenset[str] | None
) -> EventStream:
    hub, beginning = streams.hub, None
    if given:
        after = await streams.position(who.account_id, given)
    else:
        await streams.wait_until_ready()
        after = hub.now(who.account_id)
        beginning = text_of(after, partition_of(who.account_id, hub.partitions))
    wanted = Wanted(
        account_id=who.account_id, types=types, api_key_id=who.api_key_id, session_id=who.session_id
    )

    async def page(seen: Position) -> tuple[list[event.StreamEvent], Position]:
        found, projected = await streams.history.of_account(
            who.account_id, seen, types=None if types is None else sorted(types)
        )
        return list(found), projected

    following = Following(wanted=wanted, after=after, page=page, position=beginning)
    return await streams.open(who, following)


async def _page(
    streams: StreamOpener, who: Principal, given: str | None, types: frozenset[str] | None, limit: int
) -> Response[EventsOut]:
    after = await streams.position(who.account_id, given) if given else BEGINNING
    found, projected = await streams.history.of_account(
        who.account_id, after, types=None if types is None else sorted(types), limit=limit
    )
    # No event up to here can still appear; the ledger has not written the later ones yet.
    complete = (projected[0], projected[1] - 1)
    last = found[-1].cursor.position if found and found[-1].cursor else after
    partition = partition_of(who.account_id, streams.hub.partitions)
    following = text_of(max(after, last, complete), partition)
    body = b"".join(
        [b'{"events":[', b",".join(e.body_json for e in found), f'],"next_cursor":"{following}"}}'.encode()]
    )
    return Response(body, media_type="application/json")  # type: ignore[arg-type]


def _types(given: str | None) -> frozenset[str] | None:
    if given is None:
        return None
    names = frozenset(name.strip() for name in given.split(","))
    if unknown := sorted(names - set(KNOWN)):
        raise DomainError(
            "types_invalid",
            f"There is no type {', '.join(map(repr, unknown))}; see details.known.",
            known=KNOWN,
        )
    return names


ROUTER = Router("/", route_handlers=[events], security=BY_ANY, tags=["events"])
