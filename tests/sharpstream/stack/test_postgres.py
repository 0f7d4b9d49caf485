"""The database outlives kills, stale pid files and restarts."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sharpstream.stack.errors import StartError
from sharpstream.stack.postgres import Postgres, psql
from sharpstream.stack.state_dir import Home, Memory
from sharpstream.stack.supervisor import Supervisor
from tests.sharpstream.stack.programs import restarted

pytestmark = pytest.mark.stack


@pytest.fixture
async def supervisor(home: Home) -> AsyncIterator[Supervisor]:
    """A supervisor that runs only Postgres."""
    postgres = Postgres(home, Memory(home))
    supervisor = Supervisor(home, [postgres])
    await supervisor.start(["postgres"])
    postgres.create_database()
    postgres.create_database()  # idempotent
    yield supervisor
    await supervisor.stop()


async def test_data_outlives_a_kill_and_a_stale_pid_file(home: Home, supervisor: Supervisor) -> None:
    url = Postgres(home, Memory(home)).url
    psql(url, "CREATE TABLE kept AS SELECT 42 AS answer")
    part = supervisor.part("postgres")
    old = part.pid
    assert old
    os.kill(old, signal.SIGKILL)
    await restarted(part, old)
    assert psql(url, "SELECT answer FROM kept") == "42"

    await part.stop()
    data = home.root / "postgres" / "data"
    (data / "postmaster.pid").write_text(f"{os.getpid()}\n{data}\n")  # our pid: alive, but not Postgres
    await supervisor.start(["postgres"])
    assert psql(url, "SELECT answer FROM kept") == "42"


async def test_the_password_is_asked_for(home: Home, supervisor: Supervisor) -> None:
    url = Postgres(home, Memory(home)).url
    wrong = url.replace(Memory(home).secret("postgres"), "guessed")
    with pytest.raises(StartError, match="password authentication failed"):
        psql(wrong, "SELECT 1")
    assert not list((home.root / "postgres").glob("password*"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to give its place to another user")
def test_as_root_the_data_moves_out_of_a_closed_folder(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    home = Home(closed / "home")
    home.create()
    closed.chmod(0o700)
    data = Postgres(home, Memory(home))._data
    assert not data.is_relative_to(closed)
    assert str(data.parent) in (home.root / "postgres" / "README").read_text()
    data.parent.rmdir()
