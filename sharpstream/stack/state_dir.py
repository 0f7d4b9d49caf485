"""The folder that holds all state of a stack, and the values kept from one start to the next.

`SHARPSTREAM_HOME` moves it, so several stacks run side by side.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from sharpstream.stack import ports

HOME_KEY: Final = "SHARPSTREAM_HOME"
PART_KEY: Final = "SHARPSTREAM_PART"
"""Each process of a stack carries both in its environment, by which orphans are found."""
_PROJECT: Final = Path(__file__).resolve().parents[2]


def default_root() -> Path:
    """Return `SHARPSTREAM_HOME`, else ``.sharpstream`` in the project (or in the current folder)."""
    if chosen := os.environ.get(HOME_KEY):
        return Path(chosen).expanduser().resolve()
    base = _PROJECT if (_PROJECT / "pyproject.toml").is_file() else Path.cwd()
    return base / ".sharpstream"


class Home:
    """Paths below one folder, which `create` makes."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def create(self) -> None:
        """Make the folders; idempotent."""
        for folder in (self.root, self.logs, self.run):
            folder.mkdir(parents=True, exist_ok=True)
        # Passable, not listable: as root, Postgres runs as another user and must reach its own folder.
        self.root.chmod(0o711)
        for folder in (self.logs, self.run):
            folder.chmod(0o700)

    @property
    def logs(self) -> Path:
        """The logs, one file per part."""
        return self.root / "logs"

    @property
    def run(self) -> Path:
        """Files of a running supervisor: its lock, its pid, its control socket."""
        return self.root / "run"

    @property
    def credentials(self) -> Path:
        """Passwords and addresses for people and tools, mode 600."""
        return self.root / "credentials.json"

    @property
    def failure(self) -> Path:
        """Why the last start failed; the supervisor may end before a client can ask it."""
        return self.run / "failure"

    def log(self, part: str) -> Path:
        """Return the part's log file."""
        return self.logs / f"{part}.log"

    def folder(self, part: str) -> Path:
        """Return the part's own folder, made on demand."""
        path = self.root / part
        path.mkdir(exist_ok=True)
        return path

    def environment(self, part: str) -> dict[str, str]:
        """Return the part of our environment that a server needs, with the marks of this stack."""
        kept = {
            key: os.environ[key] for key in ("PATH", "LANG", "LC_ALL", "TZ", "JAVA_HOME") if key in os.environ
        }
        return kept | {"HOME": str(self.root), HOME_KEY: str(self.root), PART_KEY: part}


class Memory:
    """Ports and passwords, made once and kept in ``memory.json`` (mode 600)."""

    def __init__(self, home: Home) -> None:
        self._path = home.root / "memory.json"
        self._data: dict[str, dict[str, Any]] = {"ports": {}, "secrets": {}, "facts": {}}
        self._companions: dict[str, int] = {}
        if self._path.exists():
            self._data |= json.loads(self._path.read_text())

    def secret(self, name: str) -> str:
        """Return the password of that name; 192 random bits, letters and digits only."""
        return str(self._once("secrets", name, lambda: secrets.token_hex(24)))

    def role_password(self, role: str) -> str:
        """Return the password of a role's own user, the same in Kafka, in Postgres and in the store."""
        return self.secret(f"role_{role}")

    def fact(self, name: str, make: Callable[[], str]) -> str:
        """Return what ``make`` returned at the first call."""
        return str(self._once("facts", name, make))

    def known_fact(self, name: str) -> str | None:
        """Return the fact, if any."""
        return self._data["facts"].get(name)

    def port(self, name: str, *, companion: int = 0) -> int:
        """Return the port of that name, chosen at the first call; see `ports.choose` for ``companion``."""
        if companion:
            self._companions[name] = companion
        return int(
            self._once("ports", name, lambda: ports.choose(self.taken_with_companions, companion=companion))
        )

    def remember_port(self, name: str, port: int) -> None:
        """Keep a port that the caller chose."""
        self._data["ports"][name] = port
        self._save()

    def known_port(self, name: str) -> int | None:
        """Return the remembered port, if any."""
        return self._data["ports"].get(name)

    @property
    def taken(self) -> set[int]:
        """All ports of this stack."""
        return set(self._data["ports"].values())

    @property
    def taken_with_companions(self) -> set[int]:
        """All ports of this stack, with those that a program takes beside one of them."""
        return self.taken | {
            self._data["ports"][name] + gap
            for name, gap in self._companions.items()
            if name in self._data["ports"]
        }

    def forget_taken_ports(self, keep: frozenset[str] = frozenset()) -> list[str]:
        """Forget the ports that are in use by now, except ``keep``; return their names.

        Call it only before the parts run. No other program has stored these ports.
        """
        gone = [n for n, p in self._data["ports"].items() if n not in keep and not ports.is_free(p)]
        for name in gone:
            del self._data["ports"][name]
        if gone:
            self._save()
        return gone

    def _once(self, kind: str, name: str, make: Callable[[], Any]) -> Any:
        if name not in self._data[kind]:
            self._data[kind][name] = make()
            self._save()
        return self._data[kind][name]

    def _save(self) -> None:
        write_private(self._path, self._data)


def write_private(path: Path, data: object) -> None:
    """Replace a JSON file atomically, readable by its owner alone."""
    write_private_text(path, json.dumps(data, indent=2) + "\n")


def write_private_text(path: Path, text: str) -> None:
    """Replace a file atomically, readable by its owner alone; it survives a power cut whole or not at all."""
    fresh = path.with_name(path.name + ".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    fresh.replace(path)
