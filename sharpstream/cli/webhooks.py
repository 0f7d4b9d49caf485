"""``webhooks``: sends events to your own servers, and shows the deliveries."""

from __future__ import annotations

from typing import Annotated

import typer

from sharpstream.cli import printing
from sharpstream.cli.service import Json, Key, Url, locate
from sharpstream.client.models import Webhook

Id = Annotated[str, typer.Argument(metavar="ID", help="The webhook's id, from `webhooks list`.")]


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    hooks = typer.Typer(help="Events sent to your own servers, signed.", no_args_is_help=True)
    hooks.command("list")(show_all)
    hooks.command()(add)
    hooks.command()(remove)
    hooks.command()(enable)
    hooks.command()(disable)
    hooks.command("test")(send_test)
    hooks.command()(deliveries)
    hooks.command()(redeliver)
    hooks.command()(replay)
    hooks.command("rotate-secret")(rotate)
    app.add_typer(hooks, name="webhooks")


def show_all(*, url: Url = None, api_key: Key = None, as_json: Json = False) -> None:
    """List your webhooks.

    Example: `sharpstream webhooks list`
    """
    with locate(url, api_key).client() as client:
        found = client.webhooks()
    if as_json:
        printing.as_json(found)
        return
    columns = {
        "id": lambda hook: hook.id,
        "url": lambda hook: hook.url,
        "events": lambda hook: hook.events,
        "status": _status,
    }
    printing.table(found, columns, empty="There are none: sharpstream webhooks add URL")


def _status(hook: Webhook) -> str:
    if hook.status != "active":
        return f"{hook.status} ({hook.disabled_reason})"
    return f"failing since {hook.failing_since:%Y-%m-%d %H:%M} UTC" if hook.failing_since else hook.status


def add(
    address: Annotated[str, typer.Argument(metavar="URL", help="Where events are sent.")],
    *,
    event: Annotated[
        list[str] | None,
        typer.Option(
            "--event", "-e", help="A type, such as generation.completed.v1; may be repeated. Default: all."
        ),
    ] = None,
    description: Annotated[str, typer.Option(help="For yourself.")] = "",
    url: Url = None,
    api_key: Key = None,
    as_json: Json = False,
) -> None:
    """Add a webhook and print its secret, once. Receivers verify with `sharpstream.client.verify_webhook`.

    Example: `sharpstream webhooks add https://shop.example.com/hooks -e generation.completed.v1`
    """
    with locate(url, api_key).client() as client:
        hook = client.create_webhook(address, events=event or ["*"], description=description)
    if as_json:
        printing.as_json(hook)
        return
    printing.facts({"id": hook.id, "secret": hook.secret})
    printing.line("This is the only time that the secret is shown.", err=True)


def remove(webhook_id: Id, *, url: Url = None, api_key: Key = None) -> None:
    """Delete a webhook with its deliveries.

    Example: `sharpstream webhooks remove 0193a5b0-7c1e-7d34-9a52-3f0e8c1b2a47`
    """
    with locate(url, api_key).client() as client:
        client.delete_webhook(webhook_id)
    printing.line("Removed.")


def enable(webhook_id: Id, *, url: Url = None, api_key: Key = None) -> None:
    """Enable a disabled webhook; `webhooks replay` sends what it missed.

    Example: `sharpstream webhooks enable 0193a5b0-7c1e-7d34-9a52-3f0e8c1b2a47`
    """
    _set(webhook_id, "active", url, api_key)


def disable(webhook_id: Id, *, url: Url = None, api_key: Key = None) -> None:
    """Stop sending to a webhook and cancel its pending deliveries.

    Example: `sharpstream webhooks disable 0193a5b0-7c1e-7d34-9a52-3f0e8c1b2a47`
    """
    _set(webhook_id, "disabled", url, api_key)


def _set(webhook_id: str, status: str, url: str | None, api_key: str | None) -> None:
    with locate(url, api_key).client() as client:
        printing.line(f"{webhook_id}: {client.change_webhook(webhook_id, status=status).status}")


def send_test(webhook_id: Id, *, url: Url = None, api_key: Key = None) -> None:
    """Send a test event; `webhooks deliveries` shows the answer.

    Example: `sharpstream webhooks test 0193a5b0-7c1e-7d34-9a52-3f0e8c1b2a47`
    """
    with locate(url, api_key).client() as client:
        printing.line(f"delivery {client.test_webhook(webhook_id).id} is on its way.")


def deliveries(
    webhook_id: Id,
    *,
    status: Annotated[str | None, typer.Option(help="pending, delivered, failed or cancelled.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=200)] = 50,
    url: Url = None,
    api_key: Key = None,
    as_json: Json = False,
) -> None:
    """Show what was sent to a webhook and what it answered, newest first.

    Example: `sharpstream webhooks deliveries 0193a5b0-7c1e-7d34-9a52-3f0e8c1b2a47 --status failed`
    """
    with locate(url, api_key).client() as client:
        found = client.deliveries(webhook_id, status=status, limit=limit).items
    if as_json:
        printing.as_json(found)
        return
    columns = {
        "id": lambda one: one.id,
        "event": lambda one: one.event_type,
        "status": lambda one: one.status,
        "attempts": lambda one: one.attempts,
        "answer": lambda one: one.response_status or one.error or "",
        "ms": lambda one: one.duration_ms,
        "next try": lambda one: one.due_at,
    }
    printing.table(found, columns, empty="Nothing was sent yet.")


def redeliver(
    delivery_id: Annotated[str, typer.Argument(metavar="ID", help="From `webhooks deliveries`.")],
    *,
    url: Url = None,
    api_key: Key = None,
) -> None:
    """Send the event of a delivery once more.

    Example: `sharpstream webhooks redeliver 0193a5b0-7c1e-7d34-9a52-3f0e8c1b2a47`
    """
    with locate(url, api_key).client() as client:
        printing.line(f"delivery {client.redeliver(delivery_id).id} is on its way.")


def replay(
    webhook_id: Id,
    *,
    since: Annotated[str | None, typer.Option(help="A time, such as 2026-01-31T12:00:00Z.")] = None,
    after: Annotated[str | None, typer.Option(help="The cursor of an event; 0: all of them.")] = None,
    url: Url = None,
    api_key: Key = None,
) -> None:
    """Send past events again, from a time or a cursor on.

    Example: `sharpstream webhooks replay 0193a5b0-7c1e-7d34-9a52-3f0e8c1b2a47 --since 2026-01-31T12:00:00Z`
    """
    if (since is None) == (after is None):
        raise typer.BadParameter("give --since or --after, one of the two.")
    queued = 0
    with locate(url, api_key).client() as client:
        while since is not None or after is not None:
            part = client.replay_webhook(webhook_id, since=since, after=after)
            queued, since, after = queued + part.queued, None, part.next_after
            printing.line(f"{queued} events queued", err=True)


def rotate(webhook_id: Id, *, url: Url = None, api_key: Key = None) -> None:
    """Make a new secret and print it; the old one also signs for another day.

    Example: `sharpstream webhooks rotate-secret 0193a5b0-7c1e-7d34-9a52-3f0e8c1b2a47`
    """
    with locate(url, api_key).client() as client:
        printing.line(client.rotate_webhook_secret(webhook_id).secret)
