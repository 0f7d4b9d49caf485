"""Routes that list webhook deliveries and send events again."""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter

from gateway.accounts.auth import Caller
from gateway.errors import DomainError
from gateway.http import paging
from gateway.http.openapi_helpers import KEY_CODES, problems
from gateway.http.query_times import FORMAT, LONGEST, instant
from gateway.streaming.cursor import BEGINNING
from gateway.streaming.routes import CURSOR_CODES
from gateway.streaming.stream_opener import StreamOpener
from gateway.webhooks.redelivery import Sending
from gateway.webhooks.repository import DeliveryRow, Webhooks
from gateway.webhooks.schemas import DeliveryOut, DeliveryPage, DeliveryState, ReplayOut


@get(
    "/{webhook_id:uuid}/deliveries",
    operation_id="list_deliveries",
    summary="List what was sent to a webhook",
    responses=problems(*KEY_CODES, "not_found", "cursor_invalid", "validation_failed"),
)
async def list_deliveries(
    request: Caller,
    webhook_id: FromPath[UUID],
    webhooks: NamedDependency[Webhooks],
    *,
    status: FromQuery[DeliveryState | None] = None,
    cursor: Annotated[str | None, QueryParameter(max_length=128)] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=200)] = 50,
) -> DeliveryPage:
    """Return deliveries, newest first, with the receiver's last response. Ended ones are kept for 30 days."""
    rows = await webhooks.deliveries(
        request.user.account_id,
        webhook_id,
        state=status,
        before=paging.decode(cursor) if cursor else None,
        limit=limit + 1,
    )
    last = rows[limit - 1] if len(rows) > limit else None
    return DeliveryPage(
        items=[_out(row) for row in rows[:limit]],
        next_cursor=paging.encode(last.created_at, last.id) if last else None,
    )


@post(
    "/deliveries/{delivery_id:uuid}/redeliver",
    operation_id="redeliver",
    status_code=202,
    summary="Send an event again",
    responses=problems(*KEY_CODES, "not_found", "webhook_disabled"),
)
async def redeliver(
    request: Caller,
    delivery_id: FromPath[UUID],
    webhooks: NamedDependency[Webhooks],
    sending: NamedDependency[Sending],
) -> DeliveryOut:
    """Send the event of a delivery once more, as a new delivery with the same `webhook-id`."""
    account_id = request.user.account_id
    return _out(await webhooks.delivery(account_id, await sending.again(account_id, delivery_id)))


@post(
    "/{webhook_id:uuid}/test",
    operation_id="test_webhook",
    status_code=202,
    summary="Send a test event",
    responses=problems(*KEY_CODES, "not_found", "webhook_disabled"),
)
async def test_webhook(
    request: Caller,
    webhook_id: FromPath[UUID],
    webhooks: NamedDependency[Webhooks],
    sending: NamedDependency[Sending],
) -> DeliveryOut:
    """Send an event of the type `webhook.test.v1`, whatever the filter. The delivery shows the response."""
    account_id = request.user.account_id
    return _out(await webhooks.delivery(account_id, await sending.test(account_id, webhook_id)))


@post(
    "/{webhook_id:uuid}/replay",
    operation_id="replay_webhook",
    status_code=202,
    summary="Send past events again",
    responses=problems(
        *KEY_CODES, *CURSOR_CODES, "not_found", "webhook_disabled", "range_invalid", "validation_failed"
    ),
)
async def replay_webhook(
    request: Caller,
    webhook_id: FromPath[UUID],
    sending: NamedDependency[Sending],
    streams: NamedDependency[StreamOpener],
    *,
    since: Annotated[
        str | None,
        QueryParameter(
            description="Events from this time on; UTC unless it says", format=FORMAT, max_length=LONGEST
        ),
    ] = None,
    after: Annotated[
        str | None,
        QueryParameter(max_length=64, description="Events after this cursor of an event; `0`: all of them"),
    ] = None,
) -> ReplayOut:
    """Send the past events that match the endpoint's filter again, with the same ids, up to 1,000 a call.

    Give `since` or `after`. If `next_after` is returned there are more events: call again with it as `after`.
    """
    if (since is None) == (after is None):
        raise DomainError("range_invalid", "Give either since, a time, or after, the cursor of an event.")
    account_id = request.user.account_id
    start = await streams.position(account_id, after) if after is not None else BEGINNING
    queued, following = await sending.replay(
        account_id, webhook_id, after=start, since=instant(since, "since")
    )
    return ReplayOut(queued=queued, next_after=following)


def _out(row: DeliveryRow) -> DeliveryOut:
    return DeliveryOut(
        id=row.id,
        webhook_id=row.endpoint_id,
        url=row.url,
        event_id=row.event_id,
        event_type=row.type,
        subject=row.subject,
        origin=row.origin,
        status=row.state,
        attempts=row.attempts,
        created_at=row.created_at,
        due_at=row.due_at if row.state == "pending" else None,
        attempted_at=row.attempted_at,
        duration_ms=row.duration_ms,
        response_status=row.response_status,
        response_body=row.response_body,
        error=row.error,
    )


HANDLERS: Final = (list_deliveries, redeliver, test_webhook, replay_webhook)
"""Routes below ``/webhooks``."""
