"""``register``, ``login``, ``logout``, ``whoami``: accounts and sign-ins at a service."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from sharpstream.cli import printing
from sharpstream.cli.service import Json, Key, Url, as_person, find, locate
from sharpstream.cli.sign_ins import SignIn, default_path
from sharpstream.client import Client, ServiceError, Tokens

Email = Annotated[str, typer.Argument(help="The account's e-mail address.")]
PasswordStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input, for scripts.")
]


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    app.command("register")(make_account)
    app.command()(login)
    app.command()(logout)
    app.command()(whoami)
    app.command("forgot-password")(forgot_password)
    app.command("reset-password")(reset_password)
    app.command("change-email")(change_email)
    sessions = typer.Typer(help="Your sign-ins.", no_args_is_help=True)
    sessions.command("list")(list_sessions)
    sessions.command("end")(end_sessions)
    app.add_typer(sessions, name="sessions")


def make_account(
    email: Email,
    *,
    first_name: Annotated[str, typer.Option(help="How you want to be called.")] = "",
    last_name: Annotated[str, typer.Option()] = "",
    invite: Annotated[
        str | None, typer.Option(help="The invitation's token, where the service asks for one.")
    ] = None,
    password_stdin: PasswordStdin = False,
    url: Url = None,
) -> None:
    """Make an account at a service and sign in.

    Example: `sharpstream register ada@example.com --url https://splats.example.com`
    """
    address, password = find(url), _password(stdin=password_stdin, twice=True)
    with Client(address) as client:
        client.register(email, password, first_name=first_name, last_name=last_name, invite=invite)
        _sign_in(client, address, email, password)
    printing.line(f"Welcome. You are signed in at {address} as {email}.")


def login(email: Email, *, password_stdin: PasswordStdin = False, url: Url = None) -> None:
    """Sign in at a service; the sign-in is kept in ~/.config/sharpstream and renews itself.

    Examples.

    * `sharpstream login ada@example.com --url https://splats.example.com`
    * `echo "$PASSWORD" | sharpstream login ada@example.com --password-stdin`
    """
    address, password = find(url), _password(stdin=password_stdin, twice=False)
    with Client(address) as client:
        _sign_in(client, address, email, password)
    printing.line(f"You are signed in at {address} as {email}.")


def logout(*, url: Url = None) -> None:
    """Sign out: the sign-in ends at the service and is removed from this machine.

    Example: `sharpstream logout`
    """
    address = find(url)
    kept = SignIn(default_path(), address)
    with kept.alone():
        tokens = kept.load()
        if tokens is None:
            printing.line(f"You were not signed in at {address}.")
            return
        kept.save(None)  # first, so that it is removed here even if the service is unreachable
    try:
        with Client(address) as client:
            client.logout(tokens.refresh_token)
    except ServiceError as error:
        printing.line(f"Removed here, but {address} could not end the sign-in: {error.message}", err=True)
        raise typer.Exit(1) from error
    printing.line(f"You are signed out of {address}.")


def whoami(*, url: Url = None, api_key: Key = None, as_json: Json = False) -> None:
    """Show the service that commands use, and the account or key they use it with.

    Example: `sharpstream whoami`
    """
    service = locate(url, api_key)
    details = {"service": service.url, "with": "sign-in" if service.sign_in else "API key"}
    if service.sign_in is not None:
        with as_person(service.url).client() as client:
            person = client.me()
        details |= {"email": person.email, "role": person.role, "id": person.id}
    else:
        details["key"] = f"{(service.api_key or '')[:11]}..."  # its public prefix
    if as_json:
        printing.as_json(details)
    else:
        printing.facts(details)


def forgot_password(email: Email, *, url: Url = None) -> None:
    """Ask for a mail with a link to set a new password, where the service sends mail.

    Example: `sharpstream forgot-password ada@example.com --url https://splats.example.com`
    """
    with Client(find(url)) as client:
        printing.line(client.ask_password_reset(email).message)


def reset_password(
    token: Annotated[str, typer.Argument(help="The end of the link that you were given, behind the #.")],
    *,
    password_stdin: PasswordStdin = False,
    url: Url = None,
) -> None:
    """Set a new password by a link, which works once, and sign in. Every other sign-in ends.

    Example: `sharpstream reset-password 0l3Q0dZ3nB7y... --url https://splats.example.com`
    """
    address, password = find(url), _password(stdin=password_stdin, twice=True)
    with Client(address) as client:
        tokens = Tokens.of(client.reset_password(token.rpartition("#")[2], password))
    _keep(address, tokens)
    printing.line(f"The password is set. You are signed in at {address}.")


def change_email(
    email: Annotated[str, typer.Argument(help="The new e-mail address.")],
    *,
    password_stdin: PasswordStdin = False,
    url: Url = None,
) -> None:
    """Change the e-mail address that you sign in with; needs your password.

    Example: `sharpstream change-email ada@lovelace.example`
    """
    service, password = as_person(url), _password(stdin=password_stdin, twice=False)
    with service.client() as client:
        answer = client.change_email(email, password)
    if answer.confirm_by_mail:
        printing.line(f"Open the link that was sent to {answer.email}; until then nothing changes.")
    else:
        printing.line(f"You sign in as {answer.email} from now on.")


def list_sessions(*, url: Url = None, as_json: Json = False) -> None:
    """List the open sign-ins of your account.

    Example: `sharpstream sessions list`
    """
    with as_person(url).client() as client:
        items = client.sessions().items
    if as_json:
        printing.as_json(items)
        return
    columns = {
        "id": lambda each: each.id,
        "program": lambda each: each.client,
        "since": lambda each: each.created_at,
        "renewed": lambda each: each.renewed_at,
        "this one": lambda each: "yes" if each.current else "",
    }
    printing.table(items, columns, empty="There is no sign-in.")


def end_sessions(
    session_id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="From `sessions list`; default: all others.")
    ] = None,
    *,
    url: Url = None,
) -> None:
    """End one sign-in of your account, or all but this one.

    Example: `sharpstream sessions end`
    """
    with as_person(url).client() as client:
        if session_id is None:
            client.end_sessions()
        else:
            client.end_session(session_id)
    printing.line("Ended.")


def _sign_in(client: Client, address: str, email: str, password: str) -> None:
    _keep(address, Tokens.of(client.login(email, password)))


def _keep(address: str, tokens: Tokens) -> None:
    kept = SignIn(default_path(), address)
    with kept.alone():
        kept.save(tokens)


def _password(*, stdin: bool, twice: bool) -> str:
    if stdin:
        return sys.stdin.readline().rstrip("\n")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=twice))
