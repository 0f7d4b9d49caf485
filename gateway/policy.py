"""Authorization rules: one per operation, enforced by one guard. A route without a rule fails the start.

``PERSON`` requires a signed-in person, because an API key must not make or revoke keys. ``key("scope")`` also
accepts an API key that has the scope. ``ADMIN`` requires a signed-in admin. Which rows a caller sees is not
decided here: every SQL statement is scoped by account.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from litestar import Litestar
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.routes import HTTPRoute

from bus.runtime.turns import Turns
from gateway.accounts import auth
from gateway.accounts.principal import Principal
from gateway.accounts.quotas import Quotas
from gateway.accounts.rate_limits import Policy, RateLimits, refused
from gateway.accounts.roles import ROLES
from gateway.errors import DomainError
from gateway.http.context import trace_of
from gateway.http.rate_limit_headers import rate_limit_headers


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """The callers allowed; ``scope`` None excludes API keys, empty ``roles`` requires no credentials.

    ``also``: further scopes that an API key needs.
    """

    roles: tuple[str, ...] = ROLES
    scope: str | None = None
    also: tuple[str, ...] = ()


PUBLIC: Final = Rule(roles=())
PERSON: Final = Rule()
ADMIN: Final = Rule(roles=("admin",))


def key(scope: str, *also: str) -> Rule:
    """Return the rule for signed-in people and for API keys that have every one of the scopes."""
    return Rule(scope=scope, also=also)


POLICY: Final[dict[str, Rule]] = {
    "register": PUBLIC,
    "login": PUBLIC,
    "refresh": PUBLIC,
    "logout": PUBLIC,
    "reset_password": PUBLIC,
    "sign_in_options": PUBLIC,
    "ask_password_reset": PUBLIC,
    "confirm_email": PUBLIC,
    "change_email": PERSON,
    "list_sessions": PERSON,
    "end_sessions": PERSON,
    "end_session": PERSON,
    "me": PERSON,
    "change_me": PERSON,
    "my_data": PERSON,
    "erase_me": PERSON,
    "get_retention": PERSON,
    "set_retention": PERSON,
    "reset_retention": PERSON,
    "list_erasures": PERSON,
    "list_users": ADMIN,
    "get_user": ADMIN,
    "change_user": ADMIN,
    "get_account_retention": ADMIN,
    "set_account_retention": ADMIN,
    "reset_account_retention": ADMIN,
    "create_password_reset": ADMIN,
    "create_invite": ADMIN,
    "list_invites": ADMIN,
    "revoke_invite": ADMIN,
    "create_api_key": PERSON,
    "list_api_keys": PERSON,
    "revoke_api_key": PERSON,
    "generate_scene": key("scenes:write"),
    "create_upload": key("scenes:write"),
    "get_scene": key("scenes:read"),
    "list_scenes": key("scenes:read"),
    "scene_events": key("scenes:read"),
    "export_events": key("scenes:read"),
    "events": key("scenes:read"),
    "cancel_scene": key("scenes:write"),
    "delete_scene": key("scenes:write"),
    "set_start_view": key("scenes:write"),
    "change_scene": key("scenes:write"),
    "list_tags": key("scenes:read"),
    "retry_scene": key("scenes:write"),
    "change_scenes": key("scenes:write"),
    "create_archive": key("scenes:read"),
    "download_archive": PUBLIC,
    "export_scene": key("scenes:write"),
    "list_exports": key("scenes:read"),
    "get_export": key("scenes:read"),
    "list_all_exports": key("scenes:read"),
    "create_share": key("shares:write"),
    "list_shares": key("scenes:read"),
    "delete_share": key("shares:write"),
    "open_share": PUBLIC,
    "create_album": key("shares:write"),
    "list_albums": key("scenes:read"),
    "delete_album": key("shares:write"),
    "open_album": PUBLIC,
    "open_album_scene": PUBLIC,
    "download_album": PUBLIC,
    "list_export_formats": PUBLIC,
    "create_webhook": key("webhooks:write"),
    "list_webhooks": key("webhooks:read"),
    "get_webhook": key("webhooks:read"),
    "change_webhook": key("webhooks:write"),
    "delete_webhook": key("webhooks:write"),
    "rotate_webhook_secret": key("webhooks:write"),
    "get_account_secret": key("webhooks:write"),
    "rotate_account_secret": key("webhooks:write"),
    "list_deliveries": key("webhooks:read"),
    # What was sent before goes to the endpoint's address of now, which the key may have changed.
    "redeliver": key("webhooks:write", "scenes:read"),
    "test_webhook": key("webhooks:write"),
    "replay_webhook": key("webhooks:write", "scenes:read"),
    "usage": key("usage:read"),
    "usage_events": key("usage:read"),
    "list_quotas": key("usage:read"),
    "list_user_quotas": ADMIN,
    "queue": ADMIN,
    "list_user_sessions": ADMIN,
    "end_user_sessions": ADMIN,
    "admin_usage": ADMIN,
    "invariants": ADMIN,
    "list_admin_acts": ADMIN,
    "list_dead_letters": ADMIN,
    "get_dead_letter": ADMIN,
    "redrive_dead_letter": ADMIN,
    "discard_dead_letter": ADMIN,
    "create_partner": ADMIN,
    "list_partners": ADMIN,
    "get_partner": ADMIN,
    "delete_partner": ADMIN,
    "rotate_partner": ADMIN,
    "suspend_partner": ADMIN,
    "resume_partner": ADMIN,
    "partners_document": PUBLIC,
    "list_models": PUBLIC,
    "live": PUBLIC,
    "ready": PUBLIC,
    "landing": PUBLIC,
    "page": PUBLIC,
    "shared_page": PUBLIC,
    "embedded_page": PUBLIC,
    "shared_picture": PUBLIC,
    "album_page": PUBLIC,
    "album_picture": PUBLIC,
    "oembed": PUBLIC,
    "asset": PUBLIC,
    "favicon": PUBLIC,
    "api_page_file": PUBLIC,
    "asyncapi": PUBLIC,
    "asyncapi_page": PUBLIC,
    "llms_text": PUBLIC,
    "message_schema": PUBLIC,
}
"""Operation id -> rule."""
_OURS: Final = "gateway."


async def enforce(connection: auth.Connection, handler: BaseRouteHandler) -> None:
    """Guard of the whole application: authenticate the caller, then check the operation's rule.

    Callers take turns: who sends hundreds of requests at once holds up its own.
    """
    rule = rule_of(handler)
    if rule is PUBLIC:
        return
    admission: Turns = connection.app.state["admission"]
    async with admission.of(auth.credentials(connection)):
        await _admit(connection, handler, rule)


async def _admit(connection: auth.Connection, handler: BaseRouteHandler, rule: Rule) -> None:
    if rule.scope is None:
        await auth.person(connection, handler)
    else:
        await auth.account(connection, handler)
    principal: Principal = connection.scope["user"]
    if principal.role not in rule.roles:
        raise DomainError("role_insufficient", f"This needs the role {' or '.join(rule.roles)}.")
    for scope in (rule.scope, *rule.also):
        if principal.scopes is not None and scope not in principal.scopes:
            raise DomainError(
                "scope_missing", f"The API key lacks the scope '{scope}'; make one that has it.", scope=scope
            )
    await _count(connection, principal)


async def _count(connection: auth.Connection, principal: Principal) -> None:
    """Count the request against the account's rate limit, shared by all gateways, and add its headers."""
    quotas: Quotas = connection.app.state["account_quotas"]
    limits: RateLimits = connection.app.state["limits"]
    quota = await quotas.of(principal.account_id, principal.role)
    requests = Policy(name="requests", quota=quota.requests_per_minute, per_s=60)
    allowance = await limits.take(requests, str(principal.account_id))
    trace_of(connection).headers |= rate_limit_headers(allowance)
    if not allowance.allowed:
        raise refused(allowance, "rate_limited", f"The account may ask {requests.quota} times a minute")


def rule_of(handler: BaseRouteHandler) -> Rule:
    """Return the rule of a handler; Litestar's own handlers, the documentation pages, are public."""
    if not isinstance(handler, HTTPRouteHandler) or not handler.fn.__module__.startswith(_OURS):
        return PUBLIC
    return POLICY[str(handler.operation_id)]


def check(app: Litestar) -> None:
    """Raise `RuntimeError` for a route without a rule, so that it can never be served."""
    handlers = [h for route in app.routes if isinstance(route, HTTPRoute) for h in route.route_handlers]
    ours = {str(h.operation_id) for h in handlers if h.fn.__module__.startswith(_OURS)}
    if missing := ours - POLICY.keys():
        raise RuntimeError(f"No rule in gateway/policy.py for: {', '.join(sorted(missing))}.")
