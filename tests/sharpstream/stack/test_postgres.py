"""The database outlives kills, stale pid files and restarts."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sharpstream.stack import process
from sharpstream.stack.errors import StartError
from sharpstream.stack.postgres import Postgres, psql
from sharpstream.stack.process import Account
from sharpstream.stack.state_dir import Home, Memory
from sharpstream.stack.supervisor import Supervisor
from tests.sharpstream.stack.programs import restarted

pytestmark = pytest.mark.stack
ROOT = Path(__file__).parents[3]


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
@pytest.mark.parametrize("namespaces", [True, False])
async def test_as_root_the_database_lives_where_nothing_cleans(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, namespaces: bool
) -> None:
    """In a closed folder: inside it in a user namespace, else where no cleaner of the system looks."""
    closed = tmp_path / "closed"
    home = Home(closed / "home")
    home.create()
    closed.chmod(0o700)
    if not namespaces:
        monkeypatch.setattr(process, "has_namespaces", lambda _account: False)
    elif not process.has_namespaces(Account("nobody", 65534, 65534)):
        pytest.skip("user namespaces are forbidden here")
    postgres = Postgres(home, Memory(home), durable=False)
    supervisor = Supervisor(home, [postgres])
    await supervisor.start(["postgres"])
    data = postgres._data
    try:
        pid = supervisor.part("postgres").pid
        status = Path(f"/proc/{pid}/status").read_text()  # noqa: ASYNC240 - no disk
        assert "CapEff:\t0000000000000000" in status, "no capability of root's"
        assert data.is_relative_to(home.root if namespaces else "/var/lib/sharpstream")
        assert psql(postgres.url_of("postgres"), "SELECT 1") == "1"
    finally:
        await supervisor.stop()
        if not namespaces:
            shutil.rmtree(data.parent)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to give its place to another user")
async def test_a_database_that_lies_outside_is_moved_into_the_home(
    home: Home, supervisor: Supervisor, tmp_path: Path
) -> None:
    psql(Postgres(home, Memory(home)).url, "CREATE TABLE kept AS SELECT 42 AS answer")
    await supervisor.stop()
    outside = tmp_path / "sharpstream-postgres-abc"
    shutil.move(home.root / "postgres", outside)
    memory = Memory(home)
    memory.change_fact("postgres_data", str(outside))
    postgres = Postgres(home, memory)
    again = Supervisor(home, [postgres])
    await again.start(["postgres"])
    try:
        assert psql(postgres.url, "SELECT answer FROM kept") == "42"
        assert postgres._data.is_relative_to(home.root)
        assert not outside.exists()
    finally:
        await again.stop()


def test_a_user_without_an_entry_in_passwd_gets_a_database(tmp_path: Path) -> None:
    """As containers run with any number; initdb and libpq look for the name of their user."""
    nameless = Account("", 54_321, 54_321, in_namespace=True)
    if not process.has_namespaces(nameless):
        pytest.skip("user namespaces are forbidden here")
    command = [sys.executable, "-m", "tests.sharpstream.stack.own_postgres", str(tmp_path)]
    env = {"PATH": os.environ["PATH"], "SHARPSTREAM_PORTS": os.environ.get("SHARPSTREAM_PORTS", "")}
    done = process.run(command, env=env, cwd=ROOT, account=nameless)
    assert done.stdout.splitlines()[-1] == "54321: 42", done.stderr
