"""A backup is taken while the system works, refused when it is damaged, and put back whole after any cut.

| class | members |
|---|---|
| what changes while it is taken | a row, a removal, an object that comes, one that goes |
| damage | each file missing, cut off, changed; the manifest; a key that leads out of the folder |
| where it must not go | a folder in use, a database with tables, the source itself |
| cuts of a restore | before the objects, between two objects, after the dump and before its note |
"""

from __future__ import annotations

import asyncio
import json
import os
import stat
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest

from bus.blob_copies import BlobCopies
from gateway.operations.blob_deletion import Removals
from gateway.operations.orphan_objects import Orphans
from ledger.backup import objects, postgres_tools
from ledger.backup import put_back as putting_back
from ledger.backup.errors import BackupDamagedError, BackupError
from ledger.backup.folder import Folder, Manifest, whole
from ledger.backup.make import Backup, mark
from ledger.backup.put_back import Restored, put_back
from ledger.db import leader_turns, restores
from ledger.db.removals import enqueue
from ledger.invariant_monitor import agree
from ledger.invariant_ranges import check_due
from sharpstream.stack import postgres
from tests.ledger.story import add_user

pytestmark = pytest.mark.stack
LARGE = os.urandom(9 * 1024 * 1024)


@dataclass
class World:
    """A database with scenes, and their objects."""

    url: str
    connection: asyncpg.Connection
    store: BlobCopies
    scene: UUID

    async def backup(self, path: Path, **options: Path) -> Manifest:
        made = Backup(
            connection=self.connection, store=self.store, folder=Folder(path), epoch=3, progress=ignore
        )
        return await made.make(self.url, **options)

    async def contents(self) -> dict[str, bytes]:
        return await contents(self.store)


def ignore(_stage: str, _count: int, _bytes: int) -> None:
    pass


async def contents(store: BlobCopies) -> dict[str, bytes]:
    found = {}
    async for page in store.listing():
        for each in page:
            _, chunks = await store.download(each.key)
            found[each.key] = b"".join([chunk async for chunk in chunks])
    return found


async def empty(store: BlobCopies) -> None:
    async for page in store.listing():
        for each in page:
            await store.delete(each.key)


@pytest.fixture(scope="module")
def buckets() -> list[str]:
    return [f"backups-{uuid4().hex[:8]}" for _ in range(2)]


@pytest.fixture
async def world(fresh_database, s3_settings, buckets, monkeypatch) -> AsyncIterator[World]:
    monkeypatch.setenv("PATH", f"{postgres.programs()}:{os.environ['PATH']}")
    connection = await asyncpg.connect(fresh_database)
    async with BlobCopies(s3_settings.model_copy(update={"bucket": buckets[0]})) as store:
        await store.create_bucket()
        await empty(store)
        scene = uuid4()
        await store.put(f"originals/{scene}/1", LARGE, "image/jpeg")
        await store.put(f"results/{scene}/1.ply", b"splat", "model/ply")
        account = await add_user(connection)
        await connection.execute(
            """INSERT INTO scene_generations (id, user_id, original_image_url, generated_3d_gaussian_url,
               status, priority, metadata, created_at, updated_at)
               VALUES ($1, $2, $3, $4, 'completed', 'bulk', '{}', now(), now())""",
            scene, account, f"s3://b/originals/{scene}/1", f"s3://b/results/{scene}/1.ply",
        )  # fmt: skip
        yield World(fresh_database, connection, store, scene)
        await connection.close()


@dataclass
class Target:
    """An empty database and an empty store."""

    url: str
    connection: asyncpg.Connection
    store: BlobCopies

    async def restore(self, path: Path) -> Restored:
        return await put_back(self.connection, self.store, self.url, Folder(path), ignore)


@pytest.fixture
async def target(empty_database, s3_settings, buckets) -> AsyncIterator[Target]:
    connection = await asyncpg.connect(empty_database)
    async with BlobCopies(s3_settings.model_copy(update={"bucket": buckets[1]})) as store:
        await store.create_bucket()
        await empty(store)
        yield Target(empty_database, connection, store)
        await connection.close()


async def test_all_comes_back(world: World, target: Target, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "backup"
    manifest = await world.backup(path)
    assert (manifest.scenes, manifest.accounts, manifest.objects) == (1, 1, 2)
    assert manifest.topic_epoch == 3
    assert whole(Folder(path)) == manifest
    done = await target.restore(path)
    assert await contents(target.store) == await world.contents()
    assert done.newer["job_count"] == 0
    rows = "SELECT * FROM scene_generations"
    assert await target.connection.fetch(rows) == await world.connection.fetch(rows)
    _, chunks = await target.store.download(f"originals/{world.scene}/1")
    [each async for each in chunks]
    head = await target.store._client.head_object(
        Bucket=target.store.bucket, Key=f"originals/{world.scene}/1"
    )
    assert head["ContentType"] == "image/jpeg"
    again = await target.restore(path)
    assert again.already_there == 2, "a repeated restore changes nothing"


async def test_its_owner_alone_can_read_it(world: World, tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        folder = tmp_path / "backup"
        await world.backup(folder)
    finally:
        os.umask(old)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700, "nothing below is in reach of others"
    assert stat.S_IMODE((folder / "objects").stat().st_mode) == 0o700


async def test_what_is_removed_meanwhile_stays_until_it_is_copied(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The snapshot names an object, and then its scene is deleted, before the object is copied."""
    held = asyncio.Event()
    dump = postgres_tools.dump

    async def slow(*given):
        await dump(*given)
        async with asyncpg.create_pool(world.url, min_size=1, max_size=4) as pool:
            removals = Removals(pool, world.store)
            async with pool.acquire() as connection:
                await enqueue(connection, [f"originals/{world.scene}/1"])
            assert await removals.work() == 0, "not while a backup is made"
        held.set()

    monkeypatch.setattr(postgres_tools, "dump", slow)
    await world.backup(tmp_path / "backup")
    assert held.is_set()
    assert (tmp_path / "backup" / "objects" / "originals" / str(world.scene) / "1").read_bytes() == LARGE
    async with asyncpg.create_pool(world.url, min_size=1, max_size=4) as pool:
        assert await Removals(pool, world.store).work() == 1
    assert f"originals/{world.scene}/1" not in await world.contents()


async def test_an_object_that_vanishes_is_left_out(
    world: World, target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.store.put(f"uploads/{uuid4()}/x", b"used meanwhile", "image/jpeg")
    listing = world.store.listing

    async def then_gone():
        async for page in listing():
            for each in page:
                if each.key.startswith("uploads/"):
                    await world.store.delete(each.key)
            yield page

    monkeypatch.setattr(world.store, "listing", then_gone)
    assert (await world.backup(tmp_path / "backup")).objects == 2
    await target.restore(tmp_path / "backup")


async def test_one_backup_at_a_time(world: World, tmp_path: Path) -> None:
    other = await asyncpg.connect(world.url)
    assert await restores.try_lock(other)
    with pytest.raises(BackupError, match="Another backup"):
        await world.backup(tmp_path / "backup")
    await other.close()  # as a killed one does
    await world.backup(tmp_path / "again")


async def test_unchanged_objects_become_links(world: World, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    await world.backup(first)
    upload = f"uploads/{world.scene}/x"
    await world.store.put(upload, b"new", "image/jpeg")
    await world.store.put(f"results/{world.scene}/1.ply", b"other", "model/ply")
    await world.backup(second, previous=first)
    links = {str(p.relative_to(second / "objects")): p.stat().st_nlink for p in second.rglob("objects/*/*/*")}
    assert links == {
        f"originals/{world.scene}/1": 2,
        f"results/{world.scene}/1.ply": 1,
        upload: 1,
    }
    assert whole(Folder(second)).objects == 3
    assert (first / "objects" / "results" / str(world.scene) / "1.ply").read_bytes() == b"splat"


async def test_damage_is_found_before_anything_is_changed(
    world: World, target: Target, tmp_path: Path
) -> None:
    path = tmp_path / "backup"
    await world.backup(path)

    async def refused(error: type[BackupError]) -> None:
        with pytest.raises(error):
            whole(Folder(path))
        with pytest.raises(error):
            await target.restore(path)

    for name in ("manifest.json", "database.dump", "objects.jsonl"):
        content = (path / name).read_bytes()
        (path / name).unlink()
        await refused(BackupError)
        for wrong in (content[:-20], content[:50] + bytes([content[50] ^ 255]) + content[51:]):
            (path / name).write_bytes(wrong)
            await refused(BackupError)
        (path / name).write_bytes(content)
    assert await target.connection.fetchval("SELECT to_regclass('migrations')") is None
    assert await contents(target.store) == {}
    manifest = json.loads((path / "manifest.json").read_text())
    (path / "manifest.json").write_text(json.dumps(manifest | {"format": 2}))
    with pytest.raises(BackupError, match="format 2"):
        whole(Folder(path))
    newer = manifest | {"migrations": [*manifest["migrations"], "9999_later"]}
    (path / "manifest.json").write_text(json.dumps(newer))
    with pytest.raises(BackupError, match="newer release"):
        await target.restore(path)


async def test_a_damaged_object_is_named_and_not_stored(world: World, target: Target, tmp_path: Path) -> None:
    path = tmp_path / "backup"
    await world.backup(path)
    splat = path / "objects" / "results" / str(world.scene) / "1.ply"
    for damage in (lambda: splat.write_bytes(b"splaT"), lambda: splat.write_bytes(b"spl"), splat.unlink):
        damage()
        with pytest.raises(BackupDamagedError, match=r"1\.ply"):
            whole(Folder(path))
        with pytest.raises(BackupDamagedError, match=r"1\.ply"):
            await target.restore(path)
        assert f"results/{world.scene}/1.ply" not in await contents(target.store)
    splat.write_bytes(b"splat")
    await target.restore(path)  # goes on where it ended
    assert await contents(target.store) == await world.contents()


@pytest.mark.parametrize("key", ["../outside", "/etc/passwd", "a//b", "a/../../b", "a\0b", ""])
def test_no_key_leads_out_of_the_folder(tmp_path: Path, key: str) -> None:
    with pytest.raises(BackupDamagedError):
        Folder(tmp_path).object_path(key)


async def test_nothing_is_replaced(world: World, target: Target, tmp_path: Path) -> None:
    path = tmp_path / "backup"
    await world.backup(path)
    with pytest.raises(BackupError, match="not empty"):
        await world.backup(path)
    with pytest.raises(BackupError, match="not empty"):
        await put_back(world.connection, world.store, world.url, Folder(path), ignore)
    await target.connection.execute("CREATE TABLE of_another (id int)")
    with pytest.raises(BackupError, match="not empty"):
        await target.restore(path)


@pytest.mark.parametrize("cut", ["the first object", "the note"])
async def test_a_restore_that_is_cut_off_goes_on(
    world: World, target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut: str
) -> None:
    path = tmp_path / "backup"
    await world.backup(path)

    class CutOffError(Exception):
        pass

    async def never(*_given):
        raise CutOffError

    with monkeypatch.context() as patched:
        patched.setattr(*((putting_back, "migrate") if cut == "the note" else (objects, "_put")), never)
        with pytest.raises(CutOffError):
            await target.restore(path)
    await target.restore(path)
    assert await contents(target.store) == await world.contents()
    for connection in (world.connection, target.connection):
        left = await connection.fetch("SELECT name FROM chores WHERE name LIKE $1", mark("%"))
        assert left == []


async def test_what_is_newer_is_named_and_stays(world: World, target: Target, tmp_path: Path) -> None:
    path, later = tmp_path / "backup", uuid4()
    await world.connection.execute("DELETE FROM scene_generations")  # its events are missing here
    await empty(world.store)
    await world.backup(path)
    key = f"results/{later}/1.ply"
    await target.store.put(key, b"newer than the backup", "model/ply")  # a store that outlived its database
    done = await target.restore(path)
    assert done.newer == {"account_count": 0, "accounts": [], "job_count": 1, "jobs": [str(later)]}
    async with asyncpg.create_pool(target.url, min_size=1, max_size=2) as pool:
        orphans = Orphans(pool, target.store, "b")
        await orphans.sweep()
        assert not await leader_turns.is_done(pool, "orphans"), "not before the invariants hold"
        assert await agree(pool) == []
        await check_due(pool, timedelta(0))
        assert await agree(pool) == [done.id]
        assert await agree(pool) == []
        await orphans.sweep()
        assert await leader_turns.is_done(pool, "orphans")
        assert await pool.fetchval("SELECT count(*) FROM blob_removals") == 0
    assert key in await contents(target.store)
