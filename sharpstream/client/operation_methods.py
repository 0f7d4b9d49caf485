"""The methods of both clients, defined once: one per operation, which returns its answer or an awaitable.

The client that it is called on decides which, also for type checkers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, overload

from sharpstream.client import operations as op
from sharpstream.client.request import Call

if TYPE_CHECKING:
    from sharpstream.client.asynchronous import AsyncClient
    from sharpstream.client.synchronous import Client

P = ParamSpec("P")
T = TypeVar("T")


class Operation(Generic[P, T]):
    """A method that sends the call which ``make`` returns."""

    def __init__(self, make: Callable[P, Call[T]]) -> None:
        self._make = make
        self.__doc__ = make.__doc__

    @overload
    def __get__(self, client: AsyncClient, owner: type) -> Callable[P, Awaitable[T]]: ...
    @overload
    def __get__(self, client: Client, owner: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, client: None, owner: type) -> Operation[P, T]: ...
    def __get__(self, client: Any, owner: type) -> Any:
        """Return the method of a client."""
        if client is None:
            return self

        @wraps(self._make)
        def method(*args: P.args, **kwargs: P.kwargs) -> Any:
            return client.send(self._make(*args, **kwargs))

        return method


class Operations:
    """The operations of the API by name; `sharpstream.client.operations` has their parameters."""

    generate = Operation(op.scenes.generate)
    generate_from = Operation(op.scenes.generate_from)
    create_upload = Operation(op.scenes.create_upload)
    scene = Operation(op.scenes.scene)
    scenes = Operation(op.scenes.scenes)
    cancel = Operation(op.scenes.cancel)
    delete_scene = Operation(op.scenes.delete_scene)
    models = Operation(op.scenes.models)

    export = Operation(op.exports.export)
    get_export = Operation(op.exports.get_export)
    exports = Operation(op.exports.exports)
    export_formats = Operation(op.exports.export_formats)

    share = Operation(op.shares.share)
    shares = Operation(op.shares.shares)
    end_share = Operation(op.shares.end_share)
    shared = Operation(op.shares.shared)

    register = Operation(op.accounts.register)
    login = Operation(op.accounts.login)
    refresh = Operation(op.accounts.refresh)
    logout = Operation(op.accounts.logout)
    me = Operation(op.accounts.me)
    change_me = Operation(op.accounts.change_me)
    reset_password = Operation(op.accounts.reset_password)
    sessions = Operation(op.accounts.sessions)
    end_session = Operation(op.accounts.end_session)
    end_sessions = Operation(op.accounts.end_sessions)
    my_data = Operation(op.accounts.my_data)
    erase_me = Operation(op.accounts.erase_me)
    create_api_key = Operation(op.accounts.create_api_key)
    api_keys = Operation(op.accounts.api_keys)
    revoke_api_key = Operation(op.accounts.revoke_api_key)
    accounts = Operation(op.accounts.accounts)
    account = Operation(op.accounts.account)
    change_account = Operation(op.accounts.change_account)
    create_password_reset = Operation(op.accounts.create_password_reset)
    create_invite = Operation(op.accounts.create_invite)
    invites = Operation(op.accounts.invites)
    revoke_invite = Operation(op.accounts.revoke_invite)

    create_webhook = Operation(op.webhooks.create_webhook)
    webhooks = Operation(op.webhooks.webhooks)
    webhook = Operation(op.webhooks.webhook)
    change_webhook = Operation(op.webhooks.change_webhook)
    delete_webhook = Operation(op.webhooks.delete_webhook)
    rotate_webhook_secret = Operation(op.webhooks.rotate_webhook_secret)
    account_secret = Operation(op.webhooks.account_secret)
    rotate_account_secret = Operation(op.webhooks.rotate_account_secret)
    deliveries = Operation(op.webhooks.deliveries)
    redeliver = Operation(op.webhooks.redeliver)
    test_webhook = Operation(op.webhooks.test_webhook)
    replay_webhook = Operation(op.webhooks.replay_webhook)

    create_partner = Operation(op.partners.create_partner)
    partners = Operation(op.partners.partners)
    partner = Operation(op.partners.partner)
    rotate_partner = Operation(op.partners.rotate_partner)
    suspend_partner = Operation(op.partners.suspend_partner)
    resume_partner = Operation(op.partners.resume_partner)
    delete_partner = Operation(op.partners.delete_partner)
    partners_document = Operation(op.partners.partners_document)

    events = Operation(op.records.events)
    usage = Operation(op.records.usage)
    usage_rows = Operation(op.records.usage_rows)
    everybodys_usage = Operation(op.records.everybodys_usage)
    invariants = Operation(op.records.invariants)
    dead_letters = Operation(op.records.dead_letters)
    dead_letter = Operation(op.records.dead_letter)
    redrive = Operation(op.records.redrive)
    discard = Operation(op.records.discard)
