"""Puts a backup back into an empty home: the database and the objects; Kafka's log follows at the next start.

The log is published again into a new topic epoch (`System`), because what the former Kafka held after the
backup must not come back: each event is in the new log once. Cut off at any moment, the next call goes on;
until it has ended, `sharpstream up` refuses.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sharpstream.stack import backup, checks, data_check, environment, own_commands, roles
from sharpstream.stack.errors import StackError
from sharpstream.stack.kafka import Kafka
from sharpstream.stack.lock import only_one
from sharpstream.stack.postgres import Postgres, programs
from sharpstream.stack.s3 import S3
from sharpstream.stack.state_dir import Home, Memory, write_private_text
from sharpstream.stack.supervisor import Supervisor

Report = Callable[[dict[str, Any]], None]
"""Called with each line that the command prints while it works."""


def restore(home: Home, folder: Path, report: Report) -> dict[str, Any]:
    """Restore the backup and return what was put back. Raises `StackError`; then nothing is lost."""
    home.create()
    checks.disk(home.root)
    with only_one(home) as alone:
        if not alone:
            raise StackError(f"The system in {home.root} runs; a backup is put back into an empty home.")
        return asyncio.run(_restore(home, folder.resolve(), report))


async def _restore(home: Home, folder: Path, report: Report) -> dict[str, Any]:
    memory = await _adopt(home, folder)
    if found := data_check.damage(home, memory):
        raise data_check.DataLostError("\n".join([*found, "Nothing was changed."]))
    data_check.begin_start(home, memory)
    memory.forget_taken_ports()
    kafka, postgres, s3 = Kafka(home, memory), Postgres(home, memory), S3(home, memory)
    supervisor = Supervisor(home, [postgres, s3])
    try:
        await supervisor.start(supervisor.parts)
        data_check.remember(home, memory, "postgres")
        await asyncio.to_thread(postgres.create_database)
        servers = roles.Servers(kafka=kafka.settings, s3=s3.settings, database_url=postgres.url)
        env = servers.variables() | {"PATH": f"{programs()}:{environment.of_part(home, 'setup')['PATH']}"}
        await own_commands.run(home, env, "bus.blobs")
        data_check.remember(home, memory, "s3", names=data_check.names_in(home.root / "s3" / "data"))
        said = await own_commands.run(
            home, env, "ledger", "restore", str(folder), capture=True, on_line=_reading(report)
        )
    finally:
        await supervisor.stop()
    memory.forget_made((), facts=(data_check.RESTORING,))
    found = json.loads(said.splitlines()[-1])
    return dict(found)


async def _adopt(home: Home, folder: Path) -> Memory:
    """Give the empty home the backup's passwords, once. Raises `StackError` for a home that has grown."""
    said = await own_commands.run(home, {}, "ledger", "check-backup", str(folder), capture=True)
    manifest = json.loads(said.splitlines()[-1])
    memory = Memory(home)
    if memory.exists:
        if memory.known_fact(data_check.RESTORING) != str(folder):
            raise StackError(
                f"{home.root} holds a system already, and a restore replaces nothing: name an empty home,"
                " SHARPSTREAM_HOME=/other/folder."
            )
        return memory
    if found := data_check.problems(home):
        raise StackError("\n".join(found))
    own = backup.read(folder)
    if own["settings"] is not None:
        write_private_text(home.root / environment.SETTINGS, own["settings"])
    epoch = {"topic_epoch": str(manifest["topic_epoch"] + 1), data_check.RESTORING: str(folder)}
    memory.adopt(own["secrets"], own["facts"] | epoch)
    return memory


def _reading(report: Report) -> Callable[[str], None]:
    def read(line: str) -> None:
        found = json.loads(line)
        if isinstance(found, dict) and "stage" in found:
            report(found)

    return read
