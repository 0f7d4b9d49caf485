"""``retention``: how long the account's data are kept, and what was erased."""

from __future__ import annotations

from typing import Annotated

import typer
from msgspec import structs

from bus.contract.retention import KINDS, hours
from sharpstream.cli import printing
from sharpstream.cli.admin import id_of
from sharpstream.cli.service import Json, Url, as_person
from sharpstream.client import Client
from sharpstream.client.models import Retention, RetentionPolicy

Of = Annotated[
    str | None, typer.Option("--account", help="For admins: another account, its e-mail address or id.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
_DAY_H = 24


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    verbs = typer.Typer(help="How long your data are kept.", no_args_is_help=True)
    verbs.command()(show)
    verbs.command("set")(set_some)
    verbs.command()(reset)
    verbs.command()(erased)
    app.add_typer(verbs, name="retention")


def show(*, account: Of = None, url: Url = None, as_json: Json = False) -> None:
    """Show how long each kind of data is kept after its job has ended.

    Example: `sharpstream retention show`
    """
    with as_person(url).client() as client:
        found = client.account_retention(id_of(client, account)) if account else client.retention()
    _show(found, as_json=as_json)


def set_some(
    kinds: Annotated[
        list[str], typer.Argument(metavar="KIND=36h|30d|forever...", help=f"Kinds: {', '.join(KINDS)}.")
    ],
    *,
    account: Of = None,
    yes: Yes = False,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Set how long some kinds of data are kept; the other kinds stay as they are.

    What is older is erased within minutes, and cannot be brought back.

    Example: `sharpstream retention set originals=24h results=90d`
    """
    changes = dict(map(_parsed, kinds))
    with as_person(url).client() as client:
        account_id = id_of(client, account) if account else None
        found = client.account_retention(account_id) if account_id else client.retention()
        policy = structs.asdict(found.policy) | changes
        if not yes:
            typer.confirm("Erase what is older, now and from now on?", abort=True, err=True)
        found = _put(client, account_id, policy)
    _show(found, as_json=as_json)


def reset(*, account: Of = None, yes: Yes = False, url: Url = None, as_json: Json = False) -> None:
    """Keep your data as long as the service does by default, also when that changes.

    Example: `sharpstream retention reset`
    """
    with as_person(url).client() as client:
        if not yes:
            typer.confirm("Erase what is older than the service's own policy says?", abort=True, err=True)
        if account:
            found = client.reset_account_retention(id_of(client, account))
        else:
            found = client.reset_retention()
    _show(found, as_json=as_json)


def erased(
    *,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=100, help="Rows at most.")] = 50,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """List what was erased of your account because its time was over, by day and kind.

    Example: `sharpstream retention erased`
    """
    with as_person(url).client() as client:
        items = client.erasures(limit=limit).items
    if as_json:
        printing.as_json(items)
        return
    columns = {
        "day": lambda each: each.day,
        "kind": lambda each: each.kind.replace("_", " "),
        "erased": lambda each: each.count,
        "last": lambda each: each.last_at,
    }
    printing.table(items, columns, empty="Nothing was erased.")


def _parsed(text: str) -> tuple[str, int | None]:
    kind, _, lasting = text.partition("=")
    kind = kind.replace("-", "_")
    if kind not in KINDS:
        raise typer.BadParameter(f"there is no kind {kind!r}; there are: {', '.join(KINDS)}.")
    try:
        return f"{kind}_hours", hours(kind, lasting)
    except ValueError as error:
        raise typer.BadParameter(f"{error}.") from error


def _put(client: Client, account_id: str | None, policy: dict[str, int | None]) -> Retention:
    if account_id is None:
        return client.set_retention(**policy)
    return client.set_account_retention(account_id, **policy)


def _show(found: Retention, *, as_json: bool) -> None:
    if as_json:
        printing.as_json(found)
        return
    printing.facts({kind.replace("_", " "): _lasting(found.policy, kind) for kind in KINDS})
    if found.is_default:
        printing.line("This is the service's own policy; the account has none.", err=True)


def _lasting(policy: RetentionPolicy, kind: str) -> str:
    kept: int | None = getattr(policy, f"{kind}_hours")
    if kept is None:
        return "for ever"
    return f"{kept} hours" if kept % _DAY_H else f"{kept // _DAY_H} days"
