"""The commands of ``python -m ledger``: one command per process, which ends with an exit status.

0 done, 1 fenced or a check found something, 2 a wrong setting (one sentence on stderr). Checks end with one
JSON object as the last line of stdout.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

import structlog

from bus.kafka import tls_check
from bus.runtime import logs, process, telemetry
from bus.runtime.settings import DatabaseSettings, RolePasswords, RoleSecondPasswords, RoleSettings, load
from ledger import app, handlers, invariants, rebuild, settings
from ledger.backup import commands as backups
from ledger.db import database
from ledger.db.grants import grant
from ledger.db.migrate import check, declared, migrate
from ledger.lost_jobs import kinds
from ledger.projection import PROJECTOR
from ledger.republish import republish
from ledger.unpark import unpark

log = structlog.get_logger(__name__)


async def _run(_options: argparse.Namespace) -> int:
    await app.create_app(settings.read()).run()
    return 0


async def _migrate(_options: argparse.Namespace) -> int:
    async with database.connect(load(DatabaseSettings)) as connection:
        names = await migrate(connection)
        users = await grant(connection, load(RolePasswords).given(), load(RoleSecondPasswords).given())
    for name in names:
        log.info("migration_applied", migration=name)
    if users:
        log.info("roles_granted", users=users)
    log.info("schema_current", applied=len(names), migrations=len(declared()))
    return 0


async def _rebuild(_options: argparse.Namespace) -> int:
    stated = settings.read()
    async with database.connect(stated.database) as connection:
        await check(connection)
        await tls_check.require(stated.kafka)
        result = await rebuild.compare(connection, stated.kafka, bucket=stated.s3.bucket)
    print(result.to_json())  # noqa: T201  (the command's answer)
    return 0 if result.equal else 1


async def _invariants(_options: argparse.Namespace) -> int:
    async with database.connect(load(DatabaseSettings)) as connection:
        await check(connection)
        broken = await invariants.check(connection)
    print(invariants.to_json(broken))  # noqa: T201  (the command's answer)
    return 1 if broken else 0


async def _unpark(_options: argparse.Namespace) -> int:
    stated = settings.read()
    intake, epoch = handlers.event_intake(stated), stated.kafka.topic_epoch
    async with database.connect(stated.database) as connection:
        done = await unpark(connection, intake, projector=PROJECTOR, epoch=epoch)
    log.info("events_unparked", taken=done.before - done.left, left=done.left)
    return 1 if done.left else 0


async def _republish(_options: argparse.Namespace) -> int:
    stated = settings.read()
    async with database.connect(stated.database) as connection:
        await check(connection)
        await tls_check.require(stated.kafka)
        done = await republish(connection, stated.kafka, kinds(stated.groups))
    print("null" if done is None else done.to_json())  # noqa: T201  (the command's answer)
    return 0


_COMMANDS: Final[dict[str, tuple[str, Callable[[argparse.Namespace], Coroutine[Any, Any, int]]]]] = {
    "run": ("project events into Postgres until SIGTERM (the default)", _run),
    "migrate": ("bring the database to the newest schema; safe to repeat", _migrate),
    "rebuild": ("project the whole log again beside the live tables and compare", _rebuild),
    "invariants": ("check the invariants over all tables", _invariants),
    "republish": (
        "start a new KAFKA_TOPIC_EPOCH from the log in Postgres: Kafka was lost",
        _republish,
    ),
    "unpark": ("take parked events again", _unpark),
    **backups.COMMANDS,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status (`bus.runtime.process.exit_status`)."""
    options = _parser().parse_args(arguments)
    return process.exit_status(lambda: _command(options))


def _command(options: argparse.Namespace) -> int:
    logs.configure("ledger", load(RoleSettings).log_level)
    with telemetry.exporting("ledger"):
        return process.run(_COMMANDS[options.command or "run"][1](options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ledger", description="The ledger of Sharpstream.")
    commands = parser.add_subparsers(dest="command")
    for name, (text, _) in _COMMANDS.items():
        added = commands.add_parser(name, help=text, description=text)
        backups.add_arguments(name, added)
        if name == "rebuild":
            added.add_argument("--compare", action="store_true", help="compare only, which is the default")
    return parser
