"""Compares what this home has made with what is there, so that lost data is never replaced in silence.

``memory.json`` names the parts that were finished, each with an identity that is random at each making, and
counts the home's starts; each part's folder carries the number of its last start. A part that was made and is
missing, not whole, another one or of another time is an error with a sentence; only what was never made is
made. Nothing here starts a process or changes a part's data.
"""

from __future__ import annotations

import json
import shlex
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bus.contract.topics import ALL
from sharpstream.stack.errors import StackError
from sharpstream.stack.state_dir import Home, Memory, write_private

RESTORING: Final = "restoring"
"""The fact that names the backup which is being put back."""
Topics = dict[str, tuple[list[str], int]]
START_FILE: Final = "sharpstream-start.json"
"""In each part's data: the start of this home at which it was last in use."""


class DataLostError(StackError):
    """Data that this home has made is not there, not whole, or of another time."""

    code = "data_lost"


@dataclass(frozen=True, kw_only=True)
class DataFolder:
    """Where one part keeps its data, what it holds for people, and what it needs to be whole.

    ``identity`` reads what is random at each making; it raises `OSError` or `ValueError` where it is damaged.
    """

    part: str
    holds: str
    path: Path
    needs: tuple[str, ...]
    identity: Callable[[Path], str]
    damage: Callable[[Path, dict[str, Any]], str | None] = lambda _path, _made: None

    @property
    def there(self) -> bool:
        """Whether anything is there."""
        return self.path.is_dir() and any(self.path.iterdir())

    def missing(self) -> list[str]:
        """Return the entries that it needs and has not."""
        return [name for name in self.needs if not (self.path / name).exists()]


def folders(home: Home, memory: Memory) -> tuple[DataFolder, ...]:
    """Return the parts that keep data."""
    inside = home.root / "postgres"
    database = Path(memory.known_fact("postgres_data") or inside) / "data"
    return (
        DataFolder(
            part="postgres",
            holds="The database (accounts, scenes, usage)",
            path=database,
            needs=_OF_POSTGRES,
            identity=_system_identifier,
        ),
        DataFolder(
            part="kafka",
            holds="Kafka's log (commands and events)",
            path=home.root / "kafka" / "data",
            needs=("meta.properties", "__cluster_metadata-0"),
            identity=_directory_id,
            damage=_lost_topic,
        ),
        DataFolder(
            part="s3",
            holds="The object store (photos, splats, exports)",
            path=home.root / "s3" / "data",
            needs=("vol_dir.uuid", _NAMES),
            identity=lambda path: (path / "vol_dir.uuid").read_text().strip(),
            damage=_lost_volume,
        ),
    )


def problems(home: Home) -> list[str]:
    """Return a sentence for each part that is not as this home has left it; none where all is well."""
    memory = Memory(home)
    parts = folders(home, memory)
    grown = [folder for folder in parts if folder.there]
    if not memory.exists:
        return [_forgotten(home, grown)] if grown else []
    if source := memory.known_fact(RESTORING):
        return [
            f"A restore into {home.root} was cut off. Finish it: sharpstream restore {shlex.quote(source)}."
            " Or begin anew: sharpstream reset all."
        ]
    return damage(home, memory)


def damage(home: Home, memory: Memory) -> list[str]:
    """Return a sentence for each part that was made and is not as it was left."""
    parts = folders(home, memory)
    return [said for folder in parts if (said := _problem(home, memory, folder))]


def require_whole(home: Home) -> None:
    """Raise `DataLostError` unless all that was made is there."""
    if found := problems(home):
        raise DataLostError("\n".join([*found, "Nothing was changed."]))


def begin_start(home: Home, memory: Memory) -> None:
    """Write the number of this start into the memory and each part's data; a cut between them is allowed for.

    Call it after `require_whole`, before any part runs.
    """
    memory.begin_start()
    for folder in folders(home, memory):
        if folder.there and (memory.made(folder.part) or not folder.missing()):
            sign(folder.path, memory)
            if not memory.made(folder.part):  # made by an earlier release, or cut off before it was noted
                remember(home, memory, folder.part)
    memory.end_start()


def remember(home: Home, memory: Memory, part: str, **more: object) -> None:
    """Note that a part was made, with its identity, once it is whole on the disk."""
    (folder,) = (folder for folder in folders(home, memory) if folder.part == part)
    sign(folder.path, memory)
    known = memory.made(part) or {}
    memory.remember_made(part, known | {"identity": folder.identity(folder.path), **more})


def sign(path: Path, memory: Memory) -> None:
    """Write the number of the running start into a part's data."""
    write_private(path / START_FILE, {"start": memory.starting or memory.starts})
    (path / START_FILE).chmod(0o644)  # as root, Postgres runs as another user and syncs all that is there


def own_topics(home: Home) -> Topics:
    """Return the topics of the running Kafka that are the system's own; partners' come and go."""
    known = {topic.name for topic in ALL} | {"__consumer_offsets", "__transaction_state"}
    return {name: found for name, found in topics_in(home.root / "kafka" / "data").items() if name in known}


def topics_in(data: Path) -> Topics:
    """Return the topics in a log folder: name -> [ids, number of partitions].

    Kafka writes a topic's id into a partition's folder some time after it has made that.
    """
    ids: dict[str, set[str]] = {}
    folders = Counter[str]()
    for path in data.iterdir():
        name, dash, number = path.name.rpartition("-")
        if not dash or not number.isdecimal() or not path.is_dir():
            continue
        folders[name] += 1
        described = path / "partition.metadata"
        lines = described.read_text().splitlines() if described.is_file() else []
        ids.setdefault(name, set()).update(line[10:] for line in lines if line.startswith("topic_id: "))
    return {name: (sorted(ids[name]), folders[name]) for name in sorted(folders)}


def _problem(home: Home, memory: Memory, folder: DataFolder) -> str | None:
    made, path = memory.made(folder.part), folder.path
    if made is None and not memory.of_earlier_release:
        return None  # the first start was cut off: it goes on
    if not folder.there:
        return _say(folder, f"was made in {path}, and that is missing or empty")
    if missing := folder.missing():
        return _say(folder, f"in {path} is not whole: {', '.join(missing[:3])} is missing")
    return _difference(home, memory, folder, made) if made else None


def _difference(home: Home, memory: Memory, folder: DataFolder, made: dict[str, Any]) -> str | None:
    path = folder.path
    try:
        identity, start, damage = folder.identity(path), _start_of(path), folder.damage(path, made)
    except (OSError, ValueError) as error:
        return _say(folder, f"in {path} cannot be read: {error}")
    if identity != made["identity"]:
        return _say(folder, f"in {path} is another one than this home has made")
    if start not in memory.expected_starts:
        return _other_time(home, memory, folder, start)
    return damage and _say(folder, f"in {path} is not whole: {damage}")


def _start_of(path: Path) -> int:
    with suppress(FileNotFoundError):
        return int(json.loads((path / START_FILE).read_text())["start"])
    return 0


def _say(folder: DataFolder, what: str) -> str:
    return (
        f"{folder.holds} {what}. Put it back (mount its disk, or restore a copy of the whole home), or begin"
        f" without it: sharpstream reset {folder.part}."
    )


def _other_time(home: Home, memory: Memory, folder: DataFolder, start: int) -> str:
    if start > memory.starts:
        return (
            f"{home.root / 'memory.json'} is an older copy: it knows {memory.starts} starts of this home, and"
            f" {folder.path} is of start {start}. Put back the one that belongs to it."
        )
    return _say(
        folder, f"in {folder.path} is an older copy: of start {start}, and the home of {memory.starts}"
    )


def _forgotten(home: Home, grown: list[DataFolder]) -> str:
    parts = ", ".join(str(folder.path) for folder in grown)
    return (
        f"{home.root / 'memory.json'}, with this home's passwords and ports, is missing; there is {parts}."
        " Put it back (restore a copy of the whole home), or begin anew: sharpstream reset all."
    )


_NAMES: Final = "filerldb2"
_OF_POSTGRES: Final = (
    "PG_VERSION",
    "base",
    "global/pg_control",
    "pg_commit_ts",
    "pg_dynshmem",
    "pg_hba.conf",
    "pg_ident.conf",
    "pg_logical",
    "pg_multixact",
    "pg_notify",
    "pg_replslot",
    "pg_serial",
    "pg_snapshots",
    "pg_stat",
    "pg_stat_tmp",
    "pg_subtrans",
    "pg_tblspc",
    "pg_twophase",
    "pg_wal",
    "pg_xact",
    "postgresql.conf",
)
"""What initdb of PostgreSQL 18 makes and its server does not start without."""


def _system_identifier(data: Path) -> str:
    """Return the first field of ``pg_control`` (src/include/catalog/pg_control.h): 8 bytes, random enough."""
    with (data / "global" / "pg_control").open("rb") as file:
        found = file.read(8)
    if len(found) < 8:
        raise ValueError("global/pg_control is cut off")
    return str(struct.unpack("=Q", found)[0])


def _directory_id(data: Path) -> str:
    """Return KRaft's id of a log folder, random at each formatting; the cluster's is used again."""
    for line in (data / "meta.properties").read_text().splitlines():
        if line.startswith("directory.id="):
            return line.partition("=")[2].strip()
    raise ValueError("meta.properties names no directory.id")


def _lost_topic(data: Path, made: dict[str, Any]) -> str | None:
    """Return which topic is gone: Kafka makes its folders anew, empty, and says nothing."""
    there = topics_in(data)
    for name, (ids, partitions) in made.get("topics", {}).items():
        found, count = there.get(name, ([], 0))
        if count < partitions:
            return f"topic {name} has {count} of {partitions} partitions"
        if ids and not set(found) <= set(ids):
            return f"topic {name} is another one"
    return None


def _lost_volume(data: Path, made: dict[str, Any]) -> str | None:
    """Return which file is gone: objects are in ``N.dat``, their positions in ``N.idx``, names apart."""
    for name in made.get("names", ()):
        if not (data / _NAMES / name / "CURRENT").exists():
            return f"{_NAMES}/{name}/CURRENT is missing"
    for stem in sorted({path.stem for path in _volume_files(data)}):
        for ending in (".dat", ".idx"):
            if not (data / (stem + ending)).exists():
                return f"{stem}{ending} is missing"
    return None


def names_in(data: Path) -> list[str]:
    """Return the folders of the store's LevelDB, in which objects' names are."""
    return sorted(path.name for path in (data / _NAMES).iterdir() if path.is_dir())


def _volume_files(data: Path) -> Iterator[Path]:
    return (path for path in data.iterdir() if path.suffix in {".dat", ".idx", ".vif"})
