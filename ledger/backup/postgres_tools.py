"""Postgres' own dump and restore, found on the PATH; they must not be older than the server."""

from __future__ import annotations

import asyncio
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit, urlunsplit

from ledger.backup.errors import BackupError

_SHOWN: Final = 500


async def dump(url: str, snapshot: str, to: Path) -> None:
    """Write the database as this exported snapshot sees it. Raises `BackupError` with Postgres' words."""
    options = ("--format=custom", "--no-owner", "--no-privileges", f"--snapshot={snapshot}", f"--file={to}")
    await _run("pg_dump", url, *options)


async def restore(url: str, dumped: Path) -> None:
    """Fill an empty database from a dump, in one transaction. Raises `BackupError` with Postgres' words."""
    options = ("--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges", str(dumped))
    await _run("pg_restore", url, *options)


async def _run(name: str, url: str, *options: str) -> None:
    program = shutil.which(name)
    if program is None:
        raise BackupError(
            f"{name} is not on the PATH: install Postgres' client programs, of the server's version or newer."
        )
    shown, password = _apart(url)
    env = os.environ | ({"PGPASSWORD": password} if password else {})  # every user can read a command line
    process = await asyncio.create_subprocess_exec(
        program, f"--dbname={shown}", *options, env=env, stderr=asyncio.subprocess.PIPE
    )
    try:
        _, said = await process.communicate()
    except BaseException:
        with suppress(ProcessLookupError):  # it has ended meanwhile
            process.kill()
        await process.wait()
        raise
    if process.returncode != 0:
        raise BackupError(f"{name} failed: {said.decode(errors='replace').strip()[-_SHOWN:]}")


def _apart(url: str) -> tuple[str, str | None]:
    """Return the URL without its password, and the password."""
    parts = urlsplit(url)
    if parts.password is None:
        return url, None
    user, _, host = parts.netloc.rpartition("@")
    without = parts._replace(netloc=f"{user.partition(':')[0]}@{host}")
    return urlunsplit(without), unquote(parts.password)
