"""Objects of superseded attempts are removed; those that a row names, or may still name, are kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from bus.testing import MemoryBlobs
from gateway.operations.orphan_objects import Orphans

BUCKET = "splats"
OLD = datetime.now(UTC) - timedelta(days=2)


@pytest.fixture
async def pool(fresh_database):
    async with asyncpg.create_pool(fresh_database, min_size=1, max_size=4) as pool:
        yield pool


@pytest.fixture
def store():
    return MemoryBlobs()


async def put(store: MemoryBlobs, key: str, written: datetime = OLD) -> str:
    await store.put(key, b"x", "text/plain")
    store.written[key] = written
    return key


async def scene(pool, status: str, *, photo: str, splat: str | None = None) -> UUID:
    user, generation = uuid4(), UUID(photo.split("/")[1])
    await pool.execute(
        "INSERT INTO users VALUES ($1, $2, 'x', 'a', 'b', 'user', now(), now(), true)", user, f"{user}@e.org"
    )
    await pool.execute(
        """INSERT INTO scene_generations (id, user_id, original_image_url, generated_3d_gaussian_url, status,
           priority, metadata, created_at, updated_at)
           VALUES ($1, $2, $3, $4, $5, 'bulk', '{}', now(), now())""",
        generation, user, f"s3://{BUCKET}/{photo}", splat and f"s3://{BUCKET}/{splat}", status,
    )  # fmt: skip
    return generation


async def test_orphans_are_removed_and_all_other_objects_are_kept(pool, store):
    done, waiting, unknown = uuid4(), uuid4(), uuid4()
    stays = [
        await put(store, f"originals/{done}/won"),
        await put(store, f"results/{done}/won.ply"),
        await put(store, f"originals/{waiting}/won"),
        await put(store, f"results/{waiting}/maybe.ply"),
        await put(store, f"results/{done}/young.ply", datetime.now(UTC)),
        await put(store, "results/not-an-id/x"),
        await put(store, "elsewhere/of/others"),
    ]
    goes = [
        await put(store, f"results/{done}/lost.ply"),
        await put(store, f"originals/{waiting}/lost"),
        await put(store, f"originals/{unknown}/never-accepted"),
        await put(store, f"exports/{unknown}/x.glb"),
        await put(store, f"uploads/{unknown}/after-the-erasure"),
    ]
    await scene(pool, "completed", photo=stays[0], splat=stays[1])
    await scene(pool, "processing", photo=stays[2])
    orphans = Orphans(pool, store, BUCKET)
    assert sorted(await orphans.find()) == sorted(goes)
    assert await orphans.find() == [], "they are queued for removal already"
    removals = {row["key"] for row in await pool.fetch("SELECT key FROM blob_removals")}
    assert removals == set(goes)


async def test_a_failed_job_keeps_its_photo_but_no_splat(pool, store):
    failed = uuid4()
    photo = await put(store, f"originals/{failed}/won")
    splat = await put(store, f"results/{failed}/late.ply")
    await scene(pool, "failed", photo=photo)
    assert await Orphans(pool, store, BUCKET).find() == [splat]


async def pictures(store: MemoryBlobs, generation: UUID) -> tuple[str, str]:
    """Store a rendition and a thumbnail; return their URLs."""
    keys = [await put(store, f"results/{generation}/{name}.jpg") for name in ("photo", "small")]
    return f"s3://{BUCKET}/{keys[0]}", f"s3://{BUCKET}/{keys[1]}"


_NAMES = "UPDATE scene_generations SET photo_url = $2, thumbnail_url = $3 WHERE id = $1"


async def test_renditions_are_kept_and_those_of_lost_attempts_are_not(pool, store):
    done, failed = uuid4(), uuid4()
    photos = [await put(store, f"originals/{each}/won") for each in (done, failed)]
    lost = [await put(store, f"results/{each}/lost.jpg") for each in (done, failed)]
    await scene(pool, "completed", photo=photos[0])
    await scene(pool, "failed", photo=photos[1])
    await pool.execute(_NAMES, done, *await pictures(store, done))
    await pool.execute(
        "INSERT INTO scene_renditions (scene_generation_id, photo_url, thumbnail_url, created_at)"
        " VALUES ($1, $2, $3, now())", failed, *await pictures(store, failed),
    )  # fmt: skip
    assert sorted(await Orphans(pool, store, BUCKET).find()) == sorted(lost)


async def test_a_thumbnail_that_an_erasure_by_the_last_release_left_is_removed(pool, store):
    done = uuid4()
    splat = await put(store, f"results/{done}/won.ply")
    await scene(pool, "completed", photo=f"originals/{done}/gone", splat=splat)
    photo, thumbnail = await pictures(store, done)
    await pool.execute(_NAMES, done, photo, thumbnail)
    await store.delete(photo.removeprefix(f"s3://{BUCKET}/"))
    await pool.execute("UPDATE scene_generations SET original_erased_at = now() WHERE id = $1", done)
    assert await Orphans(pool, store, BUCKET).find() == [thumbnail.removeprefix(f"s3://{BUCKET}/")]


async def test_one_sweep_runs_in_each_interval(pool, store):
    key = await put(store, f"results/{uuid4()}/x.ply")
    await Orphans(pool, store, BUCKET).sweep()
    assert await pool.fetchval("SELECT count(*) FROM blob_removals WHERE key = $1", key) == 1
    await pool.execute("DELETE FROM blob_removals")
    await Orphans(pool, store, BUCKET).sweep()
    assert await pool.fetchval("SELECT count(*) FROM blob_removals") == 0, "a sweep has run in this interval"
    await pool.execute("UPDATE chores SET next_at = now()")
    await Orphans(pool, store, BUCKET).sweep()
    assert await pool.fetchval("SELECT count(*) FROM blob_removals") == 1
