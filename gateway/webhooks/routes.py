"""Routes of webhook endpoints and their secrets."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final
from uuid import UUID

from litestar import Router, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import UNSET

from gateway.accounts.auth import Caller
from gateway.errors import DomainError
from gateway.http.openapi_helpers import BODY_CODES, BY_ANY, KEY_CODES, problems
from gateway.ssrf import SsrfGuard
from gateway.streaming.event_routes import KNOWN
from gateway.webhooks import delivery_routes
from gateway.webhooks.account_secrets import AccountKeys, Key
from gateway.webhooks.fanin import ALL
from gateway.webhooks.repository import Change, EndpointRow, Webhooks
from gateway.webhooks.schemas import (
    SecretOut,
    WebhookCreatedOut,
    WebhookIn,
    WebhookOut,
    WebhookPatchIn,
)

SELECTABLE: Final = tuple(
    kind for kind in KNOWN if kind not in {"generation.started.v1", "generation.progress.v1"}
)
"""Progress events are for live streams only: they are not durable."""
INPUT_CODES: Final = (*KEY_CODES, "url_refused", "types_invalid", "validation_failed")


@post(
    "/",
    operation_id="create_webhook",
    summary="Have events sent to a URL",
    responses=problems(*INPUT_CODES, "account_inactive", "webhooks_exhausted", *BODY_CODES),
)
async def create_webhook(
    request: Caller,
    data: JSONBody[WebhookIn],
    receivers: NamedDependency[SsrfGuard],
    webhooks: NamedDependency[Webhooks],
) -> WebhookCreatedOut:
    """Add an endpoint. From now on it gets every event of these types, signed, at least once.

    Each delivery is a POST as in Standard Webhooks; its body is the CloudEvent that `GET /events` shows. Any
    2xx within 15 s is success; anything else is retried, up to ten attempts in three days. Order is not
    guaranteed. Deduplicate by `webhook-id`, because an event may arrive twice. The secret is shown once.
    """
    _check(receivers, data.url, data.events)
    row, secret = await webhooks.create(
        request.user.account_id, url=data.url, events=list(data.events), description=data.description
    )
    return WebhookCreatedOut(secret=secret, **_fields(row))


@get("/", operation_id="list_webhooks", summary="List webhooks", responses=problems(*KEY_CODES))
async def list_webhooks(request: Caller, webhooks: NamedDependency[Webhooks]) -> list[WebhookOut]:
    """Return the account's endpoints, oldest first."""
    return [WebhookOut(**_fields(row)) for row in await webhooks.list(request.user.account_id)]


@get(
    "/{webhook_id:uuid}",
    operation_id="get_webhook",
    summary="Look at a webhook",
    responses=problems(*KEY_CODES, "not_found"),
)
async def get_webhook(
    request: Caller, webhook_id: FromPath[UUID], webhooks: NamedDependency[Webhooks]
) -> WebhookOut:
    """Return one endpoint and its state."""
    return WebhookOut(**_fields(await webhooks.get(request.user.account_id, webhook_id)))


@patch(
    "/{webhook_id:uuid}",
    operation_id="change_webhook",
    summary="Change a webhook",
    responses=problems(*INPUT_CODES, "not_found", *BODY_CODES),
)
async def change_webhook(
    request: Caller,
    webhook_id: FromPath[UUID],
    data: JSONBody[WebhookPatchIn],
    receivers: NamedDependency[SsrfGuard],
    webhooks: NamedDependency[Webhooks],
) -> WebhookOut:
    """Change the given fields. Disabling cancels pending deliveries; a replay after enabling sends them."""
    given = {name: value for name in data.__struct_fields__ if (value := getattr(data, name)) is not UNSET}
    _check(receivers, given.get("url"), given.get("events", []))
    given["state"] = given.pop("status", None)
    row = await webhooks.change(request.user.account_id, webhook_id, Change(**given))
    return WebhookOut(**_fields(row))


@delete(
    "/{webhook_id:uuid}",
    operation_id="delete_webhook",
    summary="Delete a webhook",
    responses=problems(*KEY_CODES, "not_found"),
)
async def delete_webhook(
    request: Caller, webhook_id: FromPath[UUID], webhooks: NamedDependency[Webhooks]
) -> None:
    """Delete an endpoint with all its deliveries. An attempt in flight may still arrive."""
    await webhooks.delete(request.user.account_id, webhook_id)


@post(
    "/{webhook_id:uuid}/rotate-secret",
    operation_id="rotate_webhook_secret",
    status_code=200,
    summary="Replace a webhook's secret",
    responses=problems(*KEY_CODES, "not_found"),
)
async def rotate_secret(
    request: Caller, webhook_id: FromPath[UUID], webhooks: NamedDependency[Webhooks]
) -> SecretOut:
    """Make a new secret. Both secrets sign each message for 24 hours, so that receivers can switch."""
    return _secret(await webhooks.rotate(request.user.account_id, webhook_id))


@get(
    "/account-secret",
    operation_id="get_account_secret",
    summary="The secret behind webhook_url",
    responses=problems(*KEY_CODES),
)
async def account_secret(request: Caller, account_keys: NamedDependency[AccountKeys]) -> SecretOut:
    """Return the secret that signs deliveries to the `webhook_url` of single requests."""
    return _secret(await account_keys.get(request.user.account_id))


@post(
    "/account-secret/rotate",
    operation_id="rotate_account_secret",
    status_code=200,
    summary="Replace the secret behind webhook_url",
    responses=problems(*KEY_CODES),
)
async def rotate_account_secret(request: Caller, account_keys: NamedDependency[AccountKeys]) -> SecretOut:
    """Make a new secret for `webhook_url`. Both secrets sign each message for 24 hours."""
    return _secret(await account_keys.rotate(request.user.account_id))


def _check(receivers: SsrfGuard, url: str | None, events: list[str]) -> None:
    """Raise `DomainError` url_refused or types_invalid."""
    if url is not None:
        receivers.check(url)
    if unknown := sorted(set(events) - {ALL, *SELECTABLE}):
        raise DomainError(
            "types_invalid",
            f"There is no type {', '.join(map(repr, unknown))}; see details.known.",
            known=[ALL, *SELECTABLE],
        )


def _fields(row: EndpointRow) -> dict[str, Any]:
    fields = asdict(row)
    fields["previous_secret_valid_until"] = fields.pop("previous_until")
    fields["status"] = fields.pop("state")
    return fields


def _secret(key: Key) -> SecretOut:
    return SecretOut(secret=key.secret, previous_valid_until=key.previous_until)


ROUTER = Router(
    "/webhooks",
    route_handlers=[
        create_webhook,
        list_webhooks,
        get_webhook,
        change_webhook,
        delete_webhook,
        rotate_secret,
        account_secret,
        rotate_account_secret,
        *delivery_routes.HANDLERS,
    ],
    security=BY_ANY,
    tags=["webhooks"],
)
