"""``python -m ledger backup``, ``restore``, ``note-restore`` and ``newer``, as the owner of both stores.

Each prints JSON lines: progress about once a second, and what was done as the last one.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import asyncpg
import msgspec

from bus.blob_copies import BlobCopies
from bus.runtime.settings import DatabaseSettings, KafkaSettings, S3Settings, load
from ledger.backup import make, newer, put_back
from ledger.backup.folder import Folder, whole
from ledger.db import database
from ledger.db.migrate import check

_SAY_EVERY_S: Final = 1.0


class _Progress:
    """Prints how far it is, once a second and at each new stage."""

    def __init__(self) -> None:
        self._stage, self._next = "", 0.0

    def __call__(self, stage: str, count: int, size: int) -> None:
        now = time.monotonic()
        if stage != self._stage or now >= self._next:
            self._stage, self._next = stage, now + _SAY_EVERY_S
            _print({"stage": stage, "count": count, "bytes": size})


def _print(found: object) -> None:
    print(msgspec.json.encode(found).decode(), flush=True)  # noqa: T201  (the command's answer)


@asynccontextmanager
async def _opened() -> AsyncIterator[tuple[asyncpg.Connection, BlobCopies]]:
    async with database.connect(load(DatabaseSettings)) as connection, BlobCopies(load(S3Settings)) as store:
        await store.check()
        yield connection, store


def _url() -> str:
    return load(DatabaseSettings).url.get_secret_value()


async def _backup(options: argparse.Namespace) -> int:
    os.umask(0o077)
    epoch = int(os.environ.get("KAFKA_TOPIC_EPOCH") or 1)
    async with _opened() as (connection, store):
        await check(connection)
        backup = make.Backup(
            connection=connection,
            store=store,
            folder=Folder(options.path),
            epoch=epoch,
            progress=_Progress(),
        )
        _print(await backup.make(_url(), previous=options.previous))
    return 0


async def _restore(options: argparse.Namespace) -> int:
    async with _opened() as (connection, store):
        _print(await put_back.put_back(connection, store, _url(), Folder(options.path), _Progress()))
    return 0


async def _check_backup(options: argparse.Namespace) -> int:
    _print(whole(Folder(options.path)))
    return 0


async def _note_restore(options: argparse.Namespace) -> int:
    async with _opened() as (connection, store):
        _print((await put_back.note(connection, store, _kafka(), options.time)).shown())
    return 0


async def _newer(_options: argparse.Namespace) -> int:
    async with _opened() as (connection, store):
        await check(connection)
        _print((await newer.find(connection, store, _kafka())).shown())
    return 0


def _kafka() -> KafkaSettings | None:
    """Return where the log is, if the environment says so."""
    return load(KafkaSettings) if os.environ.get("KAFKA_BOOTSTRAP_SERVERS") else None


def _time(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError("write it as 2026-11-30T12:00:00Z") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)


Command = Callable[[argparse.Namespace], Coroutine[Any, Any, int]]
COMMANDS: Final[dict[str, tuple[str, Command]]] = {
    "backup": ("copy the database and all objects into a new folder, while the system runs", _backup),
    "restore": ("put a backup back into an empty database and a store; safe to repeat", _restore),
    "check-backup": ("read a backup wholly; say which file of it is damaged", _check_backup),
    "note-restore": (
        "say that the database was put back by other means, and name what is newer",
        _note_restore,
    ),
    "newer": ("name what the store and Kafka's log hold and the database does not know", _newer),
}


def add_arguments(name: str, parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    if name in {"backup", "check-backup", "restore"}:
        parser.add_argument("path", type=Path, metavar="PATH", help="the backup's folder")
    if name == "backup":
        parser.add_argument(
            "--previous", type=Path, metavar="PATH", help="an earlier backup, whose objects are linked to"
        )
    if name == "note-restore":
        parser.add_argument("time", type=_time, metavar="TIME", help="of the state that was put back")
