"""What a home has made is compared with what is there; lost data is never replaced in silence.

| class | members | source |
|---|---|---|
| a part is missing | its folder, an empty mount point in its place | pg0#6, docker-library/postgres#491 |
| a part is not whole | a file or folder of the database, a topic, a volume, the store's names | as above |
| a part is another one | made anew elsewhere; an older copy | kafka-portfolio-project#27 |
| the memory is lost | missing, cut off, of another shape, an older copy | margince#1120 |
| a first start was cut off | at each step of a part's making | cs-demo-manager#1454 |
"""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from sharpstream.stack import data_check, data_reset
from sharpstream.stack.errors import DamagedMemoryError, StackError
from sharpstream.stack.lock import only_one
from sharpstream.stack.state_dir import Home, Memory
from sharpstream.stack.system import System
from tests.sharpstream.stack.cli import sharpstream

pytestmark = pytest.mark.stack

HARMLESS = frozenset({
    "credentials.json",  # written at each start
    "logs",
    "run",
    "run/lock",
    "kafka/server.properties",
    "s3/identities.json",
    "s3/options",
    "s3/security.toml",
    "s3/tls",
    "tmp",
})  # fmt: skip
"""What each start makes anew from the memory."""
FOLDERS = ("postgres/data", "kafka/data", "s3/data")


@pytest.fixture(scope="module")
def stopped() -> Iterator[tuple[Home, Path]]:
    """A home whose servers were started and stopped, and an older copy of it."""
    root = Path(tempfile.mkdtemp(prefix="sharpstream-home-", dir="/var/tmp"))
    root.chmod(0o711)  # as root, Postgres runs as another user
    home = Home(root / "home")
    home.create()
    asyncio.run(_started_and_stopped(home))
    shutil.copytree(home.root, root / "older", ignore=_sockets)
    assert data_check.problems(home) == []
    data_check.begin_start(home, Memory(home))  # the next start
    yield home, root / "older"
    shutil.rmtree(root)


async def _started_and_stopped(home: Home) -> None:
    system = System(home, lambda _line: None)
    data_check.begin_start(home, system._memory)
    try:
        await system._start_servers()
        async with asyncio.timeout(60):
            while data_check.own_topics(home).get("sharp.events.v1", ([], 0))[1] < 12:  # noqa: ASYNC110 - a folder fills
                await asyncio.sleep(0.1)
        system._remember("kafka", topics=data_check.own_topics(home))
    finally:
        await system.stop()


def _sockets(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if (Path(folder) / name).is_socket()]


@contextmanager
def without(path: Path) -> Iterator[None]:
    """Take a file or folder away, and put it back."""
    away = path.with_name(path.name + ".away")
    path.rename(away)
    try:
        yield
    finally:
        if path.is_dir():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
        away.rename(path)


def found(home: Home) -> list[str]:
    try:
        return data_check.problems(home)
    except DamagedMemoryError as error:
        return [error.message]


def test_every_loss_in_the_first_two_levels_is_found_or_harmless(stopped: tuple[Home, Path]) -> None:
    home, older = stopped
    assert found(home) == []
    first = sorted(path for path in home.root.iterdir() if not path.is_socket())
    second = [inner for path in first if path.is_dir() for inner in sorted(path.iterdir())]
    seen = {}
    for path in [*first, *(path for path in second if not path.is_socket())]:
        name = str(path.relative_to(home.root))
        if name.startswith(("logs/", "run/")):
            continue
        with without(path):
            seen[name, "missing"] = found(home)
            if (older / name).is_dir():
                shutil.copytree(older / name, path, ignore=_sockets)
            elif (older / name).exists():
                shutil.copy2(older / name, path)
            seen[name, "older"] = found(home)
    silent = {name for (name, _), said in seen.items() if not said}
    assert silent == HARMLESS & {name for name, _ in seen}
    for (name, _), said in seen.items():
        if name not in HARMLESS:
            assert all("Put" in sentence and "back" in sentence for sentence in said), said
    assert found(home) == []


@pytest.mark.parametrize(
    "name",
    [
        "postgres/data/PG_VERSION",
        "postgres/data/global/pg_control",
        "postgres/data/base",
        "postgres/data/pg_notify",
        "postgres/data/postgresql.conf",
        "kafka/data/meta.properties",
        "kafka/data/__cluster_metadata-0",
        "kafka/data/sharp.events.v1-3",
        "s3/data/vol_dir.uuid",
        "s3/data/filerldb2",
        "s3/data/filerldb2/03",
    ],
)
def test_a_part_that_is_not_whole_is_named(stopped: tuple[Home, Path], name: str) -> None:
    home, _ = stopped
    with without(home.root / name):
        (said,) = found(home)
        assert "is not whole" in said
        assert str(home.root / Path(name).parts[0]) in said
        assert f"sharpstream reset {Path(name).parts[0]}" in said
        with pytest.raises(data_check.DataLostError, match="Nothing was changed"):
            data_check.require_whole(home)


@pytest.mark.parametrize("name", FOLDERS)
def test_an_empty_folder_where_a_disk_belongs_is_a_loss(stopped: tuple[Home, Path], name: str) -> None:
    home, _ = stopped
    with without(home.root / name):
        (home.root / name).mkdir()
        (said,) = found(home)
        assert "missing or empty" in said


def test_a_log_that_was_made_anew_is_another_one(stopped: tuple[Home, Path]) -> None:
    home, _ = stopped
    path = home.root / "kafka" / "data" / "meta.properties"
    kept = path.read_text()
    identity = data_check._directory_id(path.parent)
    path.write_text(kept.replace(identity, "A" * len(identity)))  # the cluster's id is the same
    try:
        (said,) = found(home)
        assert "another one" in said
    finally:
        path.write_text(kept)


def test_a_topic_that_was_made_anew_is_a_loss(stopped: tuple[Home, Path]) -> None:
    home, _ = stopped
    memory = Memory(home)
    made = memory.made("kafka")
    assert made
    ids, partitions = data_check.topics_in(home.root / "kafka" / "data")["sharp.events.v1"]
    assert (len(ids), partitions) == (1, 12)
    try:
        memory.remember_made("kafka", made | {"topics": {"sharp.events.v1": (["another"], 12)}})
        (said,) = found(home)
        assert "sharp.events.v1" in said
        memory.remember_made("kafka", made | {"topics": {"sharp.events.v1": (ids, 12)}})
        assert found(home) == []
    finally:
        memory.remember_made("kafka", made)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"made": 1}'])
def test_a_memory_that_cannot_be_read_is_said(stopped: tuple[Home, Path], text: str) -> None:
    home, _ = stopped
    with without(home.root / "memory.json"):
        (home.root / "memory.json").write_text(text)
        done = sharpstream(home, "check")
        assert done.returncode == 1
        assert "cannot be read" in done.stdout + done.stderr
        assert "Traceback" not in done.stderr


def test_check_says_what_is_lost_and_starts_nothing(stopped: tuple[Home, Path]) -> None:
    home, _ = stopped
    done = sharpstream(home, "check")
    assert (done.returncode, done.stdout) == (0, f"All that was made in {home.root} is there.\n")
    with without(home.root / "s3" / "data"):
        done = sharpstream(home, "check", "--json")
        assert done.returncode == 1
        assert len(json.loads(done.stdout)["problems"]) == 1
        up = sharpstream(home, "up")
        assert up.returncode == 1
        assert "sharpstream reset s3" in up.stderr
        assert not (home.root / "s3" / "data").exists(), "nothing was made"


def test_a_start_that_was_cut_off_while_parts_were_numbered_is_no_loss(stopped: tuple[Home, Path]) -> None:
    home, _ = stopped
    memory = Memory(home)
    before = memory.starts
    memory.begin_start()
    data_check.sign(home.root / "kafka" / "data", memory)  # the first of three
    assert found(home) == []
    assert Memory(home).starts == before
    data_check.begin_start(home, Memory(home))
    assert Memory(home).starts == before + 1
    assert found(home) == []


def test_a_home_of_an_earlier_release_is_taken_over(stopped: tuple[Home, Path], tmp_path: Path) -> None:
    home, _ = stopped
    path = home.root / "memory.json"
    with without(path):
        known = json.loads(path.with_name("memory.json.away").read_text())
        old = {kind: known[kind] for kind in ("ports", "secrets", "facts")}
        path.write_text(json.dumps(old))
        with without(home.root / "postgres" / "data" / "PG_VERSION"):
            (said,) = found(home)
            assert "PG_VERSION is missing" in said
        with without(home.root / "kafka" / "data"):
            assert len(found(home)) == 1
        assert found(home) == []
        data_check.begin_start(home, Memory(home))
        assert all(Memory(home).made(part) for part in ("postgres", "kafka", "s3"))
        assert found(home) == []
    memory = Memory(home)
    for name in FOLDERS:
        data_check.sign(home.root / name, memory)


def test_reset_renames_and_forgets(home: Home) -> None:
    memory = Memory(home)
    memory.fact("api_key", lambda: "k")
    for name in FOLDERS:
        (home.root / name).mkdir(parents=True)
        (home.root / name / "kept").write_text("x")
    memory.remember_made("s3", {"identity": "1"})
    memory.remember_made("kafka", {"identity": "2"})
    (aside,) = data_reset.reset(home, "s3")
    assert (aside / "kept").read_text() == "x"
    assert not (home.root / "s3" / "data").exists()
    assert (Memory(home).made("s3"), Memory(home).made("kafka")) == (None, {"identity": "2"})
    assert Memory(home).known_fact("api_key") == "k"
    assert len(data_reset.reset(home, "postgres")) == 2
    assert Memory(home).known_fact("api_key") is None
    with only_one(home), pytest.raises(StackError, match="down"):
        data_reset.reset(home, "all")
    data_reset.reset(home, "all")
    assert not (home.root / "memory.json").exists()
    assert data_check.problems(home) == []


class Cut(BaseException):
    """The power, at this line."""


@pytest.mark.parametrize("part", ["kafka", "s3", "postgres"])
@pytest.mark.parametrize("after", range(4))
def test_a_reset_that_is_cut_off_is_finished_by_the_next(
    home: Home, part: str, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = Memory(home)
    for number, name in enumerate(FOLDERS):
        (home.root / name).mkdir(parents=True)
        (home.root / name / "kept").write_text("x")
        memory.remember_made(name.split("/")[0], {"identity": str(number)})
    epoch, steps = memory.topic_epoch, iter(range(10))

    def cut(step: Callable[..., Any]) -> Callable[..., Any]:
        def taken(*given: Any, **more: Any) -> Any:
            if next(steps) == after:
                raise Cut
            return step(*given, **more)

        return taken

    with monkeypatch.context() as patched, suppress(Cut):
        patched.setattr(data_reset, "set_aside", cut(data_reset.set_aside))
        patched.setattr(Memory, "forget_made", cut(Memory.forget_made))
        data_reset.reset(home, part)
    known = Memory(home)
    if known.made(part):  # it is not done: whatever is gone already is missed by the next start
        gone = [name for name in FOLDERS if not (home.root / name).exists()]
        assert len(data_check.problems(home)) >= len(gone)
        data_reset.reset(home, part)
    again = Memory(home)
    assert again.made(part) is None
    assert again.topic_epoch == epoch + (part == "kafka")
    kept = sorted(path.parent.name.split(".")[0] for path in home.root.rglob("kept"))
    assert len(kept) == len(FOLDERS)  # nothing of it was removed


def test_reset_asks_first(home: Home) -> None:
    (home.root / "memory.json").write_text("{")
    assert sharpstream(home, "reset", "all").returncode == 1
    assert (home.root / "memory.json").exists()
    done = sharpstream(home, "reset", "all", "--yes")
    assert done.returncode == 0, done.stderr
    assert "loses everything" in done.stderr
    assert not (home.root / "memory.json").exists()
