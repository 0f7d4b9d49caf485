"""The folder that holds all state of a stack, and the values kept from one start to the next.

`SHARPSTREAM_HOME` moves it, so several stacks run side by side.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sharpstream.stack import ports
from sharpstream.stack.errors import DamagedMemoryError, HomeError

HOME_KEY: Final = "SHARPSTREAM_HOME"
PART_KEY: Final = "SHARPSTREAM_PART"
"""Each process of a stack carries both in its environment, by which orphans are found."""
_ELSEWHERE: Final = "Or keep the data elsewhere: SHARPSTREAM_HOME=/other/disk."
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
        """Make the folders; idempotent. Raises `HomeError` where the disk refuses, or keeps no modes."""
        inner = (self.logs, self.run, self.temporary)
        with self.writing():
            for folder in (self.root, *inner):
                folder.mkdir(parents=True, exist_ok=True)
            # Passable, not listable: as root, Postgres runs as another user and must reach its own folder.
            self.root.chmod(0o711)
            for folder in inner:
                folder.chmod(0o700)
            probe = self.temporary / ".writable"
            probe.touch()
            probe.unlink()
        if any(folder.stat().st_mode & 0o777 != 0o700 for folder in inner):
            raise HomeError(
                f"The data cannot be kept in {self.root}: its disk keeps no permissions of files, as FAT does"
                f" not, and passwords lie there. {_ELSEWHERE}"
            )

    @property
    def is_made(self) -> bool:
        """Whether `create` was ever here; not so where nothing can be."""
        return os.path.isdir(self.run)  # noqa: PTH112  (Path's own raises at a name that is too long)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Raise `HomeError` where the body cannot write below the root."""
        try:
            yield
        except OSError as error:
            raise HomeError(
                f"The data cannot be kept in {self.root}: {error.filename or self.root}:"
                f" {error.strerror or error}. Make it writable for you. {_ELSEWHERE}"
            ) from error

    @property
    def logs(self) -> Path:
        """The logs, one file per part."""
        return self.root / "logs"

    @property
    def run(self) -> Path:
        """Files of a running supervisor: its lock, its pid, its control socket."""
        return self.root / "run"

    @property
    def temporary(self) -> Path:
        """The processes' temporary files, which no cleaner of the system removes while they run."""
        return self.root / "tmp"

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
    """Ports, passwords and what was made, kept in ``memory.json`` (mode 600).

    Raises `DamagedMemoryError` where the file is there and cannot be read.
    """

    def __init__(self, home: Home) -> None:
        self._path = home.root / "memory.json"
        self._data: dict[str, dict[str, Any]] = {
            "ports": {},
            "secrets": {},
            "facts": {},
            "made": {},
            "starts": {"finished": 0},
        }
        self._companions: dict[str, int] = {}
        if self.exists:
            self._data |= self._read()

    @property
    def exists(self) -> bool:
        """Whether the file is there; it is not in a home that was never started."""
        return self._path.exists()

    def made(self, part: str) -> dict[str, Any] | None:
        """Return what identifies a part's data; None if it was never finished."""
        return self._data["made"].get(part)

    def remember_made(self, part: str, what: dict[str, Any]) -> None:
        """Note that a part's data was finished."""
        if self._data["made"].get(part) != what:
            self._data["made"][part] = what
            self._save()

    def forget_made(
        self, parts: Collection[str], facts: Collection[str] = (), changes: Mapping[str, str] | None = None
    ) -> None:
        """Let these parts be made anew; forget facts about their content, and note others, all at once."""
        self._data["facts"] |= changes or {}
        for part in parts:
            self._data["made"].pop(part, None)
        for name in facts:
            self._data["facts"].pop(name, None)
        # The other parts keep their numbers; those of an earlier release have none, and count as start 0.
        self._data["starts"].setdefault("noted", 1)
        self._save()

    @property
    def of_earlier_release(self) -> bool:
        """Whether a release that noted nothing of what it made has finished a start here."""
        noted = self.starts or self.starting or self._data["starts"].get("noted")
        return not noted and self.known_fact("api_key") is not None

    @property
    def starts(self) -> int:
        """How often this home was started."""
        return int(self._data["starts"]["finished"])

    @property
    def starting(self) -> int | None:
        """The number of a start whose parts are being signed with it."""
        return self._data["starts"].get("begun")

    @property
    def expected_starts(self) -> frozenset[int]:
        """The numbers that a part's data may carry; two if a start was cut off while they were written."""
        return frozenset({self.starts} | ({self.starting} if self.starting else set()))

    def begin_start(self) -> None:
        """Count a start, before the parts' data is signed with its number."""
        self._data["starts"]["begun"] = self.starts + 1
        self._save()

    def end_start(self) -> None:
        """Note that all parts' data carries the number."""
        self._data["starts"] = {"finished": self._data["starts"]["begun"]}
        self._save()

    def secret(self, name: str) -> str:
        """Return the password of that name; 192 random bits, letters and digits only."""
        return str(self._once("secrets", name, lambda: secrets.token_hex(24)))

    @property
    def secrets(self) -> dict[str, str]:
        """Every password by its name."""
        return dict(self._data["secrets"])

    def adopt(self, passwords: Mapping[str, str], facts: Mapping[str, str]) -> None:
        """Begin with another home's passwords and facts, in one write."""
        self._data["secrets"] |= passwords
        self._data["facts"] |= facts
        self._data["starts"]["noted"] = 1  # nothing was made yet, and that is known
        self._save()

    def known_secret(self, name: str) -> str | None:
        """Return the password, if any."""
        return self._data["secrets"].get(name)

    def change_secrets(self, changes: Mapping[str, str]) -> None:
        """Replace passwords, all at once; an empty one is forgotten."""
        self._data["secrets"] = {n: s for n, s in {**self._data["secrets"], **changes}.items() if s}
        self._save()

    def role_password(self, role: str) -> str:
        """Return the password of a role's own user, the same in Kafka, in Postgres and in the store."""
        return self.secret(f"role_{role}")

    def fact(self, name: str, make: Callable[[], str]) -> str:
        """Return what ``make`` returned at the first call."""
        return str(self._once("facts", name, make))

    def change_fact(self, name: str, value: str) -> None:
        """Replace a fact."""
        self._data["facts"][name] = value
        self._save()

    @property
    def topic_epoch(self) -> int:
        """The number of the topics: it rises when Kafka's log is made anew beside a grown database."""
        return int(self.known_fact("topic_epoch") or 1)

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

    def _read(self) -> dict[str, dict[str, Any]]:
        try:
            found = json.loads(self._path.read_text())
        except ValueError as error:
            found = error
        if not isinstance(found, dict) or not all(isinstance(each, dict) for each in found.values()):
            raise DamagedMemoryError(
                f"{self._path}, with this home's passwords and ports, cannot be read. Put it back (restore a"
                " copy of the whole home), or begin anew: sharpstream reset all."
            )
        return found

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
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    _sync(folder, os.O_RDONLY | os.O_DIRECTORY)


def sync_file(path: Path) -> None:
    """Make a file's content survive a power cut."""
    _sync(path, os.O_RDONLY)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
